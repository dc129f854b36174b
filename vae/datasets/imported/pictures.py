"""A .zip of PNG and JPEG pictures; their folders are the labels.

What holds for one picture is decided for all of them together, so that none is lighter or darker than its neighbours.
"""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Sequence
from pathlib import PurePosixPath

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from ...errors import InputError
from .archive import Unpacker, opened
from .choices import Choices
from .folders import read_folders
from .found import Found
from .limits import LARGEST, PICTURE_BYTES, PICTURE_PIXELS, Limits, NeedsSize, Progress, check_shape, listed, shown
from .pixels import WHITE, Scale

PICTURES = (".png", ".jpg", ".jpeg")
ARCHIVES = (".zip", ".gz", ".tgz", ".tar", ".bz2", ".xz", ".7z", ".rar", ".zst", ".npz")
# Texts and tables that come with pictures: they are passed over, and counted. Programs and other kinds are refused.
COMPANIONS = (".txt", ".md", ".rst", ".csv", ".tsv", ".json", ".xml", ".yaml", ".yml", ".html", ".pdf", ".log", ".mat")
UNTYPED_COMPANIONS = ("readme", "license", "licence", "copying", "authors", "changelog")
LEFT_BEHIND = ("thumbs.db", "desktop.ini")  # by file managers; what begins with a point, too
LEFT_BEHIND_FOLDERS = ("__macosx", "@eadir")
FORMATS = ("PNG", "JPEG")  # Pillow looks at the content; no other of its readers is ever run
STEP = 64  # pictures between two words of progress
SIXTEEN_BITS = 65535
PAPER = {"black": 0, "white": WHITE}  # `Choices.paper` → the grey level that shows through


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
        unpacker, gallery = Unpacker(archive, limits), _Gallery(len(wanted), choices, limits)
        for place, entry in enumerate(wanted):
            if place % STEP == 0:
                progress(place / len(wanted), "Reading pictures")
            gallery.hang(unpacker.read(entry, PICTURE_BYTES), entry.name)
    progress(1.0, "Reading pictures")
    images, notes = gallery.images()
    said = (*_said_of_names(names, encoding), *folders.notes, *notes, *_said_of_left_out(left_out))
    return Found(images, folders.labels, folders.held_out, said)


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


class _Gallery:
    """Decoded pictures, all of one size, and what must be known of all of them before they are grey levels."""

    def __init__(self, count: int, choices: Choices, limits: Limits) -> None:
        self.count, self.choices, self.size, self.limits = count, choices, choices.size, limits
        self.pictures: list[np.ndarray] = []  # (H, W) each: uint8, or float32 with numbers of 16 bits
        self.on_white: dict[int, np.ndarray] = {}  # place → the same on white paper, where it is transparent
        self.shown = self.ink = 0.0  # sums over transparent pictures: of opacity, and of brightness × opacity
        self.highest = 0  # of all numbers of 16 bits
        self.kinds: Counter[str] = Counter()
        self.decoded = 0  # pixels before resizing

    def hang(self, raw: bytes, name: str) -> None:
        """One more. Raises InputError when it can't be."""
        picture, other = self._decode(raw, name)  # (H, W), and the same on white
        height, width = picture.shape
        check_shape(height, width, self.size, f"{shown(name)} has")
        picture = _resized(picture, self.size)
        if not self.pictures:
            self.limits.admit(self.count, picture.size)  # now that the size of all is known
        elif picture.shape != (first := self.pictures[0].shape):
            raise NeedsSize(
                f"The pictures are not of one size: {shown(name)} has {picture.shape[0]}×{picture.shape[1]} pixels, "
                f"those before it {first[0]}×{first[1]}. Choose a size to resize all of them to."
            )
        if other is not None:
            self.on_white[len(self.pictures)] = _resized(other, self.size)
        self.pictures.append(picture)

    def images(self) -> tuple[np.ndarray, list[str]]:
        """All of them, (N, H, W) uint8, and what was decided."""
        notes = []
        if self.on_white:
            dark = self.ink < self.shown / 2  # their mean brightness, weighted by opacity, is below one half
            paper = self.choices.paper or ("white" if dark else "black")
            if paper == "white":
                for place, picture in self.on_white.items():
                    self.pictures[place] = picture
            why = "" if self.choices.paper else f", because what they show is {'dark' if dark else 'light'}"
            notes.append(f"{len(self.on_white):,} transparent pictures lie on {paper} paper{why}.")
        if self.kinds["deep"]:
            white = self.choices.white or (WHITE if self.highest <= WHITE else SIXTEEN_BITS)
            if self.highest > white:
                raise InputError(f"White can't be {white:g}: the pixels run up to {self.highest:g}.")
            if white == WHITE and not self.choices.white:
                notes.append(
                    "Pictures of 16 bits hold nothing above 255: their numbers were taken for levels 0 to 255."
                )
            scale = Scale(0, white)
            self.pictures = [
                picture if picture.dtype == np.uint8 else _of_sixteen_bits(picture, scale) for picture in self.pictures
            ]
        if self.kinds["colour"]:
            notes.append("Colours became grey levels (their luminance).")
        return np.stack(self.pictures), notes

    def _decode(self, raw: bytes, name: str) -> tuple[np.ndarray, np.ndarray | None]:
        try:
            picture = Image.open(io.BytesIO(raw), formats=FORMATS)  # reads its header only
        except UnidentifiedImageError:
            raise InputError(f"{shown(name)} is neither a PNG nor a JPEG picture, or its start is damaged.") from None
        except Image.DecompressionBombError:
            raise _too_large(name) from None
        except Exception:  # Pillow's readers raise whatever damaged bytes lead them to
            raise _damaged(name) from None
        width, height = picture.size
        self.decoded += width * height
        if width * height > PICTURE_PIXELS:
            raise _too_large(name)
        if self.decoded > self.limits.decoded_pixels:
            raise InputError(
                f"The pictures have more than {self.limits.decoded_pixels / 1e6:,.0f} million pixels together, which "
                "is not allowed here: resize them before you upload them."
            )
        if max(width, height) > LARGEST:
            check_shape(height, width, self.size, f"{shown(name)} has")  # before anything large is decoded
        try:
            return self._grey(picture, raw)
        except Exception:
            raise _damaged(name) from None

    def _grey(self, picture: Image.Image, raw: bytes) -> tuple[np.ndarray, np.ndarray | None]:
        """(H, W) upright: colours as their luminance; what is transparent on black and, a second time, on white."""
        if picture.format != "PNG" or b"eXIf" in raw:
            picture = ImageOps.exif_transpose(picture)
        if picture.mode.startswith("I"):  # 16 bits: Pillow's own conversion would cut them off at 255
            numbers = np.asarray(picture).astype(np.float32)
            self.kinds["deep"] += 1
            self.highest = max(self.highest, int(numbers.max()))
            return numbers, None
        if picture.mode not in ("1", "L", "LA") and not self.kinds["colour"]:
            red, *others = np.moveaxis(np.asarray(picture.convert("RGB")), -1, 0)
            self.kinds["colour"] += not all(np.array_equal(red, other) for other in others)
        if not picture.has_transparency_data:
            return np.asarray(picture.convert("L")), None
        picture = picture.convert("RGBA")
        opacity = np.asarray(picture.getchannel("A"))
        on_black, on_white = (
            np.asarray(
                Image.alpha_composite(Image.new("RGBA", picture.size, (*[level] * 3, 255)), picture).convert("L")
            )
            for level in PAPER.values()
        )
        if opacity.min() == WHITE:
            return on_black, None
        self.shown += float(opacity.mean(dtype=float))
        self.ink += float(on_black.mean(dtype=float))
        return on_black, on_white


def _resized(picture: np.ndarray, size: tuple[int, int] | None) -> np.ndarray:
    """(H, W) uint8 or float32, stretched or shrunk to exactly `size` (height, width)."""
    if size is None or picture.shape == size:
        return picture
    return np.asarray(Image.fromarray(picture).resize(size[::-1], Image.Resampling.LANCZOS))


def _of_sixteen_bits(numbers: np.ndarray, scale: Scale) -> np.ndarray:
    """uint8; the levels of whole pictures are cut, not rounded, as they always were: 256 steps of equal width."""
    if scale.white == SIXTEEN_BITS:
        return np.clip(numbers // 257, 0, WHITE).astype(np.uint8)
    return scale.levels(numbers)


def _too_large(name: str) -> InputError:
    return InputError(f"{shown(name)} has more than {PICTURE_PIXELS / 1e6:.0f} million pixels.")


def _damaged(name: str) -> InputError:
    return InputError(f"{shown(name)} is a damaged picture.")
