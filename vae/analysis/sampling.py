"""Codes that belong to no image: drawn from the prior, or from a density fitted to the codes of real images."""

from __future__ import annotations

from copy import copy

import numpy as np
import torch
from sklearn.mixture import GaussianMixture


def prior(count: int, latent_dim: int, generator: torch.Generator) -> np.ndarray:
    """z ~ N(0, I), (count, D): what a VAE is trained for, and an autoencoder is not."""
    return torch.randn(count, latent_dim, generator=generator).numpy()


def fit_mixture(z: np.ndarray, components: int, seed: int) -> GaussianMixture:
    """A mixture of Gaussians with full covariances fitted to codes `z` (N, D) by EM; 1 component is one Gaussian.

    Ghosh et al. 2020 (arXiv 1903.12436) sample plain autoencoders in this way. Raises ValueError with fewer codes
    than components.
    """
    return GaussianMixture(components, covariance_type="full", reg_covar=1e-6, random_state=seed).fit(
        z.astype(np.float64)
    )


def draw(mixture: GaussianMixture, count: int, seed: int) -> np.ndarray:
    """`count` codes (count, D) from a fitted mixture, in random order."""
    generator = np.random.RandomState(seed)
    own = copy(mixture).set_params(random_state=generator)  # the fitted one may be shared by many visitors
    z, _ = own.sample(count)
    return generator.permutation(z).astype(np.float32)
