"""The two losses looked at closely: what reductions do to β, what grey images cost at the least, and the KL drawn."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from ..choices.likelihoods import LIKELIHOODS, Likelihood
from ..choices.variants import VARIANTS
from ..learning.losses import ACTIVE_UNIT_VARIANCE, kl_divergence, reparameterize
from ..learning.models import Autoencoder
from ..learning.randomness import normal_like
from .codes import encode

COLLAPSED_KL = 0.1  # nats per image below which a code says next to nothing


def effective_beta(beta: float, pixels: int, latent_dim: int, mean_pixels: bool, mean_dimensions: bool) -> float:
    """The β of an objective that sums both terms, which has the same minimum as one that averages.

    Averaging the reconstruction over P pixels divides it by P, and averaging the KL over D dimensions divides it by D;
    only their ratio matters to the minimum. Higgins et al. 2017 (β-VAE), section 4.2, call β·D/P the normalised β.
    """
    return beta * (pixels if mean_pixels else 1) / (latent_dim if mean_dimensions else 1)


def bce_floor(x: np.ndarray) -> float:
    """Binary cross-entropy of images `x` (N, P) in [0, 1] against themselves, nats per image.

    The least any model can reach: 0 only if every pixel is black or white.
    """
    x = x.astype(np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        entropy = -np.nan_to_num(x * np.log(x)) - np.nan_to_num((1 - x) * np.log1p(-x))
    return float(entropy.sum(axis=1).mean())


def kl_gaussians(mu: float, std: float, other_mu: float = 0.0, other_std: float = 1.0) -> float:
    """KL(N(μ, σ²) ‖ N(m, s²)) in nats: log(s/σ) + (σ² + (μ − m)²) / (2s²) − ½."""
    return float(np.log(other_std / std) + (std**2 + (mu - other_mu) ** 2) / (2 * other_std**2) - 0.5)


@dataclass(frozen=True)
class Dimensions:
    """What each latent dimension is used for, over the images it was measured on."""

    kl: np.ndarray  # (D,) nats per image
    variance_of_mean: np.ndarray  # (D,) Var_x(E[z|x])

    @property
    def active_unit_mask(self) -> np.ndarray:
        """(D,) bool, by Burda et al. 2016 (arXiv 1509.00519): the mean moves with the image."""
        return self.variance_of_mean > ACTIVE_UNIT_VARIANCE


@torch.inference_mode()
def dimensions(model: Autoencoder, x: np.ndarray) -> Dimensions:
    """Of a model with a log-variance, on images `x` (N, P). Raises ValueError for one without."""
    codes = encode(model, x)
    if codes.std is None:
        raise ValueError("this variant has no log-variance, so no KL")
    mu, std = torch.from_numpy(codes.mu), torch.from_numpy(codes.std)
    kl = kl_divergence(mu, 2 * std.log())  # (N, D)
    return Dimensions(kl.mean(dim=0).numpy(), codes.mu.var(axis=0))


def both_losses(outputs: torch.Tensor, x: torch.Tensor, likelihood: Likelihood) -> dict[str, float]:
    """Pictures, as `outputs` (N, P) of a decoder trained by `likelihood`, of images `x` (N, P), by every loss.

    Per image, and "mse" per pixel. Only by losses that take the same picture from the same outputs: others know no
    value for these.
    """
    outputs, x = outputs.double(), x.double()
    losses = {
        name: float(other.value(outputs, x).mean())
        for name, other in LIKELIHOODS.items()
        if other.mean is likelihood.mean and other.of_any_run
    }
    squared = (likelihood.mean(outputs) - x).square().sum(-1).mean()
    return losses | {"mse": float(squared) / x.shape[1]}


@torch.inference_mode()
def rebuilt_by_both(model: Autoencoder, variant: str, x: np.ndarray, generator: torch.Generator) -> dict[str, dict]:
    """Images `x` (N, P) rebuilt by one variant: "from_mean", and "from_sample" where it has noise → `both_losses`.

    From outputs: a picture's values may be exactly 0 or 1 in float32, where BCE would be infinite.
    """
    images = torch.from_numpy(x)
    mu, logvar = model.encoder(images)
    found = {"from_mean": both_losses(model.decoder(mu), images, model.likelihood)}
    if VARIANTS[variant].noise:
        z = reparameterize(mu, logvar, normal_like(mu, generator))
        found["from_sample"] = both_losses(model.decoder(z), images, model.likelihood)
    return found
