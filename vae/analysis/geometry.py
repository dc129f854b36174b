"""What a decoder does to the space of codes: its Jacobian, how much it stretches, and paths through it.

A decoder is any function from codes (n, D) to images (n, P): a network's, or one whose geometry is known.
Lengths in pixel space are root mean squares over pixels, in grey levels of [0, 1].
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from scipy.optimize import minimize
from torch import Tensor

from ..learning.models import Autoencoder

Decode = Callable[[Tensor], Tensor]  # (n, D) → (n, P) in [0, 1]

JACOBIAN_VALUES = 20_000_000  # numbers held at a time: 80 MB


def decoder(model: Autoencoder) -> Decode:
    """A model's decoder, up to grey levels."""
    return model.picture


@torch.no_grad()
def decode(model: Autoencoder, z: np.ndarray) -> np.ndarray:
    """Images (n, P) in [0, 1] of codes `z` (n, D)."""
    return decoder(model)(torch.from_numpy(np.asarray(z, dtype=np.float32))).numpy()


def along(decode: Decode, z: Tensor, direction: Tensor) -> Tensor:
    """J·direction at each of `z` (n, D), for directions (n, D): (n, P).

    By differentiating Jᵀu, which is linear in u, with respect to u. Torch's forward differentiation would do it in one
    pass, but its state belongs to the process, where visitors' threads end each other's, and it loads a compiler.
    """
    with torch.enable_grad():
        at = z.detach().requires_grad_()
        images = decode(at)
        u = torch.zeros_like(images, requires_grad=True)
        # Of sums: given vectors to multiply with, autograd would load sympy, 35 MB, to check their shapes.
        (pulled,) = torch.autograd.grad((images * u).sum(), at, create_graph=True)  # Jᵀu, (n, D)
        return torch.autograd.grad((pulled * direction).sum(), u)[0]


def jacobian(decode: Decode, z: Tensor) -> Tensor:
    """∂x̂/∂z at each of `z` (n, D): (n, P, D), in grey levels per unit of code."""
    axes = torch.eye(z.shape[1], dtype=z.dtype)
    return torch.stack([along(decode, z, axis.expand_as(z)) for axis in axes], dim=-1)


@dataclass(frozen=True)
class Stretch:
    """How much a decoder stretches the plane of codes it is asked about, at n points."""

    area: np.ndarray  # (n,) √det(JᵀJ): area in pixel space per area of code
    norm: np.ndarray  # (n,) ‖J‖_F: √(Σ over pixels and axes of squared derivatives)


@torch.no_grad()
def stretch(decode: Decode, z: np.ndarray, axes: np.ndarray) -> Stretch:
    """At codes `z` (n, D), along the orthonormal `axes` (k, D). In sums over pixels, not means; per unit of code.

    √det(JᵀJ) is the volume element of the pullback metric; Arvanitidis et al. 2018 (arXiv 1710.11379), section 3.
    """
    codes, along_axes = torch.from_numpy(z), torch.from_numpy(axes)
    areas, norms = [], []
    pixels = decode(codes[:1]).shape[1]
    for chunk in codes.split(max(1, JACOBIAN_VALUES // (pixels * len(axes)))):

        def moved(uv: Tensor, chunk: Tensor = chunk) -> Tensor:  # (n, k) → (n, P)
            return decode(chunk + uv @ along_axes)

        j = jacobian(moved, torch.zeros(len(chunk), len(axes), dtype=codes.dtype)).double()  # (n, P, k)
        metric = j.transpose(1, 2) @ j  # (n, k, k)
        areas.append(torch.linalg.det(metric).clamp_min(0).sqrt())
        norms.append(metric.diagonal(dim1=1, dim2=2).sum(-1).sqrt())
    return Stretch(torch.cat(areas).numpy(), torch.cat(norms).numpy())


@torch.no_grad()
def steepest(decode: Decode, z: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """Unit vectors u (n, D) for which a step `scale` · u at `z` (n, D) changes the picture most, to first order.

    `scale` (n, D) or (D,): the size of one unit in each dimension. The leading right singular vector of J · scale;
    of its two signs the one whose largest component is positive.
    """
    each_scale = torch.from_numpy(np.broadcast_to(scale, z.shape).copy())[:, None, :]  # (n, 1, D)
    j = jacobian(decode, torch.from_numpy(z)) * each_scale  # (n, P, D)
    _, directions = torch.linalg.eigh((j.transpose(1, 2) @ j).double())
    u = directions[:, :, -1]  # (n, D)
    largest = u.gather(1, u.abs().argmax(dim=1, keepdim=True))
    return (u * largest.sign()).float().numpy()


# Paths from one code to another


def line(a: np.ndarray, b: np.ndarray, steps: int) -> np.ndarray:
    """`steps` codes (steps, D) on the straight line from `a` (D,) to `b`, both included."""
    return np.linspace(a, b, steps, dtype=np.float32)


def slerp(a: np.ndarray, b: np.ndarray, steps: int) -> np.ndarray:
    """`steps` codes (steps, D) that turn about the origin from `a` (D,) to `b` at a steady angle.

    The norm goes evenly from |a| to |b|, so it stays where both are equal. Shoemake 1985; White 2016 (arXiv
    1609.04468), section 2.2. Where no arc is defined (one code at the origin, or opposite directions) it is the line.
    """
    length_a, length_b = np.linalg.norm(a), np.linalg.norm(b)
    if min(length_a, length_b) == 0:
        return line(a, b, steps)
    unit_a, unit_b = (a / length_a).astype(np.float64), (b / length_b).astype(np.float64)
    angle = np.arctan2(np.linalg.norm(unit_a - unit_b), np.linalg.norm(unit_a + unit_b)) * 2
    if np.sin(angle) < 1e-6:
        return line(a, b, steps)
    t = np.linspace(0, 1, steps)[:, None]
    directions = (np.sin((1 - t) * angle) * unit_a + np.sin(t * angle) * unit_b) / np.sin(angle)
    path = (directions * (length_a + t * (length_b - length_a))).astype(np.float32)
    path[0], path[-1] = a, b  # to the last bit
    return path


def geodesic(decode: Decode, a: np.ndarray, b: np.ndarray, steps: int, iterations: int = 60) -> np.ndarray:
    """`steps` codes (steps, D) on a path from `a` (D,) to `b` that changes the picture as little as it can.

    It minimises the energy Σ ‖x̂ᵢ₊₁ − x̂ᵢ‖² by L-BFGS, starting from the straight line: a local minimum, and at it the
    steps are equally long in pixel space. Shao et al. 2018 (arXiv 1711.08014), algorithm 1.
    """
    path = torch.from_numpy(line(a, b, steps))
    if steps <= 2:
        return path.numpy()

    def energy(flat: np.ndarray) -> tuple[float, np.ndarray]:
        inner = torch.from_numpy(flat.astype(np.float32)).view(steps - 2, -1).requires_grad_()
        with torch.enable_grad():
            images = decode(torch.cat([path[:1], inner, path[-1:]]))  # (steps, P)
            value = (images[1:] - images[:-1]).square().sum() * (steps - 1)
            (slope,) = torch.autograd.grad(value, inner)
        return float(value.detach()), slope.double().numpy().ravel()

    found = minimize(
        energy, path[1:-1].double().numpy().ravel(), jac=True, method="L-BFGS-B", options={"maxiter": iterations}
    )
    path[1:-1] = torch.from_numpy(found.x.astype(np.float32)).view(steps - 2, -1)
    return path.numpy()


@torch.no_grad()
def pixel_length(decode: Decode, path: np.ndarray) -> float:
    """Sum of the distances from picture to picture along `path` (steps, D): what these steps show."""
    images = decode(torch.from_numpy(path))  # (steps, P)
    return float((images[1:] - images[:-1]).square().mean(-1).sqrt().sum())


@torch.no_grad()
def detours(decode: Decode, a: np.ndarray, b: np.ndarray, substeps: int = 64) -> np.ndarray:
    """How many times as long as the way straight through pixel space the straight lines of codes `a` to `b` are.

    Of each pair of codes, (n, D) both: the `pullback_length` of its line over the distance between the pictures at its
    ends, (n,). NaN where those are the same picture.
    """
    start, span = torch.from_numpy(a), torch.from_numpy(b - a)
    t = ((torch.arange(substeps) + 0.5) / substeps)[:, None, None]
    pixels, lengths = decode(start[:1]).shape[1], []
    for here, step in zip(
        *(codes.split(max(1, JACOBIAN_VALUES // (pixels * substeps))) for codes in (start, span)), strict=True
    ):
        at, direction = (here + t * step).flatten(0, 1), step.repeat(substeps, 1)  # (substeps · n, D)
        change = along(decode, at, direction).square().mean(-1).sqrt()  # ‖J ż‖
        lengths.append(change.view(substeps, -1).mean(0))
    apart = (decode(start + span) - decode(start)).square().mean(-1).sqrt()
    return torch.where(apart > 0, torch.cat(lengths) / apart, torch.nan).numpy()


@torch.no_grad()
def pullback_length(decode: Decode, path: np.ndarray, substeps: int = 16) -> float:
    """Length ∫ ‖J ż‖ dt under the decoder's pullback metric of `path` (steps, D), joined by straight pieces.

    What `pixel_length` tends to with ever smaller steps. Arvanitidis et al. 2018 (arXiv 1710.11379), equation 3.
    """
    corners = torch.from_numpy(path)
    step = (corners[1:] - corners[:-1]) / substeps  # (steps − 1, D)
    middles = (torch.arange(substeps) + 0.5)[:, None, None]
    at = (corners[:-1] + middles * step).flatten(0, 1)  # (substeps · (steps − 1), D)
    change = along(decode, at, step.repeat(substeps, 1))  # J ż dt, (…, P)
    return float(change.square().mean(-1).sqrt().sum())
