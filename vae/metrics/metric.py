"""What a metric is: its words, how far its number can be trusted, and how it is found. Free of torch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

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
    sought: str | None = None  # the end of "We look for …", where sweeps may judge by it
    more_is_better: bool = False
    objective: str | None = None  # what sweeps call it, where that isn't its name
    per_image: Callable[[Evaluated], Tensor] | None = None  # → (B,); None: `learning.learner` measures it by name
    # The yardstick of `vae.measuring.yardsticks` that finds it when somebody asks. None: it comes with training.
    asked: str | None = None
    setting: str | None = None  # a field of RunConfig without which there is no such number
    at_once: bool = False  # whether `per_image` gets all images at once instead of some: then their codes alone

    @property
    def of_loss(self) -> bool:
        """Whether runs with another reconstruction loss measure another quantity under this name."""
        return self.unit is None

    @property
    def in_extra(self) -> bool:
        """Whether the database keeps it in the column `extra`."""
        return self.per_image is not None or self.asked is not None

    def heading(self, loss_unit: str) -> str:
        """With its unit, for axes and tables; `loss_unit` is the reconstruction loss's, per image."""
        return f"{self.title} ({self.unit or loss_unit})"

    def has(self, variant: Measurable) -> bool:
        """Whether this variant has it."""
        there = {"noise": variant.noise, "logvar": variant.has_logvar, "penalty": variant.penalty is not None}
        return there.get(self.needs or "", True)
