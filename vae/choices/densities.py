"""Which reconstruction losses are −log p(x | outputs) of an image, and what they lack to be it.

A loss that has no entry here is a cost: nothing follows from it for how probable an image is.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..errors import InputError
from .likelihoods import LIKELIHOODS
from .variants import VARIANTS

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Density:
    """−log p(x | outputs) from a likelihood's `value`, for images of P pixels: factor · value + constant, in nats."""

    factor_and_constant: Callable[[int, float], tuple[float, float]] = lambda pixels, beta: (1.0, 0.0)  # P, β
    binary: bool = False  # only of pixels that are 0 or 1: a probability, comparable with that of other models
    pays_kl: bool = False  # only in a variant that pays β · KL: β says how far pixels spread
    # `value` of S outputs for each image, where there is a quicker way: outputs (B, S, k · P), which may be written
    # over, and x (B, P) → (B, S).
    of_samples: Callable[[Tensor, Tensor], Tensor] | None = None


def _cross_entropies(logits: Tensor, x: Tensor) -> Tensor:
    """Σ log(1 + e^a) − x·a = Σ log(1 + e^−|a|) + Σ |a|/2 + (½ − x)·a of logits a (B, S, P), for x (B, P): (B, S).

    The logarithms are what takes time, so there is one for FOLD pixels: factors lie between 1 and 2, so that their
    product neither overflows nor loses digits.
    """
    linear = (logits @ (0.5 - x).unsqueeze(-1)).squeeze(-1)  # (B, S)
    size = logits.abs_()
    linear += 0.5 * size.sum(-1)
    factors = size.neg_().exp_().add_(1)  # (B, S, P)
    width = max(1, factors.shape[-1] // FOLD)
    product, *others = factors.split(width, dim=-1)
    for other in others:
        product[..., : other.shape[-1]].mul_(other)
    return product.log_().sum(-1).add_(linear)


FOLD = 8

# Tipping & Bishop 1999; Lucas et al. 2019 (arXiv 1911.02469): squared error + β · KL is β times the bound of a Gaussian
# with σ² = β/2, all but its constant ½ ln(2πσ²) for each pixel.
_BY_BETA = Density(lambda pixels, beta: (1 / beta, 0.5 * pixels * math.log(math.pi * beta)), pays_kl=True)

# By the name of the likelihood. The Gaussians' values hold all constants already.
DENSITIES: dict[str, Density] = {
    "bce": Density(binary=True, of_samples=_cross_entropies),
    "bernoulli": Density(binary=True, of_samples=_cross_entropies),
    "gaussian": Density(),
    "gaussian_learned": Density(),
    "gaussian_descent": Density(),
    "gaussian_per_pixel": Density(),
    "sse_linear": _BY_BETA,
}


def density_of(config: Any, variant: str, binary: bool) -> Density:
    """How the reconstruction loss of this variant of a `RunConfig`'s run gives −log p(x|z).

    `binary`: whether all pixels are 0 or 1. Raises InputError where there is none: a variant that doesn't draw its
    codes, a loss that is no likelihood.
    """
    treated, name = VARIANTS[variant], LIKELIHOODS[config.reconstruction].name
    if not treated.noise:
        raise InputError(
            f"The {treated.noun} has no likelihood: it draws no codes, so it says neither how codes are spread, p(z), "
            "nor which of them go with an image, q(z|x)."
        )
    density = DENSITIES.get(config.reconstruction)
    if density is None:
        raise InputError(
            f"There is no likelihood: {name} says how wrong a picture is, not how probable an image. Train with "
            f"{instead()}; Bernoulli needs binarised images."
        )
    if density.binary and not binary:
        raise InputError(
            f"There is no likelihood: {name} of grey pixels is a cost, no probability. Train on binarised images, or "
            "with a Gaussian."
        )
    if density.pays_kl and not (treated.kl and config.beta > 0):
        raise InputError(
            f"The {treated.noun} has no likelihood: with {name} it is β that says how far pixels spread, σ² = β/2, and "
            "here no KL is paid."
        )
    return density


def instead() -> str:
    """Titles of the losses that are a likelihood of what they are trained on, for a sentence."""
    titles = [LIKELIHOODS[name].title for name in DENSITIES if name in LIKELIHOODS and name != "bce"]
    return " or ".join([", ".join(titles[:-1]), titles[-1]])
