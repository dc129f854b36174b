"""Windows onto latent spaces against what is worked out by hand: sorted lists, full matrices, loops over codes."""

from __future__ import annotations

from dataclasses import replace
from statistics import NormalDist

import numpy as np
import oracle
import pytest

from vae.analysis import geometry
from vae.analysis.codes import Codes
from vae.analysis.views import (
    ELLIPSES,
    INSIDE,
    MAP_SIDE,
    PRIOR,
    REACH,
    ROOM,
    View,
    manifold,
    posteriors,
    sensitivity_maps,
    side_by_side,
    view,
    with_drawings,
)
from vae.config import RunConfig
from vae.figures.windows import RINGS
from vae.learning.models import Autoencoder, initialise
from vae.learning.networks import build
from vae.learning.randomness import stream

PIXELS = 16
rng = np.random.default_rng(3)
# Neither round nor centred: every axis has a spread and a mean of its own, and axes are correlated.
MIX = rng.normal(size=(5, 5)) * [2.0, 1.5, 1.0, 0.5, 0.25]
CLOUD = (rng.normal(size=(400, 5)) @ MIX.T + [3.0, -2.0, 1.0, 0.5, -1.0]).astype(np.float32)
SIGMA = rng.uniform(0.1, 2.0, size=(400, 5)).astype(np.float32)


def codes(latent_dim: int, with_std: bool = True) -> Codes:
    return Codes(CLOUD[:, :latent_dim], SIGMA[:, :latent_dim] if with_std else None)


def network(latent_dim: int) -> Autoencoder:
    config = RunConfig(hidden=(12,), latent_dim=latent_dim, activation="tanh")
    return initialise(build(config, (1, 1, PIXELS), "vae"), stream(5, "weights")).eval().requires_grad_(False)


def looked_at(latent_dim: int, dimensions: tuple[int, int] | None = None) -> View:
    return side_by_side({"vae": view(codes(latent_dim), dimensions)})["vae"]


# The window


def test_a_window_is_centred_on_the_codes_and_measured_in_their_spread() -> None:
    corners = np.float32([[0, 0], [4, 0], [0, 2], [4, 2]])
    seen = view(Codes(corners, None))
    assert seen.centre.tolist() == [2, 1]
    assert seen.spread == pytest.approx(np.sqrt((4 + 1) / 2)), "variances 4 and 1, averaged over both axes"
    assert not seen.flat and seen.ellipses is None and seen.maps == {}


def test_the_spread_of_a_line_leaves_the_missing_axis_out() -> None:
    seen = view(Codes(np.float32([[1], [5]]), None))
    assert seen.flat
    assert seen.spread == pytest.approx(2)
    assert seen.centre.tolist() == [3, 0]


@pytest.mark.parametrize("latent_dim", [1, 2, 5])
def test_codes_that_are_all_equal_have_a_window_all_the_same(latent_dim: int) -> None:
    seen = side_by_side({"vae": view(Codes(np.full((30, latent_dim), 0.7, dtype=np.float32), None))})["vae"]
    assert seen.spread > 0
    assert seen.half == pytest.approx(ROOM * (np.abs(seen.prior - seen.centre)[: min(2, latent_dim)].max() + PRIOR))
    assert np.isfinite(seen.grid(3)).all() and np.isfinite(seen.prior).all() and np.isfinite(seen.plane.share)


def test_views_side_by_side_share_the_reach_that_the_wider_one_needs() -> None:
    """Of 101 codes the 100th in order is the 0.99 quantile itself: no interpolation."""
    clouds = {"ae": 50 * CLOUD[:101, :2], "vae": 9 * np.abs(CLOUD[101:202, 1:3]) ** 1.5}
    views = side_by_side({name: view(Codes(mu, None)) for name, mu in clouds.items()})
    needed = {}
    for name, mu in clouds.items():
        away = np.abs(mu.astype(np.float64) - mu.mean(axis=0)).max(axis=1)
        needed[name] = sorted(away)[99] / np.sqrt(mu.astype(np.float64).var(axis=0).mean())
    assert INSIDE == 0.99
    expected = 1.08 * max(needed.values())
    assert REACH[0] < expected < REACH[1], "neither bound is hit, so the formula is seen"
    for seen in views.values():
        assert seen.half == pytest.approx(expected * seen.spread, rel=1e-5), (
            "as many standard deviations of its own codes"
        )
    assert min(needed.values()) < 0.95 * max(needed.values()), "and it is the larger of two"


def test_the_reach_stays_within_its_bounds() -> None:
    near = np.float32([[-9], [9]] * 50)  # none is farther than one standard deviation
    far = np.zeros((1000, 1), dtype=np.float32)
    far[:26, 0] = [-9, 9] * 13  # 2.6 % are 6.2 standard deviations away
    views = {name: side_by_side({"ae": view(Codes(mu, None))})["ae"] for name, mu in (("n", near), ("f", far))}
    assert {name: seen.half / seen.spread for name, seen in views.items()} == pytest.approx(
        {"n": REACH[0], "f": REACH[1]}
    )


@pytest.mark.parametrize("middle", [0.0, -7.0])
def test_a_collapsed_code_is_seen_inside_the_prior_s_circles(middle: float) -> None:
    """Were its window as many of its own standard deviations as the other's, ±0.02 would look like ±20."""
    clouds = {"ae": 10 * CLOUD[:, :2], "vae": 0.005 * CLOUD[:, :2] + np.float32([0, middle])}
    seen = side_by_side({name: view(Codes(mu, None)) for name, mu in clouds.items()})["vae"]
    assert seen.half == pytest.approx(1.15 * (abs(middle) + 2), rel=0.02)
    assert (np.abs(seen.uv - seen.centre) / seen.half).max() < 0.05, "a dot"
    for sign in (-1, 1):
        assert (np.abs(np.full(2, 2.0 * sign) - seen.centre) < seen.half).all(), "both ends of two standard deviations"


def test_the_prior_that_windows_hold_is_the_one_that_is_drawn() -> None:
    assert max(RINGS) == PRIOR


def test_scaling_all_codes_scales_the_window_and_nothing_else() -> None:
    one, ten = (side_by_side({"ae": view(Codes(scale * CLOUD[:, :2], None))})["ae"] for scale in (5, 50))
    assert one.half > 2.5 * one.spread and ten.half == pytest.approx(10 * one.half, rel=1e-5)
    np.testing.assert_allclose(ten.grid(4), 10 * one.grid(4), rtol=1e-4)


def test_a_grid_is_of_the_middles_of_cells_with_the_top_row_first() -> None:
    seen = replace(view(codes(2)), centre=np.array([10.0, 20.0]), half=8.0)  # 2…18 across, 12…28 up
    grid = seen.grid(4)
    assert grid.shape == (16, 2)
    assert grid[0].tolist() == [4, 26], "top left: half of a cell, which is 4 wide, from the corner"
    assert grid[3].tolist() == [16, 26], "top right"
    assert grid[12].tolist() == [4, 14], "bottom left"
    assert grid[15].tolist() == [16, 14], "bottom right"
    assert grid.mean(axis=0).tolist() == [10, 20]


# What is drawn over it


@pytest.mark.parametrize(
    ("latent_dim", "dimensions"), [(2, None), (5, None), (5, (3, 1))], ids=["2-D", "components", "two dimensions"]
)
def test_posteriors_are_the_covariances_projected_onto_the_plane(
    latent_dim: int, dimensions: tuple[int, int] | None
) -> None:
    seen = looked_at(latent_dim, dimensions)
    found, axes = posteriors(seen), seen.plane.axes.astype(np.float64)
    assert found.shape == (ELLIPSES, 5)
    for i in (0, 1, 57, ELLIPSES - 1):
        covariance = axes @ np.diag(seen.codes.std[i].astype(np.float64) ** 2) @ axes.T
        centre = axes @ (seen.codes.mu[i] - seen.plane.origin)
        expected = [*centre, covariance[0, 0], covariance[0, 1], covariance[1, 1]]
        np.testing.assert_allclose(found[i], expected, rtol=1e-4, atol=1e-5)


def test_codes_without_a_distribution_have_no_posteriors() -> None:
    seen = view(codes(2, with_std=False))
    assert posteriors(seen) is None
    assert with_drawings(replace(seen, half=3.0), network(2)).ellipses is None


@pytest.mark.parametrize(("latent_dim", "dimensions"), [(1, None), (2, None), (5, None), (5, (4, 2))])
def test_maps_are_logarithms_of_the_stretch_at_the_points_of_the_grid(
    latent_dim: int, dimensions: tuple[int, int] | None
) -> None:
    seen, model = looked_at(latent_dim, dimensions), network(latent_dim)
    maps, grid = sensitivity_maps(seen, model), seen.grid(MAP_SIDE)
    assert {name: values.shape for name, values in maps.items()} == dict.fromkeys(("area", "norm"), (MAP_SIDE**2,))
    axes = seen.plane.axes[:1] if latent_dim == 1 else seen.plane.axes
    direct = geometry.stretch(geometry.decoder(model), seen.plane.lift(grid), axes)
    np.testing.assert_allclose(maps["area"], np.log(direct.area), rtol=1e-6)
    np.testing.assert_allclose(maps["norm"], np.log(direct.norm), rtol=1e-6)

    weights, step = oracle.as_float64(model.state_dict()), 1e-5  # and by central differences in numpy
    for i in (0, MAP_SIDE - 1, 1000, MAP_SIDE**2 - 1):
        z = seen.plane.origin + grid[i] @ seen.plane.axes.astype(np.float64)
        sides = [
            [oracle.sigmoid(oracle.decode(weights, (z + sign * step * axis)[None], "tanh"))[0] for axis in axes]
            for sign in (1, -1)
        ]
        stretches = np.linalg.svd(np.subtract(*sides) / (2 * step), compute_uv=False)
        assert maps["area"][i] == pytest.approx(np.log(stretches).sum(), abs=2e-3)
        assert maps["norm"][i] == pytest.approx(0.5 * np.log(np.square(stretches).sum()), abs=1e-3)


def test_a_decoder_that_ignores_the_code_has_finite_maps() -> None:
    model = network(2)
    model.decoder.to_logits.weight.zero_()
    maps = sensitivity_maps(looked_at(2), model)
    assert all(np.isfinite(values).all() for values in maps.values())


# The prior


@pytest.mark.parametrize("dimensions", [None, (0, 1), (4, 2)])
def test_the_prior_is_where_least_squares_finds_the_plane_nearest_to_the_origin(
    dimensions: tuple[int, int] | None,
) -> None:
    seen = view(codes(5), dimensions)
    axes, origin = seen.plane.axes.astype(np.float64), seen.plane.origin.astype(np.float64)
    foot, *_ = np.linalg.lstsq(axes.T, -origin, rcond=None)
    assert np.linalg.norm(origin + foot @ axes) > 0.5, "the plane does not pass through the origin"
    np.testing.assert_allclose(seen.prior, foot, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("latent_dim", [1, 2])
def test_a_plane_that_is_the_whole_space_passes_through_the_prior(latent_dim: int) -> None:
    assert view(codes(latent_dim)).prior == [0, 0]


# One dimension


def test_a_line_is_spread_by_class_within_the_window() -> None:
    seen, labels = looked_at(1), np.arange(400) % 10
    uv = seen.spread_by_class(labels, 10)
    np.testing.assert_array_equal(uv[:, 0], CLOUD[:, 0])
    assert (np.abs(uv[:, 1] - seen.centre[1]) < seen.half).all()
    heights = [np.unique(uv[labels == label, 1]) for label in range(10)]
    assert all(len(height) == 1 for height in heights), "one height for each class"
    steps = np.diff(np.concatenate(heights))
    assert (steps > 0).all()
    np.testing.assert_allclose(steps, steps[0], rtol=1e-9)
    assert heights[0] + heights[-1] == pytest.approx(2 * seen.centre[1]), "as much above as below"


def test_a_line_without_classes_lies_in_the_middle() -> None:
    seen = looked_at(1)
    assert seen.spread_by_class(np.zeros(400, dtype=int), 1)[:, 1] == pytest.approx(seen.centre[1])


# The plane as pictures


def by_hand(seen: View, side: int, gaussian: bool) -> tuple[np.ndarray, np.ndarray]:
    """uv (side², 2) and empty (side²,), cell by cell from the top left."""

    def place(axis: int, p: float) -> float:
        if gaussian:
            return NormalDist(seen.prior[axis]).inv_cdf(p)
        values = sorted(seen.uv[:, axis].tolist())
        whole, part = divmod(p * (len(values) - 1), 1)
        return values[int(whole)] + part * (values[min(int(whole) + 1, len(values) - 1)] - values[int(whole)])

    def cell(axis: int, index: int) -> tuple[float, float]:
        low = -np.inf if index == 0 else place(axis, index / side)
        return low, np.inf if index == side - 1 else place(axis, (index + 1) / side)

    uv, empty = [], []
    for row in range(side):
        up = side - 1 - row
        for across in range(side):
            uv.append([place(0, (across + 0.5) / side), place(1, (up + 0.5) / side)])
            (left, right), (low, high) = cell(0, across), cell(1, up)
            inside = (seen.uv[:, 0] > left) & (seen.uv[:, 0] <= right) & (seen.uv[:, 1] > low) & (seen.uv[:, 1] <= high)
            empty.append(not inside.any())
    return np.array(uv), np.array(empty)


@pytest.mark.parametrize("side", [1, 4, 15])
@pytest.mark.parametrize("latent_dim", [2, 5])
@pytest.mark.parametrize(
    ("variant", "gaussian"), [("ae", False), ("noise_only", False), ("kl_only", True), ("vae", True)]
)
def test_a_manifold_lies_at_quantiles_and_knows_its_empty_cells(
    variant: str, gaussian: bool, latent_dim: int, side: int
) -> None:
    seen = looked_at(latent_dim)
    found, (uv, empty) = manifold(seen, variant, side), by_hand(seen, side, gaussian)
    np.testing.assert_allclose(found.uv, uv, rtol=1e-5, atol=1e-5)
    np.testing.assert_array_equal(found.empty, empty)
    assert side < 15 or 0 < empty.sum() < side**2, "both kinds of cells are seen"


def test_quantiles_of_the_codes_put_as_many_codes_between_neighbouring_columns() -> None:
    seen = looked_at(2)
    columns = manifold(seen, "ae", 8).uv[:8, 0]
    between = np.histogram(seen.uv[:, 0], columns)[0]
    assert abs(between - 400 / 8).max() <= 1
