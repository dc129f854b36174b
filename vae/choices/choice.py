"""What every entry says of itself to people."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True)
class Choice:
    """One of the values that a setting may have."""

    as_written: ClassVar[bool] = False  # whether the title is a name, whose first letter is never made a capital
    title: str  # as it stands within a sentence
    sentence: str  # what it does; the form shows it
