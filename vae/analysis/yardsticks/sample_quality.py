"""How near drawn pictures come to real ones, as two clouds of features: apart, among one another, covered."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

NEIGHBOURS = 3  # as Kynkäänniemi et al. 2019 have it
CHUNK = 2000  # rows of a matrix of distances
ROUNDING = 1e-12  # of a squared distance, as a share of the largest squared length: nothing lies on the edge by chance


@dataclass(frozen=True)
class Spread:
    """The Gaussian that is fitted to a cloud: its mean (d,), and R (d, d), whose product RᵀR is the covariance."""

    mean: np.ndarray
    root: np.ndarray

    @classmethod
    def of(cls, features: np.ndarray) -> Spread:
        """Of `features` (n, d), with the covariance's divisor n − 1; NaN for what isn't finite.

        Raises ValueError for fewer than two rows.
        """
        if len(features) < 2:
            raise ValueError("a covariance needs two images")
        wide = np.asarray(features, dtype=np.float64)
        mean = wide.mean(axis=0)
        covariance = (wide - mean).T @ (wide - mean) / (len(wide) - 1)
        if not np.isfinite(covariance).all():
            return cls(mean, np.full_like(covariance, np.nan))
        variances, axes = np.linalg.eigh(covariance)
        return cls(mean, np.sqrt(variances.clip(0))[:, None] * axes.T)


def frechet_distance(a: Spread, b: Spread) -> float:
    """‖μ₁ − μ₂‖² + Tr(Σ₁ + Σ₂ − 2 (Σ₁Σ₂)^½), a squared distance; Dowson and Landau 1982, as Heusel et al. 2017 use it.

    With Σ = RᵀR the last trace is the sum of the singular values of R₁R₂ᵀ: no root is taken of a product that is not
    symmetric, so features that never change, and fewer images than features, are no trouble. NaN for what isn't finite.
    """
    joint = a.root @ b.root.T
    if not np.isfinite(joint).all():
        return float("nan")
    trace = np.square(a.root).sum() + np.square(b.root).sum() - 2 * np.linalg.svd(joint, compute_uv=False).sum()
    return float(np.square(a.mean - b.mean).sum() + max(trace, 0.0))


@dataclass(frozen=True)
class Manifold:
    """Where a cloud of features is: in the balls around its points that reach to the third nearest of the others."""

    points: Tensor  # (n, d) float64
    reach: Tensor  # (n,) squared radii

    @classmethod
    def of(cls, features: np.ndarray, neighbours: int = NEIGHBOURS) -> Manifold:
        """Of `features` (n, d). Raises ValueError without so many neighbours for every point."""
        if len(features) <= neighbours:
            raise ValueError(f"{neighbours} neighbours need more than {neighbours} images")
        points = torch.as_tensor(features, dtype=torch.float64)
        parts = []
        for start in range(0, len(points), CHUNK):
            apart = _squares(points[start : start + CHUNK], points)
            rows = torch.arange(len(apart))
            apart[rows, start + rows] = -1.0  # itself comes first, also where others are the same
            parts.append(apart.topk(neighbours + 1, dim=1, largest=False).values[:, -1])
        return cls(points, torch.cat(parts))


def precision_and_recall(real: Manifold, drawn: Manifold) -> tuple[float, float]:
    """Share of the drawn that lie among the real, and share of the real that lie among the drawn; edges count as in.

    Kynkäänniemi et al. 2019 (arXiv 1904.06991), equation 2. Both depend on how many there are: give as many of each.
    NaN for what isn't finite.
    """
    if not (torch.isfinite(real.points).all() and torch.isfinite(drawn.points).all()):
        return float("nan"), float("nan")
    edge = ROUNDING * max(float(cloud.points.square().sum(1).max()) for cloud in (real, drawn))
    inside, covered = [], torch.zeros(len(real.points), dtype=torch.bool)
    for start in range(0, len(drawn.points), CHUNK):
        some = slice(start, start + CHUNK)
        apart = _squares(drawn.points[some], real.points).sub_(edge)
        inside.append((apart <= real.reach).any(dim=1))
        covered |= (apart <= drawn.reach[some, None]).any(dim=0)
    return float(torch.cat(inside).double().mean()), float(covered.double().mean())


def _squares(a: Tensor, b: Tensor) -> Tensor:
    """Squared distances (m, n) of `a` (m, d) from `b` (n, d)."""
    lengths = a.square().sum(1, keepdim=True) + b.square().sum(1)
    return lengths.addmm_(a, b.T, alpha=-2).clamp_min_(0)
