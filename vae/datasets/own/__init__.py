"""Images of one's own: a file from outside becomes a data set, or one sentence says why not.

Grey images are kept as they are and colours as their luminance; numbers are whole levels from 0 to 255 or lie
between 0 and 1. Sides of 4 to 64 pixels are kept, others are resized if asked for. A sixth is held out for testing.
Nothing is unpickled, unpacked to a disk or run, and what is read is bounded (`Limits`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import PurePath

from ...errors import InputError
from ..images import Images
from . import npz, pictures, table
from .choices import Ambiguous, Choices
from .found import Found
from .limits import LARGEST, SMALLEST, Limits, NeedsSize, Progress, check_size, megabytes, shown

__all__ = [
    "LARGEST",
    "READERS",
    "SMALLEST",
    "Ambiguous",
    "Choices",
    "Imported",
    "Limits",
    "NeedsSize",
    "Progress",
    "read",
    "validation_size",
]

Reader = Callable[[bytes, Choices, Limits, Progress], Found]
READERS: dict[str, Reader] = {".npz": npz.read, ".zip": pictures.read, ".csv": table.read}


def validation_size(train_size: int) -> int:
    """How many of so many training images to watch learning on: as many as of the digits, but a sixth at the most."""
    return min(200, train_size // 6)


def _silent(share: float, what: str) -> None:
    """Tell nobody."""


@dataclass(frozen=True)
class Imported:
    """A file's images, and what its owner has to know of how they were read."""

    images: Images
    notes: tuple[str, ...] = ()  # decisions, and what was left out
    warnings: tuple[str, ...] = ()  # what looks wrong, and the remedy


def read(name: str, data: bytes, choices: Choices, limits: Limits, progress: Progress = _silent) -> Imported:
    """The images in the file `name`, read as `choices` say where the file leaves a choice.

    Raises InputError with a sentence for all that is refused; NeedsSize when a size would put it right, Ambiguous when
    a choice must be made.
    """
    suffix = PurePath(name).suffix.lower()
    if suffix not in READERS:
        raise InputError(f"{shown(name)} is of no known kind: images come as {', '.join(READERS)}.")
    if len(data) > limits.upload_bytes:
        raise InputError(
            f"The file has {megabytes(len(data))}, and {megabytes(limits.upload_bytes)} are allowed here "
            "(VAE_MAX_UPLOAD_MB)."
        )
    if not data:
        raise InputError("The file is empty.")
    check_size(choices.size)
    found = READERS[suffix](data, choices, limits, progress)
    return Imported(found.data_set(), found.notes, found.warnings)
