"""A .zip of PNG and JPEG pictures; their folders are the labels."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePosixPath

from ...errors import InputError
from .archive import Unpacker, opened
from .choices import Choices
from .folders import read_folders
from .found import Found
from .gallery import Gallery
from .limits import PICTURE_BYTES, Limits, Progress, listed, shown

PICTURES = (".png", ".jpg", ".jpeg")
ARCHIVES = (".zip", ".gz", ".tgz", ".tar", ".bz2", ".xz", ".7z", ".rar", ".zst", ".npz")
# Texts and tables that come with pictures: they are passed over, and counted. Programs and other kinds are refused.
COMPANIONS = (".txt", ".md", ".rst", ".csv", ".tsv", ".json", ".xml", ".yaml", ".yml", ".html", ".pdf", ".log", ".mat")
UNTYPED_COMPANIONS = ("readme", "license", "licence", "copying", "authors", "changelog")
LEFT_BEHIND = ("thumbs.db", "desktop.ini")  # by file managers; what begins with a point, too
LEFT_BEHIND_FOLDERS = ("__macosx", "@eadir")
STEP = 64  # pictures between two words of progress


def read(data: bytes, choices: Choices, limits: Limits, progress: Progress) -> Found:
    """Raises InputError naming the entry that is to blame, NeedsSize when the pictures must be resized."""
    archive, all_entries, encoding = opened(data, limits)
    with archive:
        # By name: the order in which an archive was packed makes no difference.
        entries = sorted((entry for entry in all_entries if not entry.info.is_dir()), key=lambda entry: entry.name)
        wanted = [entry for entry in entries if _wanted(entry.name)]
        left_out = [entry.name for entry in entries if not _wanted(entry.name)]
        if not wanted and left_out:
            raise InputError(f"It holds no PNG or JPEG picture, but {listed(left_out)}.")
        names = [entry.name for entry in wanted]
        folders = read_folders(names, choices.label)
        limits.admit(len(wanted))
        unpacker, gallery = Unpacker(archive, limits), Gallery(len(wanted), choices, limits)
        for place, entry in enumerate(wanted):
            if place % STEP == 0:
                progress(place / len(wanted), "Reading pictures")
            gallery.hang(unpacker.read(entry, PICTURE_BYTES), entry.name)
    progress(1.0, "Reading pictures")
    images, notes = gallery.images()
    said = (*_said_of_names(names, encoding), *folders.notes, *notes, *_said_of_left_out(left_out))
    return Found(images, folders.labels, folders.held_out, said, gallery.coloured)


def _wanted(name: str) -> bool:
    """Whether it is a picture; False for what is passed over. Raises InputError for all else."""
    path = PurePosixPath(name)
    folders = [folder.lower() for folder in path.parts[:-1]]
    if path.name.startswith(".") or path.name.lower() in LEFT_BEHIND:
        return False
    if any(folder.startswith(".") or folder in LEFT_BEHIND_FOLDERS for folder in folders):
        return False
    suffix = path.suffix.lower()
    if suffix in ARCHIVES:
        raise InputError(f"{shown(name)} is an archive in the archive; put the pictures themselves in it.")
    if suffix in COMPANIONS or (not suffix and path.name.lower() in UNTYPED_COMPANIONS):
        return False
    if suffix not in PICTURES:
        raise InputError(f"{shown(name)} is neither .png nor .jpg; only such pictures may be in the archive.")
    return True


def _said_of_names(names: Sequence[str], encoding: str | None) -> list[str]:
    if encoding is None:
        return []
    example = next((name for name in names if not name.isascii()), None)
    if example is None:
        return []
    return [
        f"The archive doesn't say how its names are written; they were read as {encoding}, such as {shown(example)}."
    ]


def _said_of_left_out(names: Sequence[str]) -> list[str]:
    """What was passed over; a table beside pictures may hold labels, which are not read."""
    if not names:
        return []
    count = f"{len(names):,} other file{'s' * (len(names) > 1)} {'were' if len(names) > 1 else 'was'} left out"
    tables = [name for name in names if PurePosixPath(name).suffix.lower() in (".csv", ".tsv", ".json", ".mat")]
    more = " Labels come from folders only, not from such a table." if tables else ""
    return [f"{count}: {listed(names)}.{more}"]
