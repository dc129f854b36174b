"""The small picture of a model that is kept after every epoch, so that a run can be replayed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

IMAGES_SHOWN = 32
CODES_SHOWN = 1000


@dataclass(frozen=True)
class Snapshot:
    """What the pictures of one variant at one epoch need."""

    codes: (
        np.ndarray
    )  # (n, 2) float16: the means themselves in 2-D, with a second coordinate 0 in 1-D, else a PCA plane
    plane_share: float  # share of the codes' variance that lies in the plane
    prior: np.ndarray  # (2,) float32: where the centre of N(0, I), the code 0, lies in that plane
    from_mean: np.ndarray  # (m, P) uint8, grey levels 0–255
    from_sample: np.ndarray | None  # the same from z ~ q(z|x); None for variants without noise


def to_grey(x_hat: Tensor) -> np.ndarray:
    """[0, 1] → 0–255, (m, P) uint8."""
    return (x_hat.clamp(0, 1) * 255).round().to(torch.uint8).cpu().numpy()


def plane_of(mu: Tensor, previous_axes: Tensor | None) -> tuple[np.ndarray, float, Tensor | None]:
    """A plane through the codes `mu` (n, D): (coordinates, share of variance, axes (D, 2) for the next call).

    Beyond two dimensions it is the plane of the two leading principal components, turned within itself to lie as
    close as possible to `previous_axes` (orthogonal Procrustes), so that clouds do not flip from epoch to epoch.
    """
    mu = mu.float().cpu()
    dimensions = mu.shape[1]
    if dimensions == 2:
        return mu.numpy().astype(np.float16), 1.0, None
    if dimensions == 1:
        return torch.cat([mu, torch.zeros_like(mu)], dim=1).numpy().astype(np.float16), 1.0, None
    centred = mu - mu.mean(dim=0)
    variance, directions = torch.linalg.eigh(centred.T @ centred)  # ascending; (D,), (D, D)
    axes = directions[:, [-1, -2]]  # (D, 2)
    if previous_axes is not None:
        left, _, turned = torch.linalg.svd(axes.T @ previous_axes)
        axes = axes @ (left @ turned)
    share = float(variance[-2:].sum() / variance.sum().clamp_min(1e-12))
    return (centred @ axes).numpy().astype(np.float16), share, axes


def prior_in_plane(mu: Tensor, axes: Tensor | None) -> np.ndarray:
    """Where the code 0 lies in the plane that `plane_of` made of the codes `mu` (n, D), (2,) float32."""
    if axes is None:
        return np.zeros(2, dtype=np.float32)
    return (-mu.float().cpu().mean(dim=0) @ axes).numpy()
