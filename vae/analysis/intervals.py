"""What a few seeds tell: the interval of a mean, and how many seeds a verdict needs. Free of torch, for pages."""

from __future__ import annotations

import numpy as np

CONFIDENCE = 0.95
SEEDS_FOR_A_VERDICT = 3


def half_width(values: np.ndarray) -> float:
    """Half of the 95 % interval of the mean of `values` (n,), by Student's t; NaN for fewer than two."""
    from scipy.special import stdtrit  # quantiles of Student's t, without the half second that scipy.stats takes

    count = len(values)
    if count < 2:
        return float("nan")
    return float(stdtrit(count - 1, 0.5 + CONFIDENCE / 2) * np.std(values, ddof=1) / np.sqrt(count))
