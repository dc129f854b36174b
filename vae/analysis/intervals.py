"""What a few seeds tell: the interval of a mean, and how many seeds a verdict needs. Free of torch, for pages."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Sequence

import numpy as np

CONFIDENCE = 0.95
SEEDS_FOR_A_VERDICT = 3


def lacking_seeds(there: Sequence[Collection[int]], first: int) -> list[int]:
    """Seeds to train, so that SEEDS_FOR_A_VERDICT are there for every configuration; `there`: its seeds, for each.

    Those that some configuration has already come first, then the ones that follow `first`.
    """
    shared = set.intersection(*map(set, there))
    begun = sorted(set.union(*map(set, there)) - shared)
    free = (seed for seed in itertools.count(first) if seed not in shared and seed not in begun)
    lacking = max(0, SEEDS_FOR_A_VERDICT - len(shared))
    return [*begun, *(next(free) for _ in range(lacking))][:lacking]


def standard_error(values: np.ndarray) -> float:
    """Of the mean of `values` (n,); NaN for fewer than two."""
    return float(values.std(ddof=1) / len(values) ** 0.5) if len(values) > 1 else float("nan")


def half_width(values: np.ndarray) -> float:
    """Half of the 95 % interval of the mean of `values` (n,), by Student's t; NaN for fewer than two."""
    from scipy.special import stdtrit  # quantiles of Student's t, without the half second that scipy.stats takes

    count = len(values)
    if count < 2:
        return float("nan")
    return float(stdtrit(count - 1, 0.5 + CONFIDENCE / 2) * np.std(values, ddof=1) / np.sqrt(count))
