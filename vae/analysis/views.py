"""Latent spaces as they are looked at: a plane, a window onto it, and what is drawn over it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from scipy.stats import norm

from ..choices.variants import VARIANTS
from ..learning.models import Autoencoder
from .codes import Codes, Plane, plane
from .geometry import decoder, stretch

MAP_SIDE = 48  # points along each side of a sensitivity map
ELLIPSES = 120  # posteriors drawn: more would hide each other
REACH = (2.5, 6.0)  # bounds of half a window's side, in standard deviations of the codes
INSIDE = 0.99  # share of the codes that the window shows, where the bounds allow
PRIOR = 2.0  # standard deviations of N(0, I) that every window shows, so that a code that has collapsed looks small
ROOM = 1.15  # for its name, too


@dataclass(frozen=True)
class View:
    """One variant's codes in a plane, and the window of its own: `centre` ± `half` along both axes."""

    codes: Codes
    plane: Plane
    uv: np.ndarray  # (n, 2) the codes in the plane
    centre: np.ndarray  # (2,) their mean
    spread: float  # their standard deviation: root mean square over the plane's axes
    half: float = 0.0  # of the window's side
    ellipses: np.ndarray | None = None  # (m, 5): centre, and xx, xy, yy of the posterior's covariance in the plane
    maps: Mapping[str, np.ndarray] = field(default_factory=dict)  # natural logarithms, (MAP_SIDE²,), top row first

    @property
    def flat(self) -> bool:
        """Whether there is but one dimension."""
        return self.codes.latent_dim == 1

    @property
    def prior(self) -> list[float]:
        """Where the plane is nearest to the centre of N(0, I), u and v. Projected, as codes are, N(0, I) stays one."""
        return self.plane.project(np.zeros_like(self.plane.origin)).tolist()

    def spread_by_class(self, labels: np.ndarray, classes: int) -> np.ndarray:
        """A 1-D code with its class along the second axis, (n, 2), within the window."""
        height = (labels + 0.5) / max(classes, 1) * 2 - 1
        return np.stack([self.uv[:, 0], self.centre[1] + 0.9 * self.half * height], axis=1)

    def grid(self, side: int) -> np.ndarray:
        """Plane coordinates (side², 2) of the middles of square cells that fill the window, top row first."""
        steps = ((np.arange(side) + 0.5) / side * 2 - 1) * self.half
        u, v = np.meshgrid(self.centre[0] + steps, self.centre[1] - steps)
        return np.stack([u.ravel(), v.ravel()], axis=1)


def view(codes: Codes, dimensions: tuple[int, int] | None = None) -> View:
    """A window onto `codes`; `dimensions` as in `codes.plane`."""
    return on_plane(codes, plane(codes.mu, dimensions))


def on_plane(codes: Codes, surface: Plane) -> View:
    """The same of a plane that is given."""
    uv = surface.project(codes.mu)
    variance = uv.var(axis=0)[: min(2, codes.latent_dim)]
    return View(codes, surface, uv, uv.mean(axis=0), max(float(np.sqrt(variance.mean())), 1e-6))


def side_by_side(views: Mapping[str, View]) -> dict[str, View]:
    """The same views with their windows: all span as many standard deviations of their own codes.

    A window that would not show the prior's circle of PRIOR standard deviations is larger than that.
    """
    needed = [np.quantile(np.abs(view.uv - view.centre).max(axis=1) / view.spread, INSIDE) for view in views.values()]
    reach = float(np.clip(1.08 * max(needed), *REACH))
    return {
        name: replace(view, half=max(reach * view.spread, _as_far_as_the_prior(view))) for name, view in views.items()
    }


def _as_far_as_the_prior(view: View) -> float:
    axes = 1 if view.flat else 2
    return ROOM * (float(np.abs(view.prior - view.centre)[:axes].max()) + PRIOR)


def posteriors(view: View) -> np.ndarray | None:
    """Centre and covariance (xx, xy, yy) in the plane of the first ELLIPSES posteriors, (m, 5); None without σ."""
    if view.codes.std is None:
        return None
    variance = np.square(view.codes.std[:ELLIPSES])  # (m, D)
    a, b = view.plane.axes
    return np.column_stack([view.uv[:ELLIPSES], variance @ (a * a), variance @ (a * b), variance @ (b * b)])


def sensitivity_maps(view: View, model: Autoencoder) -> dict[str, np.ndarray]:
    """log √det(JᵀJ) and log ‖J‖_F over the window, per unit of code, J taken along the plane's axes."""
    axes = view.plane.axes[: min(2, view.codes.latent_dim)]
    stretched = stretch(decoder(model), view.plane.lift(view.grid(MAP_SIDE)), axes)
    tiny = np.finfo(np.float32).tiny
    return {name: np.log(np.maximum(values, tiny)) for name, values in vars(stretched).items()}


def with_drawings(view: View, model: Autoencoder) -> View:
    """The view with its posteriors and maps."""
    return replace(view, ellipses=posteriors(view), maps=sensitivity_maps(view, model))


@dataclass(frozen=True)
class Manifold:
    """A grid of codes, to be decoded as one picture."""

    uv: np.ndarray  # (side², 2), top row first
    empty: np.ndarray  # (side²,) bool: no code lies in this cell


def manifold(view: View, variant: str, side: int) -> Manifold:
    """Codes at evenly spaced quantiles: of N(0, 1) for variants that pay the KL, else of the codes themselves.

    Cells meet halfway, in probability. Kingma & Welling 2014 (arXiv 1312.6114), figure 4, for the Gaussian ones.
    """
    middles, edges = (np.arange(side) + 0.5) / side, np.arange(1, side) / side
    columns = []
    for axis in range(2):
        if VARIANTS[variant].kl:
            columns.append([norm.ppf(p) + view.prior[axis] for p in (middles, edges)])
        else:
            columns.append([np.quantile(view.uv[:, axis], p) for p in (middles, edges)])
    (u, u_edges), (v, v_edges) = columns
    grid_u, grid_v = np.meshgrid(u, v[::-1])
    counts = np.zeros((side, side), dtype=int)
    np.add.at(counts, (side - 1 - np.searchsorted(v_edges, view.uv[:, 1]), np.searchsorted(u_edges, view.uv[:, 0])), 1)
    return Manifold(np.stack([grid_u.ravel(), grid_v.ravel()], axis=1), counts.ravel() == 0)
