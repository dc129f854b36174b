"""What linear twins learn at best: networks without a non-linearity, and squared error without a sigmoid.

The autoencoder's optimum is PCA (Baldi & Hornik 1989). The VAE's, with squared error summed over pixels plus β · KL, is
probabilistic PCA with σ² = β/2 (Tipping & Bishop 1999; Lucas et al. 2019, arXiv 1911.02469): each dimension follows
one principal axis, and one whose variance λ is not above β/2 is not used at all.
"""

from __future__ import annotations

import numpy as np

from ..claim_measures import residual


def principal_axes(train: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The mean (P,) of images (N, P), their principal axes (P, P) as columns, and the variances λ (P,) along them.

    The largest variance first; of the population, that is divided by N.
    """
    train = train.astype(np.float64)
    mean = train.mean(axis=0)
    variances, axes = np.linalg.eigh((train - mean).T @ (train - mean) / len(train))
    return mean, axes[:, ::-1], np.maximum(variances[::-1], 0.0)


def pca_error(train: np.ndarray, held_out: np.ndarray, latent_dim: int) -> float:
    """Squared error per pixel of images (n, P) that are rebuilt from `latent_dim` principal axes of `train` (N, P)."""
    mean, axes, _ = principal_axes(train)
    return residual(held_out.astype(np.float64), mean, axes[:, :latent_dim].T)


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
