"""Text from a visitor, shown as text."""

from __future__ import annotations

import re
import string

MARKS = re.compile(f"([{re.escape(string.punctuation)}])")
# Addresses, emoji and icons are made of text that has no mark in it: what nobody sees in their middle keeps them text.
WORDS = re.compile(r"([:@]|www)", re.IGNORECASE)
JOINER = "\u2060"


def escape_markdown(text: str) -> str:
    """`text` for a widget that takes Markdown: no mark, link, formula, icon or directive in it is one any more."""
    return MARKS.sub(r"\\\1", WORDS.sub(rf"\1{JOINER}", " ".join(text.split())))
