"""NumPy arrays in a file, read block by block: what a header claims is checked before memory is taken."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import prod
from typing import IO

import numpy as np

from ...errors import InputError
from .archive import BROKEN
from .choices import Choices
from .limits import Limits, Progress, shown
from .pixels import CHANNELS, SAID_OF_COLOURS, Layout, Range, alike, coloured, luminance, resized

BLOCK = 1 << 23  # bytes read at a time
NUMBERS = "buif"  # NumPy's kinds: bool, unsigned, int, float


@dataclass(frozen=True)
class Array:
    """One .npy whose header has been read."""

    name: str  # as the file has it, without .npy
    what: str  # what a sentence calls it
    open: Callable[[], IO[bytes]]
    shape: tuple[int, ...]
    fortran_order: bool
    dtype: np.dtype

    @classmethod
    def of(cls, name: str, what: str, opener: Callable[[], IO[bytes]], limits: Limits) -> Array:
        """Raises InputError for pickled objects, for what is no array, and for more than may be unpacked."""
        try:
            with opener() as file:
                array = cls(name, what, opener, *_header(file))
        except BROKEN:
            raise InputError(f"{what} is not a NumPy array, or a damaged one.") from None
        if array.dtype.hasobject:
            raise InputError(
                f"{what} holds pickled Python objects, which could be a program and are never opened; "
                "save plain arrays of numbers."
            )
        limits.unpackable(prod(array.shape) * array.dtype.itemsize)
        return array

    def blocks(self) -> Iterator[np.ndarray]:
        """Its rows, some at a time. Raises InputError when it is damaged."""
        row = prod(self.shape[1:]) * self.dtype.itemsize
        step = max(1, BLOCK // max(row, 1))
        try:
            with self.open() as file:
                _header(file)
                if self.fortran_order:  # stored column by column: no row is whole before all has been read
                    whole = np.frombuffer(file.read(self.shape[0] * row), self.dtype).reshape(self.shape, order="F")
                for start in range(0, self.shape[0], step):
                    rows = min(step, self.shape[0] - start)
                    if self.fortran_order:
                        yield whole[start : start + rows]
                    else:  # a short read leaves too few bytes for the shape, which is a ValueError
                        yield np.frombuffer(file.read(rows * row), self.dtype).reshape(rows, *self.shape[1:])
                if file.read(1):  # at the end zipfile compares the checksum
                    raise EOFError
        except BROKEN:
            raise InputError(f"{self.what} is damaged.") from None

    def values(self) -> np.ndarray:
        """All of it."""
        return np.concatenate([np.empty((0, *self.shape[1:]), self.dtype), *self.blocks()])


@dataclass(frozen=True)
class Read:
    """What is in arrays of images."""

    images: np.ndarray  # (N, H, W) uint8, or (N, H, W, 3) with colours
    coloured: bool  # whether the arrays have colours, kept or not
    notes: tuple[str, ...]  # what was decided


def images_of(arrays: list[Array], choices: Choices, limits: Limits, progress: Progress) -> Read:
    """The images of all arrays, one after the other.

    Raises InputError for arrays that are no images, NeedsSize when they must be resized.
    """
    layouts = []
    for array in arrays:
        if array.dtype.kind not in NUMBERS:
            raise InputError(f"The images are of the type {shown(str(array.dtype))}; they must be numbers.")
        layouts.append(Layout.of(array.shape, choices.size))
    if any((layout.height, layout.width) != (layouts[0].height, layouts[0].width) for layout in layouts):
        raise InputError(f"The images have several sizes: {' and '.join(str(array.shape) for array in arrays)}.")
    count, pixels = sum(array.shape[0] for array in arrays), prod(choices.size or (layouts[0].height, layouts[0].width))
    limits.admit(count, pixels)
    seen, likely, done = Range(), False, 0
    for array, layout in zip(arrays, layouts, strict=True):  # once for the range of the numbers, which tells white …
        for block in array.blocks():
            seen.see(block)
            likely = likely or (layout.channels > 1 and coloured(layout.images(block)))
            done += len(block)
            progress(done / count / 2, "Looking at the numbers")
    scale, kept = seen.scale(choices), likely and choices.keeps_colours
    if kept:
        limits.admit(count, pixels, CHANNELS)
    pictures, colours, done = [], False, 0
    for array, layout in zip(arrays, layouts, strict=True):  # … and once to make levels of them: never all as floats
        for block in array.blocks():
            levels = layout.images(scale.levels(block))
            colours = colours or (layout.channels > 1 and coloured(levels))
            pictures.append(resized(levels if kept or layout.channels == 1 else luminance(levels), choices.size))
            done += len(block)
            progress(0.5 + done / count / 2, "Reading images")
    images = np.concatenate(alike(pictures))
    if kept and not colours:  # the numbers differed in their last digit only
        images = images[..., 0]
    notes = [*([scale.note] if scale.note else []), *([SAID_OF_COLOURS[kept]] if colours else [])]
    return Read(images, colours, tuple(notes))


def _header(file: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype]:
    """Shape, whether it is in Fortran's order, type. Raises one of BROKEN."""
    if np.lib.format.read_magic(file) != (1, 0):  # later versions, for huge record types, may claim a header of 4 GB
        raise ValueError
    try:
        shape, fortran_order, dtype = np.lib.format.read_array_header_1_0(file)
    except BROKEN:
        raise
    except Exception:  # NumPy has Python parse the header: tokenizer, parser and their stacks have errors of their own
        raise ValueError from None
    if any(length < 0 for length in shape):
        raise ValueError
    return shape, fortran_order, dtype
