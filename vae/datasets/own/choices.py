"""What a file from outside may leave open, and how a person settles it.

A file that can be read in one way only needs none of this. Where two readings are possible, a reader raises
`Ambiguous`, which names the field of `Choices` and what each of its values would mean: the page asks, the command line
refuses and names the flag. What a reader decided by itself, or left out, it says in `Found.notes`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ...errors import InputError


@dataclass(frozen=True)
class Choices:
    """How a file is to be read. None: as the file itself says, or as it was; a reader asks where it can't tell."""

    size: tuple[int, int] | None = None  # height and width that all images are resized to
    label: str | None = None  # which column or array holds the labels: "first", "last", "none", or its name
    white: float | None = None  # the number that is white, such as 1, 16, 255 or 65535
    paper: str | None = None  # what transparent pictures lie on: "black" or "white"
    invert: bool = False  # dark becomes light: for ink on paper, where the ink is what is to be learnt


class Ambiguous(InputError):
    """A file that can be read in several ways: the sentence says which, and how to choose."""

    def __init__(self, sentence: str, field: str, readings: Mapping[str, str]) -> None:
        super().__init__(sentence)
        self.field = field  # of Choices
        self.readings = dict(readings)  # value of the field, as it is typed → what it would mean
