"""Counts, lists, signs and lengths of time, as people say them."""

from __future__ import annotations

import math
from collections.abc import Sequence


def plural(count: int, thing: str) -> str:
    """1 run, 2 runs, 1,000 runs."""
    return f"{count:,} {thing}{'' if count == 1 else 's'}"


def listed(words: Sequence[str]) -> str:
    """A, B and C."""
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def signed(value: float) -> str:
    """A difference: +0.25, −3, 0."""
    return "0" if value == 0 else f"{value:+.3g}".replace("-", "−")


def duration(seconds: float) -> str:
    """A length of time as people say it: 8 s, 3 min, 1.5 h."""
    if seconds < 90:
        return f"{max(1, math.ceil(seconds))} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
