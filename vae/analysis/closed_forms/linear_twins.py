"""What linear twins learn at best: networks without a non-linearity, and squared error without a sigmoid.

The autoencoder's optimum is PCA (Baldi & Hornik 1989). The VAE's, with squared error summed over pixels plus β · KL, is
probabilistic PCA with σ² = β/2 (Tipping & Bishop 1999; Lucas et al. 2019, arXiv 1911.02469): each dimension follows
one principal axis, and one whose variance λ is not above β/2 is not used at all.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from ...choices.estimators import of_bound
from ...choices.variants import VARIANTS
from ...config import RunConfig
from ...datasets import Images
from ...datasets.principal_axes import PrincipalAxes
from ...learning.losses import kl_divergence
from ...learning.models import Autoencoder
from ...learning.networks import network_of, unnormalised

CHUNK = 2000  # images at a time


def known(config: RunConfig) -> bool:
    """Whether the best autoencoder and the best VAE of this config are known in closed form."""
    identity = not config.hidden or config.activation == "identity"
    linear = network_of(config).any_map and identity and unnormalised(config)
    plain = not config.free_bits and not of_bound(config.estimator)
    return linear and plain and config.reconstruction == "sse_linear"


def squared_error_beta(config: RunConfig) -> float | None:
    """β as it would be if the reconstruction were a sum of squared errors; None where it is none.

    A Gaussian likelihood with a given σ is a squared error divided by 2σ², so that there it is 2σ²·β.
    """
    factors = {"sse": 1.0, "sse_linear": 1.0, "gaussian": 2 * config.sigma**2}
    factor = factors.get(config.reconstruction)
    return None if factor is None else factor * config.beta


def used(variances: np.ndarray, beta: float) -> np.ndarray:
    """Which principal axes, of these variances λ (D,), the best linear VAE uses: those with λ > β/2, (D,) bool."""
    return variances > beta / 2


def best_kl(variances: np.ndarray, beta: float) -> np.ndarray:
    """What each dimension of the best linear VAE costs, (D,), in nats per image: ½ ln(2λ/β) where it is used, else 0.

    Mean over the images that the variances λ (D,) are of. Without a KL to pay it has no bound: raises ValueError for a
    β that is not above 0.
    """
    if not beta > 0:
        raise ValueError("without a price the KL of the best linear VAE has no bound; β must be above 0")
    return 0.5 * np.log(np.maximum(2 * variances / beta, 1.0))


def best_error(principal: PrincipalAxes, x: np.ndarray, count: int, beta: float = 0.0) -> float:
    """Squared error per pixel of images `x` (n, P), rebuilt from the mean of the best linear code of `count` numbers.

    The best linear VAE rebuilds (1 − β/(2λ)) of what lies along an axis that it uses, and nothing of the others: the
    mean of probabilistic PCA. With β = 0 that is PCA.
    """
    variances, axes = principal.variances[:count], principal.axes[:count]
    shares = np.where(used(variances, beta), 1 - beta / 2 / np.maximum(variances, np.finfo(float).tiny), 0.0)
    along = (x - principal.mean) @ axes.T * shares.astype(np.float32)
    return float(np.square(principal.mean + along @ axes - x).mean(dtype=np.float64))


@dataclass(frozen=True)
class AgainstTheory:
    """A trained model of D dimensions beside the best one there can be."""

    mse: float  # per pixel of the test images, from the mean
    best_mse: float
    kl: np.ndarray | None  # (D,) nats per training image, the largest first; None without a log-variance
    # (D, D) |r| over training images between each dimension of the mean, as rows, and where images lie along each of
    # the first D axes; rows stand in the order of the axes they go with.
    correlations: np.ndarray
    explained: np.ndarray  # (D,) of the variance along each axis, what a linear map of the codes gives: r² up to a map


def against_theory(
    model: Autoencoder, variant: str, config: RunConfig, images: Images, rows: np.ndarray, principal: PrincipalAxes
) -> AgainstTheory:
    """Of a variant's trained `model`; `rows` are the training images that it and `principal` are of."""
    dims = config.latent_dim
    means, kls, along = [], [], []
    for start in range(0, len(rows), CHUNK):
        x = images.train_x[rows[start : start + CHUNK]].astype(np.float32) / np.float32(images.white)
        mu, kl = _codes(model, x)
        means.append(mu)
        kls += [] if kl is None else [kl]
        along.append((x - principal.mean) @ principal.axes[:dims].T)
    codes, coordinates = np.concatenate(means).astype(np.float64), np.concatenate(along).astype(np.float64)
    correlations = _correlations(codes, coordinates)
    kl_per_dim = np.sort(np.concatenate(kls).mean(axis=0, dtype=np.float64))[::-1] if kls else None
    beta = config.beta if VARIANTS[variant].kl else 0.0
    test = images.test_x.astype(np.float32) / np.float32(images.white)
    return AgainstTheory(
        mse=_error(model, test),
        best_mse=best_error(principal, test, dims, beta),
        kl=kl_per_dim,
        correlations=correlations[_in_order(correlations)],
        explained=_explained(codes, coordinates),
    )


@torch.inference_mode()
def _codes(model: Autoencoder, x: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
    mu, logvar = model.encoder(torch.from_numpy(x))
    return mu.numpy(), None if logvar is None else kl_divergence(mu, logvar).numpy()


@torch.inference_mode()
def _error(model: Autoencoder, x: np.ndarray) -> float:
    total = 0.0
    for chunk in torch.from_numpy(x).split(CHUNK):
        total += float((model.picture(model.encoder(chunk)[0]) - chunk).square().sum(dtype=torch.float64))
    return total / x.size


def _correlations(codes: np.ndarray, coordinates: np.ndarray) -> np.ndarray:
    """|r| (D, D); 0 where one of the two doesn't move."""
    a, b = codes - codes.mean(axis=0), coordinates - coordinates.mean(axis=0)
    sizes = np.outer(np.linalg.norm(a, axis=0), np.linalg.norm(b, axis=0))
    return np.divide(np.abs(a.T @ b), sizes, out=np.zeros_like(sizes), where=sizes > 0)


def _explained(codes: np.ndarray, coordinates: np.ndarray) -> np.ndarray:
    a, b = codes - codes.mean(axis=0), coordinates - coordinates.mean(axis=0)
    fitted, *_ = np.linalg.lstsq(a, b, rcond=None)
    whole = np.square(b).sum(axis=0)
    return 1 - np.divide(np.square(b - a @ fitted).sum(axis=0), whole, out=np.ones_like(whole), where=whole > 0)


def _in_order(correlations: np.ndarray) -> list[int]:
    """Rows (D,) so that the strongest correlations stand on the diagonal: the strongest of all is placed first."""
    left, order = correlations.copy(), [0] * len(correlations)
    for _ in order:
        row, column = np.unravel_index(left.argmax(), left.shape)
        order[column] = int(row)
        left[row], left[:, column] = -1, -1
    return order
