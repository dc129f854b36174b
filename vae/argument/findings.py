"""What a rule answers about a claim: a badge, the numbers it was computed from, and sentences. Free of torch."""

from __future__ import annotations

import math
from dataclasses import dataclass

MANY = 1000  # from here on no digits after the point


@dataclass(frozen=True)
class Badge:
    """How a claim stands."""

    title: str
    sign: str  # for those who can't tell colours apart, which are `figures.style.BADGE_COLOURS`
    verdict: bool  # whether it concludes something; below three seeds none may


BADGES: dict[str, Badge] = {
    "holds": Badge("holds", "✓", True),
    "depends": Badge("depends", "±", True),
    "fails": Badge("does not hold here", "✗", True),
    "open": Badge("no clear difference", "≈", True),
    "too_few": Badge("no verdict yet", "…", False),
    "not_measured": Badge("not measured yet", "○", False),
}


@dataclass(frozen=True)
class Number:
    """One number, as a reader sees it."""

    title: str  # "AE ÷ VAE, relative to the spread of the codes"
    value: float
    unit: str  # "times", "nats", "MSE per pixel", "levels of 255", …
    low: float = math.nan  # of the 95 % interval over seeds; NaN below three seeds
    high: float = math.nan
    digits: str = ".3g"

    @property
    def text(self) -> str:
        """ "1.83 times (95 % interval 1.57 to 2.14)"."""
        return f"{self.short} ({self.interval})" if self.interval else self.short

    @property
    def interval(self) -> str:
        """ "95 % interval 1.57 to 2.14"; "" where there is none."""
        if math.isnan(self.low):
            return ""
        return f"95 % interval {self._digits(self.low)} to {self._digits(self.high)}"

    @property
    def short(self) -> str:
        """ "1.83 times"."""
        return f"{self._digits(self.value)} {self.unit}".strip()

    def _digits(self, value: float) -> str:
        if math.isinf(value):
            return "infinite"
        return f"{value:{',.0f' if abs(value) >= MANY else self.digits}}".replace("-", "−")


@dataclass(frozen=True)
class Finding:
    """What was measured for a claim, and what follows."""

    badge: str  # a key of BADGES
    said: str  # what was measured, in a sentence or two that would read otherwise with other numbers
    numbers: tuple[Number, ...] = ()  # the first is the one a room looks at
    on: str = ""  # "10,000 test images of MNIST"
    seeds: int = 0
    turned_by: str = ""  # which outcome would give another badge
    answer: int | None = None  # which of the claim's choices the numbers give; None where they give none
    depends_on: str = ""  # "the unit", "the model", …: with the badge "depends"

    @property
    def title(self) -> str:
        """The badge's, and on what it depends."""
        return f"depends on {self.depends_on}" if self.depends_on else BADGES[self.badge].title
