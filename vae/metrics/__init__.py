"""What is measured of a variant after every epoch and on the test images: each metric once. Free of torch.

Tables, curves, CSV files, capsules, tolerances and the objectives of sweeps read METRICS, in its order. A metric
that is a mean over images is one entry here, with its `per_image`; the database has no column for it, and needs none.
What takes longer than a run's end allows is one entry of `yardsticks.py`, measured when somebody asks.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from .information import mutual_information
from .metric import Evaluated, Measurable, Metric, Tolerance
from .yardsticks import YARDSTICK_METRICS

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["METRICS", "Evaluated", "Measurable", "Metric", "Metrics", "Tolerance"]

MOST_AT_ONCE = 5000  # images of which a metric sees the codes together: what it costs may grow with their square


def _penalty(images: Evaluated) -> Tensor:
    assert images.penalty is not None, "measured where the variant has one"
    return images.penalty


def _mutual_information(images: Evaluated) -> Tensor:
    assert images.logvar is not None and images.z is not None, "a variant with noise has both"
    return mutual_information(images.mu, images.logvar, images.z)


METRICS: dict[str, Metric] = {
    "loss": Metric(
        "Own objective",
        None,
        "What the model minimises: reconstruction + β · KL where it pays the KL, with the full β also during warm-up "
        "and all free nats paid, + the penalty where it has one. Trained on the K-sample bound, it minimises that one; "
        "its value here is still this sum.",
        "loss",
        Tolerance(0.002),
        style="%.2f",
        own_objective=True,
        sought="low loss",
    ),
    "reconstruction": Metric(
        "Reconstruction",
        None,
        "What it costs to rebuild an image: from a sample z where the variant has noise, from a noisy image where it "
        "learns from those, else from the mean.",
        "rec.",
        Tolerance(0.002),
        style="%.2f",
        sought="low reconstruction loss",
    ),
    "kl": Metric(
        "KL",
        "nats / image",
        "KL(q(z|x) ‖ N(0, I)), summed over dimensions.",
        "KL",
        Tolerance(0.008, 0.01),
        style="%.2f",
        needs="logvar",
        sought="low KL",
    ),
    "kl_per_dim": Metric(
        "KL of each dimension",
        "nats / image",
        "The KL, dimension by dimension.",
        "KL by dimension",
        Tolerance(0.02, 0.04),
        needs="logvar",
        per_dimension=True,
    ),
    "mse_from_mean": Metric(
        "MSE, from μ",
        "per pixel",
        "Squared error per pixel of images rebuilt from the mean of their code, whatever the loss was.",
        "MSE from μ",
        Tolerance(0.008),
        sought="low MSE per pixel",
        objective="mse",
    ),
    "mse_from_sample": Metric(
        "MSE, from a sample",
        "per pixel",
        "Squared error per pixel of images rebuilt from a sample of their code.",
        "MSE from z",
        Tolerance(0.004),
        needs="noise",
    ),
    "active_units": Metric(
        "Active units",
        "dimensions",
        "Dimensions in use: the variance of their mean over images is above 0.01 (Burda et al. 2016).",
        "active units",
        Tolerance(0.0, 1.0, grows=False),  # a variance beside its threshold
        style="%d",
        whole=True,
    ),
    "penalty": Metric(
        "Penalty",
        None,
        "What a variant pays besides, for its encoder's derivatives or for the size of codes and weights.",
        "penalty",
        Tolerance(0.02, 0.02),
        style="%.2f",
        needs="penalty",
        own_objective=True,
        per_image=_penalty,
    ),
    "mutual_information": Metric(
        "Mutual information",
        "nats / image",
        "I(x; z): how much a sample of a code tells which of N images it is of, under their aggregate posterior "
        "(Hoffman & Johnson 2016). At most log N, so a number near it says no more than that. N: the test images, "
        f"{MOST_AT_ONCE:,} at the most.",
        "I(x; z)",
        Tolerance(0.01, 0.02),
        style="%.3f",
        needs="noise",
        test_only=True,
        per_image=_mutual_information,
        at_once=True,
    ),
    **YARDSTICK_METRICS,
}


@dataclass(frozen=True)
class Metrics:
    """Values of one variant on one set of images, named as in METRICS. None where the variant has no such one."""

    loss: float
    reconstruction: float
    kl: float | None
    kl_per_dim: list[float] | None
    mse_from_mean: float
    mse_from_sample: float | None
    active_units: int
    per_image: Mapping[str, float] = field(default_factory=dict)  # means of all metrics that are entries alone

    def finite(self) -> bool:
        return all(math.isfinite(value) for value in (self.loss, self.reconstruction, self.kl or 0.0))

    def row(self) -> dict[str, Any]:
        """As the database holds it: `extra` are the metrics without a column of their own."""
        values = asdict(self)
        return values | {"extra": values.pop("per_image") or None}


def scalars() -> list[str]:
    """Names of all metrics that are one number."""
    return [name for name, metric in METRICS.items() if not metric.per_dimension]


def compared() -> list[str]:
    """Those by which runs may be compared, as far as their reconstruction loss is the same."""
    return [name for name in scalars() if not METRICS[name].own_objective]


def without_column() -> list[str]:
    """Those that the database keeps in `extra`."""
    return [name for name, metric in METRICS.items() if metric.in_extra]


def asked_of(yardstick: str) -> list[str]:
    """Those that one yardstick finds."""
    return [name for name, metric in METRICS.items() if metric.asked == yardstick]


def where_measured(names: Iterable[str], found: Callable[[str], bool]) -> list[str]:
    """`names` without those that nobody has asked for yet: `found` tells whether there is any number of one."""
    return [name for name in names if METRICS[name].asked is None or found(name)]


def measured(variant: Measurable, test: bool, at_once: bool = False) -> dict[str, Callable[[Evaluated], Tensor]]:
    """Metrics by image that this variant has on the test images, or on those it is watched on."""
    return {
        name: metric.per_image
        for name, metric in METRICS.items()
        if metric.per_image and metric.has(variant) and (test or not metric.test_only) and metric.at_once == at_once
    }
