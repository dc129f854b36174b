"""What is measured of a variant after an epoch and on the test images. Free of torch, for pages and tables."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields


@dataclass(frozen=True)
class Metrics:
    """Means over images. loss, reconstruction and kl in the units of the objective; mse per pixel."""

    loss: float  # reconstruction + β·KL for variants that pay the KL; with the full β, also during warm-up
    reconstruction: float  # from a sample z where the variant has noise (the ELBO's term), else from the mean
    kl: float | None  # KL(q(z|x) ‖ N(0, I)), summed over dimensions; None for a variant without log-variance
    kl_per_dim: list[float] | None
    mse_from_mean: float
    mse_from_sample: float | None  # None for variants without noise
    active_units: int

    def finite(self) -> bool:
        return all(math.isfinite(value) for value in (self.loss, self.reconstruction, self.kl or 0.0))


METRIC_NAMES = [field.name for field in fields(Metrics)]
