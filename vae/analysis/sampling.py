"""Codes that belong to no image: drawn from the prior, or from a density fitted to the codes of real images."""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass

import numpy as np
import torch
from sklearn.mixture import GaussianMixture

from .reference import Classifier, RealImages

COMPONENTS = 10  # of a mixture, where there are codes enough
CODES_PER_COMPONENT = 5  # codes needed for each dimension of each component


def prior(count: int, latent_dim: int, generator: torch.Generator) -> np.ndarray:
    """z ~ N(0, I), (count, D): what a VAE is trained for, and an autoencoder is not."""
    return torch.randn(count, latent_dim, generator=generator).numpy()


def affordable(count: int, latent_dim: int, components: int = COMPONENTS) -> int:
    """As many components of a mixture as `count` codes are enough for, from 1 up to `components`."""
    return max(1, min(components, count // (CODES_PER_COMPONENT * (latent_dim + 1))))


def fit_mixture(z: np.ndarray, components: int, seed: int) -> GaussianMixture:
    """A mixture of Gaussians with full covariances fitted to codes `z` (N, D) by EM; 1 component is one Gaussian.

    Ghosh et al. 2020 (arXiv 1903.12436) sample plain autoencoders in this way. Raises ValueError with fewer codes
    than components.
    """
    if len(z) == components == 1:
        z = z.repeat(2, axis=0)  # scikit-learn asks for two; a Gaussian of next to no width all the same
    return GaussianMixture(components, covariance_type="full", reg_covar=1e-6, random_state=seed).fit(
        z.astype(np.float64)
    )


def draw(mixture: GaussianMixture, count: int, seed: int) -> np.ndarray:
    """`count` codes (count, D) from a fitted mixture, in random order."""
    generator = np.random.RandomState(seed)
    own = copy(mixture).set_params(random_state=generator)  # the fitted one may be shared by many visitors
    z, _ = own.sample(count)
    return generator.permutation(z).astype(np.float32)


@dataclass(frozen=True)
class Quality:
    """How real n pictures look, by two measures of which neither knows what a good picture is."""

    nearest_distance: float  # mean pixel RMSE to the nearest real image
    nearest_half_interval: float  # half of its 95 % interval over the pictures
    confidence: float | None  # mean of the classifier's largest probability; None without a classifier
    n: int


@torch.inference_mode()
def quality(x: np.ndarray, real: RealImages, classifier: Classifier | None) -> Quality:
    """Of pictures `x` (n, P) in [0, 1]. Copies of real images would be at distance 0, and blurred ones nearer than odd
    ones: read it beside the same measure of real held-out images.
    """
    distances = real.nearest(torch.from_numpy(x))[0][:, 0].numpy()
    half = 1.96 * float(distances.std(ddof=1)) / len(x) ** 0.5
    confidence = float(classifier.probabilities(x).max(axis=1).mean()) if classifier else None
    return Quality(float(distances.mean()), half, confidence, len(x))
