"""How a sweep's points are chosen, and what they are judged by."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ..metrics import METRICS


@dataclass(frozen=True)
class Sampler:
    """How a sweep's points are chosen."""

    title: str
    description: str


@dataclass(frozen=True)
class Objective:
    """What a sweep's points are judged by, on validation images."""

    title: str
    direction: Literal["minimize", "maximize"]  # as Optuna says it
    sought: str  # the end of "We look for …"
    description: str
    metric: str | None = None  # of METRICS that it is

    @property
    def setting(self) -> str | None:
        """The field of RunConfig without which it can't be measured."""
        return METRICS[self.metric].setting if self.metric else None

    @property
    def judged_on(self) -> str:
        """Which images, within a sentence."""
        beside = " beside images of the held-out class, no test image among them" if self.setting else ""
        return f"validation images{beside}"

    @property
    def every_epoch(self) -> bool:
        """Whether it comes with training; else it is measured when all runs of a point are done."""
        return self.metric is not None and METRICS[self.metric].asked is None


SAMPLERS = {
    "grid": Sampler("Grid", "Every combination, once."),
    "random": Sampler("Random", "Points drawn at random."),
    "tpe": Sampler(
        "Optuna's search",
        "Points drawn where earlier ones were good (tree-structured Parzen estimator, Bergstra et al. 2011).",
    ),
}
OBJECTIVES = {
    metric.objective or name: Objective(
        metric.title, "maximize" if metric.more_is_better else "minimize", metric.sought, metric.sentence, name
    )
    for name, metric in sorted(METRICS.items(), key=lambda entry: entry[1].own_objective)
    if metric.sought and (metric.asked or not metric.test_only)
} | {
    "ratio": Objective(
        "Change ratio AE ÷ VAE",
        "maximize",
        "a high change ratio AE ÷ VAE",
        "How many times as much a nudge of 0.1 × the codes' standard deviation changes the autoencoder's pictures as "
        "the VAE's, on the validation images.",
    ),
}
