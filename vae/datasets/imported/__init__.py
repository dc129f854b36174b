"""Images of one's own: a file from outside becomes a data set, or one sentence says why not.

Grey images are kept as they are, coloured ones as red, green and blue, or as their luminance if asked for; numbers are
whole levels from 0 to 255 or lie between 0 and 1. Sides of 4 to 64 pixels are kept, others are resized if asked for. A
sixth is held out for testing. Nothing is unpickled, unpacked to a disk or run, and what is read is bounded (`Limits`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from ...errors import InputError
from ..images import Images
from . import compressed, npz, pictures, table
from .choices import CHOICES, Ambiguous, Choices
from .found import Found
from .limits import LARGEST, SMALLEST, Limits, NeedsSize, Progress, check_size, megabytes, shown
from .pixels import WHITE
from .suspicious import warnings_for

__all__ = [
    "CHOICES",
    "LARGEST",
    "PACKED",
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
READERS: dict[str, Reader] = {
    ".npz": npz.read,
    ".npy": npz.read_npy,
    ".zip": pictures.read,
    ".csv": table.read,
    ".tsv": table.read,
    "-idx3-ubyte": compressed.read_idx_images,
    ".idx3-ubyte": compressed.read_idx_images,
}
PACKED = ".gz"  # around any of them


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
    coloured: bool = False  # whether the file has colours, kept or not


def read(name: str, data: bytes, choices: Choices, limits: Limits, progress: Progress = _silent) -> Imported:
    """The images in the file `name`, read as `choices` say where the file leaves a choice.

    Raises InputError with a sentence for all that is refused; NeedsSize when a size would put it right, Ambiguous when
    a choice must be made.
    """
    unpacked_name = name.lower().removesuffix(PACKED)
    reader = next((reader for ending, reader in READERS.items() if unpacked_name.endswith(ending)), None)
    if reader is None:
        kinds = ", ".join(ending for ending in READERS if ending.startswith("."))
        raise InputError(f"{shown(name)} is of no known kind: images come as {kinds}.")
    if len(data) > limits.upload_bytes:
        raise InputError(
            f"The file has {megabytes(len(data))}, and {megabytes(limits.upload_bytes)} are allowed here "
            "(VAE_MAX_UPLOAD_MB)."
        )
    if not data:
        raise InputError("The file is empty.")
    check_size(choices.size)
    if name.lower().endswith(PACKED):
        data = compressed.unpacked(data, limits)
    found = reader(data, choices, limits, progress)
    if choices.invert:
        found = replace(found, images=WHITE - found.images)
    split = () if found.held_out is not None else ("A sixth of the images, drawn at random, is held out for testing.",)
    notes = (*found.notes, *split)
    return Imported(found.data_set(), notes, warnings_for(found.images), found.coloured)
