"""A NumPy .npz with `images` and, perhaps, `labels`.

Read array by array and block by block from the archive: what a header claims is checked before memory is taken.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from math import prod
from typing import IO

import numpy as np

from ...errors import InputError
from .archive import BROKEN, damaged, opened
from .choices import Choices
from .found import Found
from .limits import Limits, Progress, shown
from .pixels import Layout, Range, levels, resized

BLOCK = 1 << 23  # bytes read at a time
NUMBERS = "buif"  # NumPy's kinds: bool, unsigned, int, float


def read(data: bytes, choices: Choices, limits: Limits, progress: Progress) -> Found:
    """Raises InputError for arrays that are no images, NeedsSize when they must be resized."""
    size = choices.size
    with opened(data, limits) as archive:
        members = {entry.filename.removesuffix(".npy"): entry for entry in archive.infolist()}
        if "images" not in members:
            held = ", ".join(shown(name) for name in list(members)[:5]) or "nothing"
            raise InputError(f"It needs an array called “images”, and may have one called “labels”; it holds {held}.")
        images = _Array.of(archive, members["images"], limits)
        if images.dtype.kind not in NUMBERS:
            raise InputError(f"The images are of the type {shown(str(images.dtype))}; they must be numbers.")
        layout = Layout.of(images.shape, size)
        limits.admit(images.shape[0], prod(size or (layout.height, layout.width)))
        labels = None
        if "labels" in members:
            labels = _labels(_Array.of(archive, members["labels"], limits), images.shape[0])

        seen, done = Range(), 0
        for block in images.blocks():  # once for the range of the numbers, which says what white is …
            seen.see(block)
            done += len(block)
            progress(done / images.shape[0] / 2, "Looking at the numbers")
        pictures, done = [], 0
        for block in images.blocks():  # … and once to make levels of them: never are all in memory as floats
            pictures.append(resized(layout.grey(levels(block, seen.scale)), size))
            done += len(block)
            progress(0.5 + done / images.shape[0] / 2, "Reading images")
    return Found(np.concatenate(pictures), labels)


@dataclass(frozen=True)
class _Array:
    """One .npy entry whose header has been read."""

    archive: zipfile.ZipFile
    entry: zipfile.ZipInfo
    shape: tuple[int, ...]
    fortran_order: bool
    dtype: np.dtype

    @classmethod
    def of(cls, archive: zipfile.ZipFile, entry: zipfile.ZipInfo, limits: Limits) -> _Array:
        """Raises InputError for pickled objects, for what is no array, and for more than may be unpacked."""
        try:
            with archive.open(entry) as file:
                array = cls(archive, entry, *_header(file))
        except BROKEN:
            raise InputError(
                f"{shown(entry.filename)} in the archive is not a NumPy array, or a damaged one."
            ) from None
        if array.dtype.hasobject:
            raise InputError(
                f"{shown(entry.filename)} holds pickled Python objects, which could be a program and are never opened; "
                "save plain arrays of numbers."
            )
        limits.unpackable(prod(array.shape) * array.dtype.itemsize)
        return array

    def blocks(self) -> Iterator[np.ndarray]:
        """Its rows, some at a time. Raises InputError when it is damaged."""
        row = prod(self.shape[1:]) * self.dtype.itemsize
        step = max(1, BLOCK // max(row, 1))
        try:
            with self.archive.open(self.entry) as file:
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
            raise damaged(self.entry.filename) from None


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


def _labels(array: _Array, count: int) -> list[str]:
    if array.shape not in ((count,), (count, 1)):
        raise InputError(
            f"The labels have the shape {array.shape}; there must be one for each of the {count:,} images, ({count},)."
        )
    values = np.concatenate([block.ravel() for block in array.blocks()])
    if array.dtype.kind == "f" and bool((values == np.rint(values)).all()):
        values = values.astype(np.int64)
    if values.dtype.kind not in "buiU":
        raise InputError(f"The labels are of the type {shown(str(array.dtype))}; they must be whole numbers or text.")
    return [str(value) for value in values.tolist()]
