"""Directions in which a code may be nudged: unit vectors, in units of the nudge's own scale."""

from __future__ import annotations

import numpy as np
import torch

from ..learning.models import Autoencoder
from ..learning.randomness import normal_like
from .geometry import decoder, steepest

DIRECTIONS = {
    "random": "a direction drawn at random, the same for every model",
    "dimension": "along one dimension of the code",
    "towards": "towards the code of another image",
    "steepest": "where the picture changes most, by the decoder's Jacobian (differs from image to image)",
}


def random(count: int, latent_dim: int, generator: torch.Generator) -> np.ndarray:
    """Unit vectors (count, D), uniform on the sphere."""
    return torch.nn.functional.normalize(normal_like(torch.empty(count, latent_dim), generator), dim=-1).numpy()


def along(count: int, latent_dim: int, dimension: int) -> np.ndarray:
    """The unit vector of one dimension, counted from 0: (count, D)."""
    return np.eye(latent_dim, dtype=np.float32)[[dimension]].repeat(count, axis=0)


def towards(mu: np.ndarray, target: int, scale: np.ndarray) -> np.ndarray:
    """From each of `mu` (K, D) to the code of image `target`, (K, D), measured in `scale` (D,) or (K, D).

    0 for the target itself, and in dimensions whose unit is 0.
    """
    apart = mu[target] - mu  # (K, D)
    scaled = np.divide(apart, scale, out=np.zeros_like(apart), where=np.broadcast_to(scale, apart.shape) > 0)
    length = np.linalg.norm(scaled, axis=1, keepdims=True)
    return np.divide(scaled, length, out=np.zeros_like(scaled), where=length > 0)


def step(u: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """What a nudge of size 1 adds to codes, (K, D): a root mean square of 1 · `scale` per dimension."""
    return (u * scale * u.shape[1] ** 0.5).astype(np.float32)


def steepest_of(model: Autoencoder, mu: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """Unit vectors (K, D) along which a small nudge in `scale` changes each picture most."""
    return steepest(decoder(model), mu, scale)
