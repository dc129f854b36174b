"""Codes of many images, the plane they are drawn in, and how far they are from N(0, I)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch

from ..learning.losses import reparameterize
from ..learning.models import Autoencoder
from ..learning.randomness import normal_like
from ..learning.snapshots import plane_of

CHUNK = 2000  # images per forward pass


@dataclass(frozen=True)
class Codes:
    """Codes of N images by one variant."""

    mu: np.ndarray  # (N, D) float32
    std: np.ndarray | None  # (N, D) σ of q(z|x); None for a variant without log-variance

    @property
    def latent_dim(self) -> int:
        return self.mu.shape[1]


@torch.inference_mode()
def encode(model: Autoencoder, x: np.ndarray) -> Codes:
    """Codes of `x` (N, P) in [0, 1]."""
    parts = [model.encoder(chunk) for chunk in torch.from_numpy(x).split(CHUNK)]
    mu = torch.cat([mu for mu, _ in parts]).numpy()
    stds = [torch.exp(0.5 * logvar) for _, logvar in parts if logvar is not None]
    return Codes(mu, torch.cat(stds).numpy() if stds else None)


def sample(codes: Codes, generator: torch.Generator) -> np.ndarray:
    """One z ~ q(z|x) for each image, (N, D). Raises ValueError for codes without a standard deviation."""
    if codes.std is None:
        raise ValueError("these codes have no distribution to sample from")
    mu = torch.from_numpy(codes.mu)
    return reparameterize(mu, 2 * torch.from_numpy(codes.std).log(), normal_like(mu, generator)).numpy()


@dataclass(frozen=True)
class Plane:
    """A plane through a latent space: the point (u, v) is z = origin + u · axes[0] + v · axes[1]."""

    origin: np.ndarray  # (D,)
    axes: np.ndarray  # (2, D), orthonormal; the second is 0 where there is only one dimension
    share: float  # of the codes' variance that lies in the plane; 1 when it is the whole space
    names: tuple[str, str]

    @property
    def slice(self) -> bool:
        """Whether there is more to the space than this plane."""
        return self.axes.shape[1] > 2

    def project(self, z: np.ndarray) -> np.ndarray:
        """Coordinates in the plane, (N, 2), of the points of it nearest to `z` (N, D)."""
        return (z - self.origin) @ self.axes.T

    def lift(self, uv: np.ndarray) -> np.ndarray:
        """Codes (N, D) at the coordinates `uv` (N, 2)."""
        return (self.origin + uv @ self.axes).astype(np.float32)


def plane(mu: np.ndarray, dimensions: tuple[int, int] | None = None) -> Plane:
    """A plane through the codes `mu` (N, D): the whole space in 1-D and 2-D, else a slice through their mean.

    `dimensions` picks two of them, counted from 0; None takes the two leading principal components.
    """
    latent_dim = mu.shape[1]
    if latent_dim <= 2:
        axes = np.eye(2, latent_dim, dtype=np.float32)
        return Plane(np.zeros(latent_dim, dtype=np.float32), axes, 1.0, ("z₁", "z₂" if latent_dim == 2 else "class"))
    centre, variance = mu.mean(axis=0), mu.var(axis=0)
    if dimensions is None:
        _, share, leading = plane_of(torch.from_numpy(mu), None)  # leading: (D, 2)
        assert leading is not None, "there are more than two dimensions"
        return Plane(centre, leading.numpy().T, share, ("first principal component", "second principal component"))
    first, second = dimensions
    axes = np.zeros((2, latent_dim), dtype=np.float32)
    axes[[0, 1], [first, second]] = 1
    share = float(variance[[first, second]].sum() / max(variance.sum(), 1e-12))
    return Plane(centre, axes, share, (f"dimension {first + 1}", f"dimension {second + 1}"))


# How far codes are from the prior N(0, I)


def kl_to_prior(z: np.ndarray) -> float:
    """KL(N(m, S) ‖ N(0, I)) in nats, m and S the mean and covariance of `z` (N, D).

    It sees the first two moments only, and is infinite where the codes fill less than the whole space.
    ½ (tr S + mᵀm − D − log det S); Cover & Thomas 2006, section 8.5 and exercise 8.
    """
    z = z.astype(np.float64)
    mean = z.mean(axis=0)
    covariance = np.atleast_2d(np.cov(z, rowvar=False, bias=True))
    variances = np.linalg.eigvalsh(covariance)  # along the principal axes, ascending
    if variances[0] <= np.square(np.finfo(np.float32).eps * np.abs(z).max()):  # what rounding leaves of 0
        return math.inf
    return float(0.5 * (variances.sum() + mean @ mean - z.shape[1] - np.log(variances).sum()))


def mmd_to_prior(z: np.ndarray, generator: torch.Generator) -> float:
    """MMD² between `z` (N, D) and as many draws of N(0, I), with a Gaussian kernel of bandwidth √D; unbiased.

    0 for codes that are N(0, I), give or take the draw's luck (it may be a little below 0); it sees all moments.
    Gretton et al. 2012 (JMLR 13), lemma 6. The bandwidth is the typical distance of two draws, √(2D), over √2.
    """
    x = torch.from_numpy(z).double()
    y = torch.randn(x.shape, generator=generator, dtype=torch.float64)
    count, latent_dim = x.shape

    def kernel(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        return torch.exp(torch.cdist(a, b).square() / (-2 * latent_dim))  # (N, N)

    within = sum((kernel(a, a).sum() - count) / (count * (count - 1)) for a in (x, y))  # without the diagonal's ones
    return float(within - 2 * kernel(x, y).mean())
