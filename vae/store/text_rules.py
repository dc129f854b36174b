"""What people write of runs, sweeps and images: kept as it is, or refused in a sentence.

Databases differ in what they take: PostgreSQL no NUL in a text, no driver half a character (a lone surrogate).
"""

from __future__ import annotations

import unicodedata

from ..errors import InputError

LINES = "\n\r\t"  # what a text of several lines may hold besides


def refuse_unstorable(what: str, *texts: str, lines: bool = False) -> None:
    """Raises InputError when a text holds control characters or halves of characters. `lines`: it may have several."""
    if any(_unstorable(text, LINES if lines else "") for text in texts):
        raise InputError(f"{what} holds a control character or half a character, which can't be stored; remove it.")


def cleaned(text: str) -> str:
    """The same with � for what can't be stored: for texts that no person is there to put right."""
    return "".join("�" if _unstorable(character, LINES) else character for character in text)


def _unstorable(text: str, but: str) -> bool:
    return any(unicodedata.category(character) in ("Cc", "Cs") for character in text if character not in but)
