"""A .zip of PNG and JPEG pictures; their folders are the labels."""

from __future__ import annotations

import io
import zipfile
from pathlib import PurePosixPath

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from ...errors import InputError
from .archive import Unpacker, opened
from .choices import Choices
from .found import Found
from .limits import LARGEST, PICTURE_BYTES, PICTURE_PIXELS, Limits, NeedsSize, Progress, check_shape, shown
from .pixels import resized

PICTURES = (".png", ".jpg", ".jpeg")
ARCHIVES = (".zip", ".gz", ".tgz", ".tar", ".bz2", ".xz", ".7z", ".rar", ".zst", ".npz")
PASSED_OVER = (".DS_Store", "Thumbs.db", "desktop.ini")  # what file managers leave behind
PASSED_OVER_FOLDER = "__MACOSX"
FORMATS = ("PNG", "JPEG")  # Pillow looks at the content; no other of its readers is ever run
STEP = 64  # pictures between two words of progress


def read(data: bytes, choices: Choices, limits: Limits, progress: Progress) -> Found:
    """Raises InputError naming the entry that is to blame, NeedsSize when the pictures must be resized."""
    with opened(data, limits) as archive:
        # By name: the order in which an archive was packed makes no difference.
        entries = sorted(filter(_wanted, archive.infolist()), key=lambda entry: entry.filename)
        names = [entry.filename for entry in entries]
        labels = _folders(names)
        limits.admit(len(entries))
        unpacker, gallery = Unpacker(archive, limits), _Gallery(len(entries), choices.size, limits)
        for place, entry in enumerate(entries):
            if place % STEP == 0:
                progress(place / len(entries), "Reading pictures")
            gallery.hang(unpacker.read(entry, PICTURE_BYTES), entry.filename)
    progress(1.0, "Reading pictures")
    return Found(np.stack(gallery.pictures), labels)


def _wanted(entry: zipfile.ZipInfo) -> bool:
    """Whether it is a picture; False for what is passed over. Raises InputError for all else."""
    path = PurePosixPath(entry.filename)
    if entry.is_dir() or PASSED_OVER_FOLDER in path.parts or path.name in PASSED_OVER:
        return False
    suffix = path.suffix.lower()
    if suffix in ARCHIVES:
        raise InputError(f"{shown(entry.filename)} is an archive in the archive; put the pictures themselves in it.")
    if suffix not in PICTURES:
        raise InputError(f"{shown(entry.filename)} is neither .png nor .jpg; only such pictures may be in the archive.")
    return True


def _folders(names: list[str]) -> list[str] | None:
    """The last folder above each picture; None without folders, a single one that holds all others aside."""
    paths = [name.split("/")[:-1] for name in names]
    if paths and all(paths) and len({path[0] for path in paths}) == 1:
        paths = [path[1:] for path in paths]
    if not any(paths):
        return None
    if not all(paths):
        bare = names[[bool(path) for path in paths].index(False)]
        raise InputError(f"{shown(bare)} lies in no folder, while others do: folders are labels, so each needs one.")
    return [path[-1] for path in paths]


class _Gallery:
    """Decoded pictures, all of one size."""

    def __init__(self, count: int, size: tuple[int, int] | None, limits: Limits) -> None:
        self.count, self.size, self.limits = count, size, limits
        self.pictures: list[np.ndarray] = []  # (H, W) uint8 each
        self.decoded = 0  # pixels before resizing

    def hang(self, raw: bytes, name: str) -> None:
        """One more. Raises InputError when it can't be."""
        picture = self._decode(raw, name)[None]  # (1, H, W)
        check_shape(*picture.shape[1:], self.size, f"{shown(name)} has")
        picture = resized(picture, self.size)[0]
        if not self.pictures:
            self.limits.admit(self.count, picture.size)  # now that the size of all is known
        elif picture.shape != (first := self.pictures[0].shape):
            raise NeedsSize(
                f"The pictures are not of one size: {shown(name)} has {picture.shape[0]}×{picture.shape[1]} pixels, "
                f"those before it {first[0]}×{first[1]}. Choose a size to resize all of them to."
            )
        self.pictures.append(picture)

    def _decode(self, raw: bytes, name: str) -> np.ndarray:
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
            return _grey(picture)
        except Exception:
            raise _damaged(name) from None


def _grey(picture: Image.Image) -> np.ndarray:
    """(H, W) uint8: colours as their luminance, what is transparent as if it lay on black, photographs upright."""
    if picture.format != "PNG":
        picture = ImageOps.exif_transpose(picture)
    if picture.mode.startswith("I"):  # 16 bits: Pillow's own conversion would cut them off at 255
        return (np.asarray(picture) // 257).astype(np.uint8)
    if picture.has_transparency_data:
        picture = picture.convert("RGBA")
        picture = Image.alpha_composite(Image.new("RGBA", picture.size, (0, 0, 0, 255)), picture).convert("RGB")
    return np.asarray(picture.convert("L"))


def _too_large(name: str) -> InputError:
    return InputError(f"{shown(name)} has more than {PICTURE_PIXELS / 1e6:.0f} million pixels.")


def _damaged(name: str) -> InputError:
    return InputError(f"{shown(name)} is a damaged picture.")
