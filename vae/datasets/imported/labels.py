"""Labels from outside: names that every page can show as they are."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

import numpy as np

from ...errors import InputError
from .limits import shown

MOST = 255  # an index into the classes is one byte
LONGEST = 32  # characters of a class's name, or of each folder in it: it stands beside a cloud of points
LONGEST_PATH = 80  # characters in all
DIGITS = r"([0-9]{1,18})"
SIGNS = " -_.,+'()/&°"
UNLABELLED = ("all",)  # fewer than two classes are none, everywhere in the program


def classes_of(labels: Sequence[str] | None, count: int) -> tuple[tuple[str, ...], np.ndarray]:
    """The classes in their order, numbers as numbers, and each image's index into them, (count,) uint8.

    Raises InputError when there are too many, or when a name holds what figures and pages take for markup.
    """
    if labels is None:
        return UNLABELLED, np.zeros(count, np.uint8)
    names = sorted(set(labels), key=_order)
    if len(names) > MOST:
        raise InputError(
            f"There are {len(names):,} different labels, and at most {MOST} classes are possible. "
            "Perhaps these are no labels."
        )
    for name in names:
        _check(name)
    places = {name: place for place, name in enumerate(names)}
    return tuple(names), np.fromiter((places[label] for label in labels), np.uint8, count)


def _order(name: str) -> tuple[bool, int, list[tuple[bool, int, str]]]:
    """Numbers first; in other names the numbers count as such, so that “page 10” comes after “page 9”."""
    number = re.fullmatch(r"-?[0-9]{1,18}", name)
    parts = [(not part.isdecimal(), int(part) if part.isdecimal() else 0, part) for part in re.split(DIGITS, name)]
    return (not number, int(name) if number else 0, parts)


def _check(name: str) -> None:
    allowed = all(character in SIGNS or unicodedata.category(character)[0] in "LMN" for character in name)
    fits = all(len(part) <= LONGEST for part in name.split("/")) and 0 < len(name) <= LONGEST_PATH
    if not allowed or not fits or name != name.strip():
        raise InputError(
            f"A class is called {shown(name)}, but a name takes 1 to {LONGEST} letters, digits, spaces and the "
            f"signs {' '.join(SIGNS[1:])} only."
        )
