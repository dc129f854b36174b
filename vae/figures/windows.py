"""Square windows onto planes of codes, each at its own scale or all at the same one, and the bar that measures them.

A window always holds the prior's circles. So a cloud that has shrunk to a point looks like one, and one that is far
larger than N(0, I) shows how small the circles are beside it.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

RINGS = (1.0, 2.0)  # radii of the prior's circles, in its standard deviations, which are 1 in code units
ROOM = 0.04  # free on each side of what is shown, as a share of its larger side
STEPS = 8  # windows end at multiples of a round number at least this many times smaller: a live one moves in steps
LONGEST_BAR = 0.3  # of the window's side
NAME = 0.058  # side of a class's name plate as a share of the window's

Key = TypeVar("Key", bound=Hashable)


@dataclass(frozen=True)
class Window:
    """A square part of a plane: `centre` ± `half`, in code units, along both axes."""

    centre: tuple[float, float]
    half: float

    def span(self, axis: int) -> tuple[float, float]:
        """Its ends along the first (0) or second (1) axis."""
        return self.centre[axis] - self.half, self.centre[axis] + self.half

    @property
    def bar(self) -> float:
        """Length of its scale bar: the longest of 1, 2, 5 × 10^k that takes no more than LONGEST_BAR of a side."""
        return rounded_down(LONGEST_BAR * 2 * self.half)


def rounded_down(length: float) -> float:
    """The largest of 1, 2, 5 × 10^k up to `length` (> 0)."""
    power = 10.0 ** np.floor(np.log10(length))
    return float(power * max(digit for digit in (1, 2, 5) if digit * power <= length * (1 + 1e-9)))


def extent(codes: np.ndarray, origin: np.ndarray | None = None) -> np.ndarray:
    """Lowest and highest corner, (2, 2), of all `codes` (n, 2) that are numbers and of the prior's circles.

    `origin` (2,): where the prior's centre lies in the plane. Where nobody knows, there is as much room about the
    codes' own middle, so that the picture is no larger for that.
    """
    known = codes[np.isfinite(codes).all(axis=1)].astype(np.float64)
    corners = [known.min(axis=0), known.max(axis=0)] if len(known) else []
    if origin is None:
        origin = np.mean(corners, axis=0) if corners else np.zeros(2)
    corners += [origin - RINGS[-1], origin + RINGS[-1]]
    return np.array([np.min(corners, axis=0), np.max(corners, axis=0)])


def union(extents: Sequence[np.ndarray]) -> np.ndarray:
    """The extent (2, 2) of all of them."""
    both = np.array(extents)
    return np.array([both[:, 0].min(axis=0), both[:, 1].max(axis=0)])


def around(box: np.ndarray) -> Window:
    """The window that holds an extent (2, 2), with some room."""
    side = float((box[1] - box[0]).max())
    step = rounded_down(side / STEPS)
    low = np.floor((box[0] - ROOM * side) / step) * step
    high = np.ceil((box[1] + ROOM * side) / step) * step
    return Window((float((low[0] + high[0]) / 2), float((low[1] + high[1]) / 2)), float((high - low).max()) / 2)


def together(windows: Sequence[Window]) -> Window:
    """The one window that holds all of them."""
    spans = np.array([[window.span(0), window.span(1)] for window in windows])  # (n, 2, 2)
    low, high = spans[..., 0].min(axis=0), spans[..., 1].max(axis=0)
    return Window((float((low[0] + high[0]) / 2), float((low[1] + high[1]) / 2)), float((high - low).max()) / 2)


def by_scale(windows: Mapping[Key, Window]) -> dict[Key, dict[str, Window]]:
    """Of each space its own window, and the same one for all: scale → window."""
    if not windows:
        return {}
    same = together(list(windows.values()))
    return {key: {"own": window, "same": same} for key, window in windows.items()}


def crowded(places: np.ndarray, window: Window) -> bool:
    """Whether most of the name plates at `places` (n, 2) would lie on another one."""
    apart = np.abs(places[:, None] - places[None]).max(axis=2)  # (n, n): squares overlap in both directions
    np.fill_diagonal(apart, np.inf)
    return len(places) > 1 and float((apart.min(axis=1) < NAME * 2 * window.half).mean()) > 0.5
