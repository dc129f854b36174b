"""A .csv with one image in each line: its label, which may be empty, then its pixels, row by row."""

from __future__ import annotations

import io
from math import isqrt

import numpy as np

from ...errors import InputError
from .choices import Choices
from .found import Found
from .limits import Limits, Progress, shown
from .pixels import Layout, Range, levels, resized

BLOCK = 1 << 20  # numbers parsed at a time
HEADINGS = ("label", "labels", "class", "y", "target")  # of a first column, over numbered pixels


def read(data: bytes, choices: Choices, limits: Limits, progress: Progress) -> Found:
    """Raises InputError naming the line that is to blame, NeedsSize when the images must be resized."""
    if b"\0" in data:
        raise InputError("It is not a text file; a .csv has lines of numbers with commas between them.")
    try:
        return _Table(choices.size, limits).read(data, progress)
    except UnicodeDecodeError:
        raise InputError("It is not a text file in UTF-8; save it as “CSV UTF-8”.") from None


class _Table:
    def __init__(self, size: tuple[int, int] | None, limits: Limits) -> None:
        self.size, self.limits = size, limits
        self.pixels = 0  # columns after the first one
        self.labels: list[str] = []
        self.blocks: list[np.ndarray] = []  # (n, P): uint8 where that loses nothing, else float32
        self.seen = Range()
        self.waiting: list[tuple[int, str]] = []  # line number and pixels, not parsed yet

    def read(self, data: bytes, progress: Progress) -> Found:
        text = io.TextIOWrapper(io.BytesIO(data), encoding="utf-8-sig")
        done = 0
        for number, line in enumerate(text, start=1):
            done += len(line)
            cells = line.rstrip()
            if not cells.strip(", ") or (number == 1 and _is_header(cells)):
                continue
            self._add(number, cells)
            if len(self.waiting) * self.pixels >= BLOCK:
                self._parse()
                progress(min(done / len(data), 0.99), "Reading lines")
        self._parse()
        self.limits.admit(len(self.labels), self.size[0] * self.size[1] if self.size else self.pixels)
        layout, labels = Layout.of((1, self.pixels), self.size), self._checked_labels()
        images = [resized(layout.grey(levels(block, self.seen.scale)), self.size) for block in self.blocks]
        progress(1.0, "Reading lines")
        return Found(np.concatenate(images), labels)

    def _add(self, number: int, line: str) -> None:
        label, _, pixels = line.partition(",")
        count = pixels.count(",") + 1 if pixels else 0
        if not self.labels:
            if count < 2:
                raise InputError(f"Line {number} is not a label and then pixels, with commas between them.")
            if isqrt(count) ** 2 != count:
                raise InputError(
                    f"Line {number} has {count:,} pixels after its label, which is not a square such as 28 × 28 = 784; "
                    "the first column must be the label, or empty."
                )
            Layout.of((1, count), self.size)
            self.pixels = count
        if count != self.pixels:
            raise InputError(f"Line {number} has {count:,} pixels, those before it {self.pixels:,}.")
        self.labels.append(label.strip().strip('"').strip())
        if len(self.labels) > self.limits.images:
            self.limits.admit(len(self.labels))
        self.limits.unpackable(len(self.labels) * self.pixels * np.float32().itemsize)
        self.waiting.append((number, pixels))

    def _parse(self) -> None:
        if not self.waiting:
            return
        try:
            block = np.loadtxt([text for _, text in self.waiting], np.float32, comments=None, delimiter=",", ndmin=2)
        except ValueError:
            raise self._blame() from None
        self.seen.see(block)
        whole = bool((block == np.rint(block)).all())
        self.blocks.append(block.astype(np.uint8) if whole else block)
        self.waiting.clear()

    def _blame(self) -> InputError:
        """The first cell that is no number."""
        for number, text in self.waiting:
            for column, cell in enumerate(text.split(","), start=2):
                if not _is_number(cell):
                    return InputError(f"Line {number}, column {column} holds {shown(cell.strip())}, not a number.")
        return InputError(f"Somewhere from line {self.waiting[0][0]} on, a pixel is not a number.")

    def _checked_labels(self) -> list[str] | None:
        if not any(self.labels):
            return None
        if "" in self.labels:
            place = self.labels.index("") + 1
            raise InputError(f"Image {place:,} has no label, while others have one.")
        return self.labels


def _is_header(line: str) -> bool:
    first, *others = (cell.strip(' "') for cell in line.split(","))
    return first.lower() in HEADINGS or (bool(others) and not any(not cell or _is_number(cell) for cell in others))


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return "_" not in cell
