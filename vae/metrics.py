"""What is measured of a variant after every epoch and on the test images: each metric once. Free of torch.

Tables, curves, CSV files, capsules, tolerances and the objectives of sweeps read METRICS, in its order. A metric
that is a mean over images is one entry here, with its `per_image`; the database has no column for it, and needs none.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from torch import Tensor


class Measurable(Protocol):
    """What decides which metrics a variant has."""

    @property
    def noise(self) -> bool: ...

    @property
    def penalty(self) -> str | None: ...

    @property
    def has_logvar(self) -> bool: ...


@dataclass(frozen=True)
class Tolerance:
    """How far a number of a run trained anew may lie from the old one on another computer: the larger of both."""

    share: float  # of the larger of both numbers
    least: float = 0.0  # in the number's own unit
    grows: bool = True  # with the epochs, as rounding feeds on itself


@dataclass(frozen=True)
class Evaluated:
    """Some images and what one variant makes of them."""

    x: Tensor  # (B, P) in [0, 1]
    mu: Tensor  # (B, D)
    logvar: Tensor | None  # (B, D); None for a variant without
    from_mean: Tensor  # (B, P), pictures of the means
    from_sample: Tensor | None  # (B, P), of one sample each; None for a variant without noise
    penalty: Tensor | None = None  # (B,), in the unit of the loss; None for a variant without
    z: Tensor | None = None  # (B, D), the sample of each, or its mean for a variant without noise


@dataclass(frozen=True)
class Metric:
    """One metric, in words and in how far it can be trusted."""

    title: str
    unit: str | None  # None: that of the reconstruction loss
    sentence: str
    short: str  # in a table's narrow heads, after the variant
    tolerance: Tolerance
    style: str = "%.4f"  # of its numbers in tables
    needs: str | None = None  # "logvar", "noise" or "penalty": variants without it lack the metric
    test_only: bool = False  # measured once, on the test images, and not after every epoch
    whole: bool = False  # a count
    per_dimension: bool = False  # a list, one number for each latent dimension
    own_objective: bool = False  # another quantity for every variant and β: nothing to compare runs by
    sought: str | None = None  # the end of "We look for …", where sweeps may judge by it: the less the better
    objective: str | None = None  # what sweeps call it, where that isn't its name
    per_image: Callable[[Evaluated], Tensor] | None = None  # → (B,); None: `learning.learner` measures it by name
    at_once: bool = False  # whether `per_image` gets all images at once instead of some: then their codes alone

    @property
    def of_loss(self) -> bool:
        """Whether runs with another reconstruction loss measure another quantity under this name."""
        return self.unit is None

    def heading(self, loss_unit: str) -> str:
        """With its unit, for axes and tables; `loss_unit` is the reconstruction loss's, per image."""
        return f"{self.title} ({self.unit or loss_unit})"

    def has(self, variant: Measurable) -> bool:
        """Whether this variant has it."""
        there = {"noise": variant.noise, "logvar": variant.has_logvar, "penalty": variant.penalty is not None}
        return there.get(self.needs or "", True)


def _penalty(images: Evaluated) -> Tensor:
    assert images.penalty is not None, "measured where the variant has one"
    return images.penalty


MOST_AT_ONCE = 5000  # images of which a metric sees the codes together: what it costs may grow with their square
AGGREGATE_CHUNK = 100  # codes at a time whose density is measured under all posteriors


def mutual_information(mu: Tensor, logvar: Tensor, z: Tensor) -> Tensor:
    """What each of N images adds to an estimate of I(x; z), (N,), nats: log q(z_i|x_i) − log q(z_i).

    Of their means, log-variances and samples, each (N, D).

    q(z), the aggregate posterior, is the mean over the N images of q(z|x_j). The mean estimates the mutual information
    of an image's number and its code, at most log N (Hoffman & Johnson 2016, "ELBO surgery"). In double precision, for
    these are differences of large numbers.
    """
    import torch

    mu, logvar, z = mu.double(), logvar.double(), z.double()
    precision = torch.exp(-logvar)  # (N, D)
    weighted = mu * precision
    constant = (mu * weighted).add_(logvar).sum(-1)  # (N,)
    found = []
    for start in range(0, len(z), AGGREGATE_CHUNK):
        codes = z[start : start + AGGREGATE_CHUNK]  # (n, D)
        squares = torch.addmm(constant, codes.square(), precision.T).addmm_(codes, weighted.T, alpha=-2)
        log_density = squares.mul_(-0.5)  # (n, N): log q(z_i|x_j), up to the same constant everywhere
        rows = torch.arange(len(codes), device=z.device)
        own = log_density[rows, rows + start]
        found.append(own - torch.logsumexp(log_density, dim=1) + math.log(len(mu)))
    return torch.cat(found)


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
    return [name for name, metric in METRICS.items() if metric.per_image]


def measured(variant: Measurable, test: bool, at_once: bool = False) -> dict[str, Callable[[Evaluated], Tensor]]:
    """Metrics by image that this variant has on the test images, or on those it is watched on."""
    return {
        name: metric.per_image
        for name, metric in METRICS.items()
        if metric.per_image and metric.has(variant) and (test or not metric.test_only) and metric.at_once == at_once
    }
