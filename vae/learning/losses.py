"""The KL, the trick, and what is measured beside them. The other loss is `choices.likelihoods`: one for each kind.

Reductions are visible: sums over dimensions happen here or in the caller's next line, means over images in the caller.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ..choices.likelihoods import LIKELIHOODS
from ..config import RunConfig

ACTIVE_UNIT_VARIANCE = 0.01  # Burda et al. 2016 (arXiv 1509.00519), section 5: a unit is active if Var_x(E[z|x]) > 0.01


def kl_divergence(mu: Tensor, logvar: Tensor) -> Tensor:
    """KL(N(μ, σ²) ‖ N(0, 1)) for each image and dimension, (B, D), in nats.

    Kingma & Welling 2014 (arXiv 1312.6114), appendix B.
    """
    return 0.5 * (mu.square() + logvar.exp() - 1 - logvar)


def paid_kl(kl: Tensor, free: float) -> Tensor:
    """What an objective with free bits pays for, nats: Σ_j max(λ, KL_j) of the KL of each dimension, (D,).

    KL_j is a mean over the images of a batch. Kingma et al. 2016 (arXiv 1606.04934), section 5 and appendix C.8, with
    groups of one dimension each.
    """
    return kl.clamp_min(free).sum() if free else kl.sum()


def scheduled_beta(config: RunConfig, epoch: int) -> float:
    """The weight of the KL in an epoch, counted from 1: it grows evenly over a warm-up, once or in every cycle.

    Bowman et al. 2016 (arXiv 1511.06349) for one warm-up; Fu et al. 2019 (arXiv 1903.10145), eq. 6 to 8, for cycles,
    where it takes half of each (their R = 0.5) unless `kl_warmup_epochs` says how long.
    """
    warmup, place = float(config.kl_warmup_epochs), float(epoch)
    if config.kl_cycles:
        length = config.epochs / config.kl_cycles
        warmup, place = warmup or length / 2, (epoch - 1) % length + 1
    return config.beta * min(1.0, place / warmup) if warmup else config.beta


def reparameterize(mu: Tensor, logvar: Tensor, eps: Tensor) -> Tensor:
    """z = μ + σ·ε, (B, D). Kingma & Welling 2014, section 2.4."""
    return mu + torch.exp(0.5 * logvar) * eps


def active_units(mu: Tensor) -> int:
    """Dimensions whose mean moves with the image, over the rows of `mu` (N, D)."""
    return int((mu.var(dim=0, correction=0) > ACTIVE_UNIT_VARIANCE).sum())


def mean_image_floor(train: Tensor, held_out: Tensor, config: RunConfig | None = None) -> dict[str, float]:
    """What predicting the mean training image for every held-out image costs: by likelihood per image, "mse" per pixel.

    Likelihoods have the settings of `config`, or their usual ones. A model that is worse than this has learnt nothing.
    """
    mean = train.mean(dim=0).expand_as(held_out)  # (N, P)
    floors = {
        name: entry.with_settings(config or RunConfig()).floor(mean, held_out) for name, entry in LIKELIHOODS.items()
    }
    return floors | {"mse": float((mean - held_out).square().mean())}
