"""Text from a visitor, shown as text."""

from __future__ import annotations

import re
import string

MARKS = re.compile(f"([{re.escape(string.punctuation)}])")


def plain(text: str) -> str:
    """`text` for a widget that takes Markdown: no mark, link, formula or directive in it is one any more."""
    return MARKS.sub(r"\\\1", " ".join(text.split()))
