"""What every entry says of itself to people."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Choice:
    """One of the values that a setting may have."""

    title: str  # as it stands within a sentence
    sentence: str  # what it does; the form shows it
