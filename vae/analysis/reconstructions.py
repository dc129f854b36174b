"""What survives the bottleneck: images rebuilt from the mean of their code and from samples of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ..choices.variants import VARIANTS
from ..config import RunConfig
from ..learning.losses import reparameterize
from ..learning.models import Autoencoder
from ..learning.networks import Shape, build
from ..learning.randomness import normal_like


def restore(config: RunConfig, shape: Shape, variant: str, weights: Mapping[str, Tensor]) -> Autoencoder:
    """A variant's network with stored `weights`, on the CPU, in evaluation mode; share it, never change it."""
    model = build(config, shape, variant)
    model.load_state_dict(dict(weights))
    return model.eval().requires_grad_(False)


@dataclass(frozen=True)
class Rebuilt:
    """Reconstructions of the same N images by one variant, grey levels in [0, 1]."""

    from_mean: np.ndarray  # (N, P) float32
    from_sample: np.ndarray | None  # (N, P) from one z ~ q(z|x) each; None for a variant without noise


@torch.inference_mode()
def reconstruct(model: Autoencoder, variant: str, x: np.ndarray, generator: torch.Generator) -> Rebuilt:
    """Rebuild `x` (N, P) in [0, 1]."""
    mu, logvar = model.encoder(torch.from_numpy(x))  # each (N, D)
    from_mean = model.picture(mu).numpy()
    if not VARIANTS[variant].noise:
        return Rebuilt(from_mean, None)
    z = reparameterize(mu, logvar, normal_like(mu, generator))
    return Rebuilt(from_mean, model.picture(z).numpy())


@torch.inference_mode()
def resample(model: Autoencoder, x: np.ndarray, count: int, generator: torch.Generator) -> np.ndarray:
    """One image `x` (P,) decoded from `count` samples of its posterior q(z|x): (count, P) in [0, 1]."""
    mu, logvar = model.encoder(torch.from_numpy(x)[None].expand(count, -1))  # each (count, D)
    return model.picture(reparameterize(mu, logvar, normal_like(mu, generator))).numpy()


def spread(samples: np.ndarray) -> np.ndarray:
    """Standard deviation of every pixel over samples (n, P) of one image: (P,), in grey levels of [0, 1]."""
    return samples.std(axis=0, ddof=1)
