"""What a file from outside may leave open, and how a person settles it.

A file that can be read in one way only needs none of this. Where two readings are possible, a reader raises
`Ambiguous`, which names the field of `Choices` and what each of its values would mean: the page asks, the command line
refuses and names the flag. What a reader decided by itself, or left out, it says in `Found.notes`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any

from ...errors import InputError
from .limits import LARGEST, SMALLEST, shown


def _size(text: str) -> tuple[int, int]:
    if not (found := re.fullmatch(r"([0-9]{1,4})(?:[x×]([0-9]{1,4}))?", text.strip().lower())):
        raise InputError(f"size is {text!r}, but it must be HEIGHTxWIDTH in pixels, such as 28x28, or one number.")
    height, width = found.groups()
    return int(height), int(width or height)


def _white(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 < value < math.inf:
        raise InputError(f"white is {shown(text)}, but it must be a number above 0, such as 16 or 255.")
    return value


def _paper(text: str) -> str:
    if text not in ("black", "white"):
        raise InputError(f"paper is {shown(text)}, but it must be black or white.")
    return text


def _colours(text: str) -> str:
    if text not in ("kept", "grey"):
        raise InputError(f"colours is {shown(text)}, but it must be kept or grey.")
    return text


@dataclass(frozen=True)
class Choice:
    """One thing that a person may settle: a control on the page, a flag on the command line."""

    title: str
    description: str
    usual: tuple[str, ...]  # values to choose from, as they are typed; others may be possible
    parse: Callable[[str], Any] = str  # raises InputError


CHOICES: dict[str, Choice] = {
    "size": Choice(
        "Size",
        f"Height and width that all images are stretched or shrunk to, such as 28x28, or 28 for both; {SMALLEST} to "
        f"{LARGEST}. Proportions are not kept (Lanczos).",
        ("8x8", "16x16", "28x28", "32x32", "64x64"),
        _size,
    ),
    "label": Choice(
        "Label",
        "Where the labels are: the first or the last column (or level of folders), the name of a column or an array, "
        "or none.",
        ("first", "last", "none"),
    ),
    "white": Choice(
        "White",
        "The number that is white: 1, 16, 255, 4095 …; 0 is black.",
        ("1", "16", "255", "4095", "65535"),
        _white,
    ),
    "paper": Choice("Paper", "What transparent pictures lie on.", ("black", "white"), _paper),
    "colours": Choice(
        "Colours",
        "Whether coloured images keep their colours, as red, green and blue, or become grey (their luminance). Kept "
        "unless you say otherwise; images that are grey in the file stay grey.",
        ("kept", "grey"),
        _colours,
    ),
    "invert": Choice(
        "Invert", "Make dark light and light dark: for ink on paper, where the ink is what is to be learnt.", ("yes",)
    ),
}


@dataclass(frozen=True)
class Choices:
    """How a file is to be read. None: as the file itself says, or as it was; a reader asks where it can't tell."""

    size: tuple[int, int] | None = None  # height and width that all images are resized to
    label: str | None = None  # which column or array holds the labels: "first", "last", "none", or its name
    white: float | None = None  # the number that is white, such as 1, 16, 255 or 65535
    paper: str | None = None  # what transparent pictures lie on: "black" or "white"
    colours: str | None = None  # of coloured images: "kept" or "grey"; None: kept
    invert: bool = False  # dark becomes light: for ink on paper, where the ink is what is to be learnt

    @property
    def keeps_colours(self) -> bool:
        return self.colours != "grey"

    @classmethod
    def parse(cls, typed: Mapping[str, str | None]) -> Choices:
        """From the texts of a form or of flags; None is left open. Raises InputError with a sentence."""
        given = {name: text for name, text in typed.items() if text}
        values: dict[str, Any] = {name: CHOICES[name].parse(text) for name, text in given.items() if name != "invert"}
        return cls(**values, invert="invert" in given)


assert [field.name for field in fields(Choices)] == list(CHOICES)


class Ambiguous(InputError):
    """A file that can be read in several ways: the sentence says which, and how to choose."""

    def __init__(self, sentence: str, field: str, readings: Mapping[str, str]) -> None:
        super().__init__(sentence)
        self.field = field  # of Choices
        self.readings = dict(readings)  # value of the field, as it is typed → what it would mean
