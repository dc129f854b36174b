"""Units in which a code is nudged: a nudge of size 1 moves each dimension by one unit, as a root mean square."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

# Means (N, D) of codes, and their σ (N, D) or None → one unit in each dimension: (D,), or (N, D) where it differs from
# image to image; None where these codes have no such unit.
Length = Callable[[np.ndarray, np.ndarray | None], np.ndarray | None]


@dataclass(frozen=True)
class NudgeUnit:
    """One unit."""

    title: str  # words after a size
    meaning: str  # what 1 is, in a sentence
    measured: str  # after "1.8 times as much …": in which terms that holds
    sizes: tuple[float, float]  # ends of the slider: from what can't be seen to what changes everything
    length: Length


def _absolute(mu: np.ndarray, std: np.ndarray | None) -> np.ndarray:
    return np.ones(mu.shape[1], dtype=np.float32)


def _neighbour(mu: np.ndarray, std: np.ndarray | None) -> np.ndarray | None:
    """The median distance from a code to its nearest other code, divided by √D: the length of a step of size 1."""
    from sklearn.neighbors import NearestNeighbors

    if len(mu) < 2:
        return None
    distances, _ = NearestNeighbors(n_neighbors=2).fit(mu).kneighbors(mu)  # the first is itself
    return np.full(mu.shape[1], np.median(distances[:, 1]) / np.sqrt(mu.shape[1]), dtype=np.float32)


NUDGE_UNITS: dict[str, NudgeUnit] = {
    "absolute": NudgeUnit("absolute", "1 = 1 in the code's own numbers.", "in absolute units", (0.01, 10), _absolute),
    "latent_std": NudgeUnit(
        "× std of the codes",
        "1 = one standard deviation of that dimension, over the images.",
        "relative to the spread of the codes",
        (0.01, 10),
        lambda mu, std: mu.std(axis=0),
    ),
    "neighbour": NudgeUnit(
        "× neighbour distance",
        "1 = the median distance from a code to the nearest other code.",
        "relative to the distance between neighbouring codes",
        (0.1, 1000),
        _neighbour,
    ),
    "posterior_std": NudgeUnit(
        "× posterior σ",
        "1 = the σ of the image's own distribution of codes.",
        "relative to the posterior's σ",
        (0.01, 30),
        lambda mu, std: std,
    ),
}
