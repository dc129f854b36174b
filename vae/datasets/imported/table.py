"""A .csv with one image in each line: its pixels, row by row, and perhaps a label, wherever it stands."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from math import isqrt

import numpy as np

from ...errors import InputError
from . import columns
from .choices import Choices
from .columns import Columns, cells_of, is_number, number_of
from .found import Found
from .limits import Limits, Progress, listed, shown
from .pixels import Layout, Range, resized

BLOCK = 1 << 20  # numbers parsed at a time
MANGLED = 10  # 0, 0.1 … 0.10: so many doubles of a number in the first line are pandas' names for doubled columns


def read(data: bytes, choices: Choices, limits: Limits, progress: Progress) -> Found:
    """Raises InputError naming the line that is to blame, NeedsSize when the images must be resized.

    Raises Ambiguous when the label may be the first column or the last.
    """
    if b"\0" in data:
        raise InputError("It is not a text file; a .csv has lines of numbers with commas between them.")
    try:
        return _Table(choices, limits).read(data, progress)
    except UnicodeDecodeError:
        raise InputError("It is not a text file in UTF-8; save it as “CSV UTF-8”.") from None


class _Table:
    def __init__(self, choices: Choices, limits: Limits) -> None:
        self.choices, self.size, self.limits = choices, choices.size, limits
        self.separator = ","
        self.header: list[str] = []  # none: the first line is an image's
        self.columns: Columns  # known from the first image's line on
        self.pixels = 0  # of an image
        self.count = 0  # images so far
        self.texts: dict[int, list[str]] = {}  # column → its cells, of those that are no pixels
        self.blocks: list[np.ndarray] = []  # (n, pixel columns): uint8 where that loses nothing, else float32
        self.seen = Range()
        self.waiting: list[tuple[int, str]] = []  # line number and pixels, not parsed yet
        self.notes: list[str] = []

    def read(self, data: bytes, progress: Progress) -> Found:
        done = 0
        for number, line in self._images(data):
            done += len(line)
            self._add(number, line)
            if len(self.waiting) * self.pixels >= BLOCK:
                self._parse()
                progress(min(done / len(data), 0.99), "Reading lines")
        self._parse()
        self.limits.admit(self.count, self.size[0] * self.size[1] if self.size else self.pixels)
        labels = self._settled_labels()
        scale, layout = self.seen.scale(self.choices), Layout.of((1, self.pixels), self.size)
        images = [resized(layout.images(scale.levels(block)), self.size) for block in self.blocks]
        held_out = self._held_out()
        progress(1.0, "Reading lines")
        self.notes += [scale.note] if scale.note else []
        if self.columns.left_out:
            self.notes.append(f"Columns left out: {listed(self.columns.left_out)}.")
        return Found(np.concatenate(images), labels, held_out, tuple(self.notes))

    def _images(self, data: bytes) -> Iterator[tuple[int, str]]:
        """Number and text of each line that is an image's."""
        text = io.TextIOWrapper(io.BytesIO(data), encoding="utf-8-sig", newline="")
        lines = ((number, line.rstrip("\r\n ")) for number, line in enumerate(text, start=1))
        filled = ((number, line) for number, line in lines if line.strip(',;\t" '))
        for number, line in filled:
            if (first := self._begin(line)) is not None:
                yield number, first
            break
        yield from filled

    def _begin(self, line: str) -> str | None:
        """What the first line is: None for names of columns, else an image's line."""
        self.separator = columns.separator_of(line)
        cells = cells_of(line, self.separator)
        if columns.is_header(cells):
            self.header = cells
            return None
        if _mangled(cells):
            self.notes.append(
                "The first line holds an image that pandas had made names of (0, 0.1, 0.2 …); it was put right."
            )
            return self.separator.join(cell.partition(".")[0] for cell in cells)
        return line

    def _add(self, number: int, line: str) -> None:
        cells = None
        if self.count == 0:
            cells = cells_of(line, self.separator)
            self._choose_columns(number, cells)
        count = self.columns.count
        if '"' in line:
            cells = cells_of(line, self.separator)
        if (found := len(cells) if cells else line.count(self.separator) + 1) != count:
            beside = count - self.columns.pixels_in_all
            raise InputError(f"Line {number} has {found - beside:,} pixels, those before it {count - beside:,}.")
        self.count += 1
        if self.count > self.limits.images:
            self.limits.admit(self.count)
        body = self._split(cells or line.split(self.separator), quoted=cells is not None)
        if self.columns.text is not None:
            body = self._pixels_of_text(number, body)
        elif self.separator != ",":
            body = body.replace(",", ".")  # decimal commas
        self.limits.unpackable(self.count * self.pixels * np.float32().itemsize)
        self.waiting.append((number, body))

    def _choose_columns(self, number: int, cells: list[str]) -> None:
        label = self.choices.label
        if self.header and any(name and not is_number(name) for name in self.header):
            if len(cells) != len(self.header):
                raise InputError(f"Line {number} has {len(cells):,} columns, the names above it {len(self.header):,}.")
            self.columns = columns.named(self.header, cells, label)
        else:
            numbered = self.header[:1] == [""]
            self.columns = columns.unnamed(cells, number, label, numbered)
        beside = (self.columns.label, self.columns.part, self.columns.rows, *(self.columns.edges or ()))
        self.texts = {place: [] for place in beside if place is not None}
        self.pixels = self.columns.pixels_in_all
        if self.columns.text is None:
            Layout.of((1, self.pixels), self.size)

    def _split(self, cells: list[str], quoted: bool) -> str:
        """The cells of pixels, joined again; those of other columns are kept aside."""
        for place, texts in self.texts.items():
            texts.append(cells[place].strip())
        if self.columns.text is not None:
            return cells[self.columns.text]
        if quoted:  # "0,5"
            cells = [cell.replace(",", ".") for cell in cells]
        first, last = self.columns.pixels[0], self.columns.pixels[-1] + 1
        if last - first == len(self.columns.pixels):
            return self.separator.join(cells[first:last])
        return self.separator.join([cells[place] for place in self.columns.pixels])

    def _pixels_of_text(self, number: int, text: str) -> str:
        """All pixels of an image in one cell, with spaces between them."""
        cells = text.split()
        if not self.pixels:
            self.pixels = len(cells)
            if isqrt(self.pixels) ** 2 != self.pixels:
                raise InputError(f"Line {number} has {self.pixels:,} pixels, which is not a square such as 48 × 48.")
            Layout.of((1, self.pixels), self.size)
            self.notes.append("The pixels of an image are one column of text, with spaces between them.")
        if len(cells) != self.pixels:
            raise InputError(f"Line {number} has {len(cells):,} pixels, those before it {self.pixels:,}.")
        return self.separator.join(cells)

    def _parse(self) -> None:
        if not self.waiting:
            return
        try:
            lines = [text for _, text in self.waiting]
            block = np.loadtxt(lines, np.float32, comments=None, delimiter=self.separator, ndmin=2)
        except ValueError:
            raise self._blame() from None
        self._keep(block)
        self.waiting.clear()

    def _keep(self, block: np.ndarray) -> None:
        self.seen.see(block)
        small = self.seen.low >= 0 and float(block.max()) <= np.iinfo(np.uint8).max
        whole = small and bool((block == np.rint(block)).all())
        self.blocks.append(block.astype(np.uint8) if whole else block)

    def _blame(self) -> InputError:
        """The first cell that is no number."""
        places = self.columns.pixels or range(self.pixels)
        for number, text in self.waiting:
            for place, cell in zip(places, text.split(self.separator), strict=False):
                if not is_number(cell):
                    return InputError(f"Line {number}, column {place + 1} holds {shown(cell.strip())}, not a number.")
        return InputError(f"Somewhere from line {self.waiting[0][0]} on, a pixel is not a number.")

    def _settled_labels(self) -> list[str] | None:
        """The labels, once all lines are known."""
        if self.columns.rows is not None:
            if not columns.counts_up(self.texts[self.columns.rows]):
                raise InputError(
                    f"Line 1 has {self.columns.count - 1:,} pixels after its label, which is not a square such as "
                    "28 × 28 = 784, and the first column doesn't number the images either."
                )
            self.notes.append("The first column numbers the images; it was left out.")
        if self.columns.edges is None:
            return self._checked_labels(self.columns.label)
        first, last = self.columns.edges
        place = columns.label_at_an_edge(self.texts[first], self.texts[last])
        label = first if place.endswith("first") else last
        self._take_in(last if label == first else first, at_the_end=label == first)
        if place.startswith("none"):
            if any(self.texts[label]):
                self.notes.append("The first column numbers the images; it was left out.")
            return None
        if place == "last":
            self.notes.append("The last column was taken for the label: it can be one, the first can't.")
        return self._checked_labels(label)

    def _take_in(self, column: int, at_the_end: bool) -> None:
        """The column at an edge that turned out to hold pixels."""
        for place, cell in enumerate(self.texts[column]):
            if not is_number(cell):
                raise InputError(f"Image {place + 1:,}, column {column + 1} holds {shown(cell)}, not a number.")
        edge, start = np.array([[number_of(cell)] for cell in self.texts[column]], np.float32), 0
        blocks, self.blocks = self.blocks, []
        for block in blocks:
            beside = edge[start : start + len(block)]
            start += len(block)
            self._keep(np.hstack([block, beside] if at_the_end else [beside, block]).astype(np.float32))

    def _checked_labels(self, column: int | None) -> list[str] | None:
        labels = [] if column is None else self.texts[column]
        if not any(labels):
            return None
        if "" in labels:
            raise InputError(f"Image {labels.index('') + 1:,} has no label, while others have one.")
        if all(re.fullmatch(r"-?\d+\.0*(e[+-]00)?", label) for label in set(labels)):  # 0.000e+00, 7.0
            return [f"{float(label):.0f}" for label in labels]
        return labels

    def _held_out(self) -> np.ndarray | None:
        """The file's own split, (N,) bool, where a column says which images are for testing."""
        if self.columns.part is None:
            return None
        parts = np.array([part.lower() for part in self.texts[self.columns.part]])
        name = shown(self.header[self.columns.part])
        for word in ("test", "val"):
            held_out = np.char.find(parts, word) >= 0
            if held_out.any() and not held_out.all():
                self.notes.append(f"The file's own split is kept: {held_out.sum():,} images are for testing ({name}).")
                return held_out
        self.notes.append(f"Column left out: {name}, which doesn't say what is for training and what for testing.")
        return None


def _mangled(cells: list[str]) -> bool:
    """Whether pandas took an image's line for names, and told doubles of a number apart: 0, 0.1, 0.2 …, 0.10 …"""
    zeros = [cell for cell in cells if cell == "0" or cell.startswith("0.")]
    return len(zeros) > MANGLED and zeros == ["0", *(f"0.{i}" for i in range(1, len(zeros)))]
