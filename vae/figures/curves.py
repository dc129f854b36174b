"""Loss terms per epoch, on axes that all variants share."""

from __future__ import annotations

import pandas as pd

from ..metrics import METRICS

KL_UNIT = METRICS["kl"].unit or ""


def shared_ranges(history: pd.DataFrame, floor: float, pca: float | None = None) -> dict[str, tuple[float, float]]:
    """One y range per term for all variants, so that two figures side by side can be compared by eye.

    The first, untrained epoch may tower over the rest; it is cut off at 1.25 × the mean-image line, `floor`. The axis
    holds the line of `pca`, too.
    """
    ranges = {"reconstruction": (0.0, 1.0), "kl": (0.0, 1.0)}  # of empty axes
    reconstruction, kl = history["reconstruction"].astype(float), history["kl"].dropna().astype(float)
    if len(reconstruction):
        low = min(reconstruction.min(), floor, floor if pca is None else pca)
        high = max(min(reconstruction.max(), 1.25 * floor), 1.05 * floor)
        ranges["reconstruction"] = (max(0.0, low - 0.12 * (high - low)), high + 0.04 * (high - low))
    if len(kl):
        ranges["kl"] = (0.0, 1.08 * max(kl.max(), 1e-9))
    return ranges
