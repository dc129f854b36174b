"""The KL, the trick, and what is measured beside them. The other loss is `choices.likelihoods`: one for each kind.

Reductions are visible: sums over dimensions happen here or in the caller's next line, means over images in the caller.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ..choices.likelihoods import LIKELIHOODS

ACTIVE_UNIT_VARIANCE = 0.01  # Burda et al. 2016 (arXiv 1509.00519), section 5: a unit is active if Var_x(E[z|x]) > 0.01


def kl_divergence(mu: Tensor, logvar: Tensor) -> Tensor:
    """KL(N(μ, σ²) ‖ N(0, 1)) for each image and dimension, (B, D), in nats.

    Kingma & Welling 2014 (arXiv 1312.6114), appendix B.
    """
    return 0.5 * (mu.square() + logvar.exp() - 1 - logvar)


def reparameterize(mu: Tensor, logvar: Tensor, eps: Tensor) -> Tensor:
    """z = μ + σ·ε, (B, D). Kingma & Welling 2014, section 2.4."""
    return mu + torch.exp(0.5 * logvar) * eps


def active_units(mu: Tensor) -> int:
    """Dimensions whose mean moves with the image, over the rows of `mu` (N, D)."""
    return int((mu.var(dim=0, correction=0) > ACTIVE_UNIT_VARIANCE).sum())


def mean_image_floor(train: Tensor, held_out: Tensor) -> dict[str, float]:
    """What predicting the mean training image for every held-out image costs: by likelihood per image, "mse" per pixel.

    A model that is worse than this has learnt nothing.
    """
    mean = train.mean(dim=0).expand_as(held_out)  # (N, P)
    floors = {name: likelihood.floor(mean, held_out) for name, likelihood in LIKELIHOODS.items()}
    return floors | {"mse": float((mean - held_out).square().mean())}
