"""The two losses and what is measured beside them.

Reductions are visible: sums over pixels or dimensions happen here, means over images in the caller.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

ACTIVE_UNIT_VARIANCE = 0.01  # Burda et al. 2016 (arXiv 1509.00519), section 5: a unit is active if Var_x(E[z|x]) > 0.01


@dataclass(frozen=True)
class Reconstruction:
    """A reconstruction loss: its value per image, and its closed-form gradient with respect to the logits."""

    value: Callable[[Tensor, Tensor], Tensor]  # logits (B, P), x (B, P) → (B,)
    gradient: Callable[[Tensor, Tensor], Tensor]  # → ∂ value / ∂ logits, (B, P)
    unit: str


def _bce(logits: Tensor, x: Tensor) -> Tensor:
    return F.binary_cross_entropy_with_logits(logits, x, reduction="none").sum(-1)


def _bce_gradient(logits: Tensor, x: Tensor) -> Tensor:
    return torch.sigmoid(logits).sub_(x)  # ∂/∂a [−x log s(a) − (1−x) log(1−s(a))] = s(a) − x


def _sse(logits: Tensor, x: Tensor) -> Tensor:
    return (torch.sigmoid(logits) - x).square().sum(-1)


def _sse_gradient(logits: Tensor, x: Tensor) -> Tensor:
    x_hat = torch.sigmoid(logits)
    return 2 * (x_hat - x) * x_hat * (1 - x_hat)


RECONSTRUCTIONS = {
    "bce": Reconstruction(_bce, _bce_gradient, "nats per image"),
    "sse": Reconstruction(_sse, _sse_gradient, "squared error per image"),
}


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
    """What predicting the mean training image for every held-out image costs: {"bce", "sse", "mse"}.

    A model that is worse than this has learnt nothing. bce and sse per image, mse per pixel.
    """
    mean = train.mean(dim=0).expand_as(held_out)  # (N, P)
    # F.binary_cross_entropy bounds log 0 at −100: a pixel never lit in training may be lit in a held-out image.
    bce = F.binary_cross_entropy(mean, held_out, reduction="none").sum(-1).mean()
    mse = (mean - held_out).square().mean()
    return {"bce": float(bce), "sse": float(mse * held_out.shape[1]), "mse": float(mse)}
