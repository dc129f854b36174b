"""What the columns of a .csv are: separators, names, and which of them are labels, pixels, row numbers, a split."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from math import isqrt

from ...errors import InputError
from .choices import Ambiguous
from .limits import listed, shown

SEPARATORS = ("\t", ";", ",")
LABELS = (
    *("label", "labels", "class", "classes", "y", "target", "targets", "category", "digit", "letter", "character"),
    *("emotion", "species", "name"),
)
ROW_NUMBERS = ("", "index", "id", "imageid", "image_id", "row")
ROW_NUMBERS_OF_PANDAS = re.compile(r"unnamed: \d+(_level_\d+)?")
PARTS = ("usage", "split", "subset", "set", "partition")
TEXTS_OF_PIXELS = ("pixels", "pixel", "image")  # one column that holds all pixels of an image, with spaces between


def is_number(cell: str) -> bool:
    """Whether it is one as NumPy reads it, or would with a decimal point for a decimal comma."""
    try:
        float(cell.replace(",", "."))
    except ValueError:
        return False
    return "_" not in cell


def separator_of(line: str) -> str:
    """What stands between cells. Commas beside semicolons or tabs are decimal ones."""
    outside_quotes = re.sub(r'"[^"]*"', "", line)
    return next((separator for separator in SEPARATORS if outside_quotes.count(separator) > 1), ",")


def cells_of(line: str, separator: str) -> list[str]:
    """The cells of a line, without quotes and spaces around them."""
    if '"' in line:
        return [cell.strip() for cell in next(csv.reader([line], delimiter=separator, skipinitialspace=True))]
    return [cell.strip() for cell in line.split(separator)]


def is_header(cells: Sequence[str]) -> bool:
    """Whether the first line names columns: words, or their numbers 0, 1, 2 … as pandas writes where there are none."""
    words = [cell for cell in cells if cell and not is_number(cell)]
    if len(words) > 1 or any(cell.lower() in LABELS for cell in words):
        return True
    return counts_up(cells) or (cells[0] == "" and counts_up(cells[1:]))


@dataclass(frozen=True)
class Columns:
    """Which columns are what, by their places. Without names the edges may be labels: `edges` says that data decide."""

    count: int
    pixels: tuple[int, ...]
    label: int | None = None
    part: int | None = None  # training or test, in words
    text: int | None = None  # the column that holds all pixels of an image as text
    edges: tuple[int, int] | None = None  # the first and the last column: one of them is the label, the other a pixel
    rows: int | None = None  # the column that numbers the images
    left_out: tuple[str, ...] = ()  # names of columns that are nothing of these

    @property
    def pixels_in_all(self) -> int:
        """Of an image; 0 where they are one text."""
        return len(self.pixels) + (self.edges is not None)


def named(header: Sequence[str], first: Sequence[str], label: str | None) -> Columns:
    """From the names of columns, and the first line below them. `label` is that of `Choices`.

    Raises InputError when no image can be made of what is left.
    """
    names = [name.strip().lower() for name in header]
    count = len(names)
    pixel_stem, _ = Counter(map(_stem, names)).most_common(1)[0]
    wanted = _wanted(header, label)
    label_at = part_at = text_at = None
    pixels, left_out = [], []
    for place, name in enumerate(names):
        if place == wanted:
            label_at = place
        elif name in PARTS and not is_number(first[place]):
            part_at = place
        elif name in TEXTS_OF_PIXELS and len(first[place].split()) > 1:
            text_at = place
        elif wanted is None and label is None and name in LABELS and label_at is None:
            label_at = place
        elif _stem(name) == pixel_stem and count > 4:
            pixels.append(place)
        else:
            left_out.append(place)
    if label is None and label_at is None:  # a name of another kind than all others, and no row number
        odd = [place for place in left_out if not _numbers_rows(names[place])]
        if len(odd) == 1:
            label_at = odd[0]
            left_out.remove(label_at)
    if text_at is None and isqrt(len(pixels)) ** 2 != len(pixels):
        others = [header[place] for place in range(count) if place not in pixels]
        raise InputError(
            f"{len(pixels):,} columns look like pixels, which is no square such as 28 × 28 = 784. "
            + (_colours(len(pixels)) or f"The others are: {listed(others, 4) or 'none'}. ")
            + "Say which column is the label, by its name."
        )
    said = tuple(header[place] for place in left_out if not _numbers_rows(names[place]))
    return Columns(count, () if text_at is not None else tuple(pixels), label_at, part_at, text_at, left_out=said)


def _wanted(header: Sequence[str], label: str | None) -> int | None:
    if label in (None, "none"):
        return None
    ends = {"first": 0, "last": len(header) - 1}
    if label in ends:
        return ends[label]
    exact = [place for place, name in enumerate(header) if name.strip() == label]
    if len(exact) != 1:
        raise InputError(f"There is no column called {shown(label)}; there are {listed(list(header), 4)}.")
    return exact[0]


def _stem(name: str) -> str:
    """What names of pixels have in common: pixel12 → pixel, 1x3 → x, 12 → ""."""
    return re.sub(r"[\d\W_]+", "", name)


def _numbers_rows(name: str) -> bool:
    return name in ROW_NUMBERS or bool(ROW_NUMBERS_OF_PANDAS.fullmatch(name))


def unnamed(cells: Sequence[str], number: int, label: str | None, numbered: bool) -> Columns:
    """From the number of cells in the first line, number `number`; `numbered`: its first cell numbers the images.

    Raises InputError when they are no image.
    """
    count = len(cells)
    if count < 3:
        raise InputError(f"Line {number} is not a label and then pixels, with commas between them.")
    if label not in (None, "none", "first", "last"):
        raise InputError(f"The columns have no names, so the label can't be {shown(label)}: first, last or none.")
    if not numbered and not any(_square(count - labels) for labels in (0, 1)) and _square(count - 2):
        numbered = cells[0] in ("0", "1")
    left = range(int(numbered), count)
    rows = 0 if numbered else None
    if label in ("first", "last"):
        at = left[0] if label == "first" else left[-1]
        return Columns(count, tuple(place for place in left if place != at), at, rows=rows)
    if _square(len(left)):
        return Columns(count, tuple(left), rows=rows)
    if label is None and _square(len(left) - 1):
        return Columns(count, tuple(left[1:-1]), edges=(left[0], left[-1]), rows=rows)
    colours = next((said for labels in (0, 1) if (said := _colours(len(left) - labels))), "")
    raise InputError(
        f"Line {number} has {count - 1:,} pixels after its label, which is not a square such as 28 × 28 = 784; "
        + (f"i{colours[1:].rstrip()}" if colours else "the first or the last column must be the label, or empty.")
    )


def _colours(count: int) -> str:
    """A sentence where so many numbers may be the red, green and blue of an image: in which order, nobody can tell."""
    of_three = count % 3 == 0 and _square(count // 3)
    return "If they are colours, bring pictures or an .npz of (N, H, W, 3) instead. " if of_three else ""


def _square(count: int) -> bool:
    return count > 0 and isqrt(count) ** 2 == count


def label_at_an_edge(first: Sequence[str], last: Sequence[str]) -> str:
    """Which column is the label, by the cells of both: "first", "last"; or "none" with the first or the last one empty.

    Raises Ambiguous where both could be, or neither.
    """
    if not any(first) or counts_up(first):
        return "none, first"
    if not any(last):
        return "none, last"
    words = {"first": _words(first), "last": _words(last)}
    few = {"first": _few_whole_numbers(first), "last": _few_whole_numbers(last)}
    for could in (words, few):
        if could["first"] != could["last"]:
            return "first" if could["first"] else "last"
    readings = {name: _seen(cells) for name, cells in (("first", first), ("last", last))}
    raise Ambiguous(
        "The columns have no names, and the label may be the first one or the last one of each line.", "label", readings
    )


def counts_up(cells: Sequence[str]) -> bool:
    """0, 1, 2 … or 1, 2, 3 …: row numbers."""
    return len(cells) > 2 and any(list(cells) == [str(start + i) for i in range(len(cells))] for start in (0, 1))


def _words(cells: Sequence[str]) -> bool:
    """Whether some are empty or no numbers, or are written as no number is: cat, 007. Pixels never are."""
    return any(not is_number(cell) or re.match(r"0\d", cell) for cell in set(cells))


def number_of(cell: str) -> float:
    """Of a cell that `is_number`."""
    return float(cell.replace(",", "."))


def _few_whole_numbers(cells: Sequence[str]) -> bool:
    """Whether they are 0, 1, … or 1, 2, … without a gap, each often: as classes are numbered, and pixels hardly are."""
    if not all(is_number(cell) and number_of(cell).is_integer() for cell in set(cells)):
        return False
    values = {int(number_of(cell)) for cell in cells}
    return 2 <= len(values) <= len(cells) / 2 and min(values) in (0, 1) and max(values) - min(values) + 1 == len(values)


def _seen(cells: Sequence[str]) -> str:
    values = sorted(set(cells), key=lambda cell: (number_of(cell) if is_number(cell) else 0.0, cell))
    return f"{len(values):,} classes: {listed(values, 4)}"
