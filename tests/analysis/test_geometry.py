"""Geometry against closed forms, on decoders whose geometry is known: a linear one and polar coordinates."""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import numpy as np
import pytest
import torch
from scipy.integrate import quad
from torch import Tensor

from vae.analysis import geometry
from vae.analysis.geometry import geodesic, jacobian, line, pixel_length, pullback_length, slerp, steepest, stretch
from vae.config import RunConfig
from vae.learning.models import initialise
from vae.learning.networks import build
from vae.learning.randomness import stream

A = np.random.default_rng(0).normal(size=(5, 3)).astype(np.float32)  # (P, D)
Z = np.random.default_rng(1).normal(size=(7, 3)).astype(np.float32)


def linear(z: Tensor) -> Tensor:
    return z @ torch.from_numpy(A).to(z.dtype).T


def polar(z: Tensor) -> Tensor:
    """(r, θ) → (r cos θ, r sin θ)."""
    return torch.stack([z[:, 0] * torch.cos(z[:, 1]), z[:, 0] * torch.sin(z[:, 1])], dim=-1)


def f32(*values: float) -> np.ndarray:
    return np.array(values, dtype=np.float32)


# The Jacobian and what follows from it


def test_the_jacobian_of_a_linear_decoder_is_its_matrix() -> None:
    np.testing.assert_allclose(jacobian(linear, torch.from_numpy(Z)), np.broadcast_to(A, (7, 5, 3)), rtol=1e-6)


@pytest.mark.parametrize("hidden", [(), (12,), (12, 9)])
def test_the_jacobian_of_a_network_equals_central_differences(hidden: tuple[int, ...]) -> None:
    config = RunConfig(hidden=hidden, latent_dim=3, activation="tanh")
    decode = geometry.decoder(initialise(build(config, (1, 1, 16), "vae"), stream(5, "weights")).double())
    z, step = torch.from_numpy(Z).double(), 1e-5
    with torch.no_grad():
        sides = [(decode(z + step * axis) - decode(z - step * axis)) / (2 * step) for axis in torch.eye(3).double()]
        found = jacobian(decode, z)
    assert found.shape == (7, 16, 3)
    np.testing.assert_allclose(found, torch.stack(sides, dim=-1), atol=1e-9)


def test_decode_gives_grey_levels_of_the_model() -> None:
    model = initialise(build(RunConfig(hidden=(4,), latent_dim=3), (1, 1, 16), "ae"), stream(5, "weights"))
    logits = model.decoder(torch.from_numpy(Z)).detach().double().numpy()
    np.testing.assert_allclose(geometry.decode(model, Z), 1 / (1 + np.exp(-logits)), atol=1e-6)


@pytest.mark.parametrize("values", [geometry.JACOBIAN_VALUES, 30])
@pytest.mark.parametrize("axes", [[0], [2, 0], [0, 1, 2]])
def test_a_linear_decoder_stretches_by_its_matrix(
    monkeypatch: pytest.MonkeyPatch, axes: list[int], values: int
) -> None:
    monkeypatch.setattr(geometry, "JACOBIAN_VALUES", values)  # in one go, and a few points at a time
    found, matrix = stretch(linear, Z, np.eye(3, dtype=np.float32)[axes]), A[:, axes].astype(np.float64)
    np.testing.assert_allclose(found.area, np.full(7, math.sqrt(np.linalg.det(matrix.T @ matrix))), rtol=1e-5)
    np.testing.assert_allclose(found.norm, np.full(7, np.linalg.norm(matrix)), rtol=1e-5)


def test_a_tilted_plane_is_stretched_by_the_matrix_times_its_axes() -> None:
    axes = np.linalg.qr(np.random.default_rng(2).normal(size=(3, 2)))[0].T.astype(np.float32)
    matrix = A.astype(np.float64) @ axes.T
    found = stretch(linear, Z, axes)
    np.testing.assert_allclose(found.area, np.prod(np.linalg.svd(matrix, compute_uv=False)), rtol=1e-5)
    np.testing.assert_allclose(found.norm, np.linalg.norm(matrix), rtol=1e-5)


def test_polar_coordinates_stretch_area_by_their_radius() -> None:
    z = np.stack([f32(0.1, 0.5, 3.0), f32(0.0, 1.0, 4.0)], axis=1)
    found = stretch(polar, z, np.eye(2, dtype=np.float32))
    np.testing.assert_allclose(found.area, z[:, 0], rtol=1e-5)
    np.testing.assert_allclose(found.norm, np.sqrt(1 + z[:, 0] ** 2), rtol=1e-5)


def test_the_steepest_direction_is_the_leading_right_singular_vector() -> None:
    scales = np.random.default_rng(3).uniform(0.2, 3, size=(7, 3)).astype(np.float32)
    for scale in (np.ones(3, dtype=np.float32), scales[0], scales):
        expected = []
        for one in np.broadcast_to(scale, (7, 3)):
            u = np.linalg.svd(A * one)[2][0]
            expected.append(u * np.sign(u[np.abs(u).argmax()]))
        np.testing.assert_allclose(steepest(linear, Z, scale), expected, atol=1e-5)


def test_the_steepest_direction_in_polar_coordinates_depends_on_radius_and_scale() -> None:
    """The singular values are 1 along r and r along θ; a unit of θ that is a tenth counts a tenth."""
    z = np.stack([f32(0.5, 2.0, 2.0), f32(0.3, 0.3, 3.0)], axis=1)
    np.testing.assert_allclose(steepest(polar, z, f32(1, 1)), [[1, 0], [0, 1], [0, 1]], atol=1e-6)
    np.testing.assert_allclose(steepest(polar, z, f32(1, 0.1)), [[1, 0]] * 3, atol=1e-6)


# Lines and arcs


def test_a_line_is_evenly_spaced_and_keeps_its_ends() -> None:
    np.testing.assert_array_equal(line(f32(0, 4), f32(2, 0), 5), [[0, 4], [0.5, 3], [1, 2], [1.5, 1], [2, 0]])


@pytest.mark.parametrize("ratio", [1.0, 3.0])
def test_slerp_turns_at_a_steady_angle_while_the_norm_goes_evenly(ratio: float) -> None:
    a = Z[0]
    b = Z[1] * np.float32(ratio * np.linalg.norm(Z[0]) / np.linalg.norm(Z[1]))
    path = slerp(a, b, 9)
    norms = np.linalg.norm(path, axis=1)
    np.testing.assert_allclose(norms, np.linalg.norm(a) * np.linspace(1, ratio, 9), rtol=1e-6)
    unit = (path / norms[:, None]).astype(np.float64)
    total = np.arccos(unit[0] @ unit[-1])
    np.testing.assert_allclose(np.arccos((unit[1:] * unit[:-1]).sum(axis=1)), total / 8, rtol=1e-4)
    np.testing.assert_allclose(path[[0, -1]], [a, b], rtol=1e-6)
    assert path.dtype == np.float32


def test_half_way_on_a_quarter_circle_is_the_diagonal() -> None:
    np.testing.assert_allclose(slerp(f32(1, 0), f32(0, 2), 3)[1], [1.5 / math.sqrt(2)] * 2, rtol=1e-6)


@pytest.mark.parametrize(
    ("a", "b"),
    [((0, 0), (1, 2)), ((1, 2), (0, 0)), ((0, 0), (0, 0)), ((1, 2), (-1, -2)), ((1, 2), (1, 2)), ((1, 2), (2, 4))],
)
def test_where_no_arc_is_defined_slerp_is_the_line(a: tuple[float, float], b: tuple[float, float]) -> None:
    np.testing.assert_array_equal(slerp(f32(*a), f32(*b), 7), line(f32(*a), f32(*b), 7))


# Geodesics and lengths


def test_the_geodesic_of_a_linear_decoder_is_the_straight_line() -> None:
    np.testing.assert_allclose(geodesic(linear, Z[0], Z[1], 9), line(Z[0], Z[1], 9), atol=1e-4)


def test_the_geodesic_in_polar_coordinates_is_the_straight_line_between_the_images() -> None:
    a, b = f32(1, 0), f32(1, math.pi / 2)
    path = geodesic(polar, a, b, 17)
    images = polar(torch.from_numpy(path)).numpy()
    np.testing.assert_allclose(images.sum(axis=1), 1, atol=2e-3)  # the straight line x + y = 1
    steps = np.linalg.norm(np.diff(images, axis=0), axis=1)
    np.testing.assert_allclose(steps, math.sqrt(2) / 16, rtol=0.02)
    distance = math.sqrt(2) / math.sqrt(2)  # from (1, 0) to (0, 1), over √P
    assert pixel_length(polar, path) == pytest.approx(distance, rel=1e-4)
    assert pixel_length(polar, line(a, b, 17)) > 1.1 * distance  # the quarter circle is π/2 / √2 times as long
    np.testing.assert_array_equal(path[[0, -1]], [a, b])


@pytest.mark.parametrize("steps", [2, 3])
def test_short_geodesics_keep_their_ends(steps: int) -> None:
    path = geodesic(polar, f32(1, 0), f32(1, 1), steps)
    assert path.shape == (steps, 2)
    np.testing.assert_array_equal(path[[0, -1]], [f32(1, 0), f32(1, 1)])


@pytest.mark.parametrize("steps", [2, 10])
def test_a_straight_line_is_as_long_as_a_linear_decoder_makes_it(steps: int) -> None:
    path, length = line(Z[0], Z[1], steps), np.linalg.norm(A @ (Z[1] - Z[0])) / math.sqrt(5)
    assert pixel_length(linear, path) == pytest.approx(length, rel=1e-5)
    assert pullback_length(linear, path) == pytest.approx(length, rel=1e-5)


def test_the_circle_is_as_long_as_its_arc_however_few_its_steps() -> None:
    for steps in (2, 5):
        path = line(f32(1, 0), f32(1, 2), steps)
        assert pullback_length(polar, path) == pytest.approx(2 / math.sqrt(2), rel=1e-5)
        chords = (steps - 1) * 2 * math.sin(1 / (steps - 1)) / math.sqrt(2)  # 2 sin(angle / 2) for each step
        assert pixel_length(polar, path) == pytest.approx(chords, rel=1e-5)


def test_pieces_of_a_path_are_measured_where_they_are() -> None:
    """Out along the radius by 2, then an angle of 2 around at radius 3."""
    path = np.stack([f32(1, 3, 3), f32(0, 0, 2)], axis=1)
    assert pullback_length(polar, path) == pytest.approx((2 + 3 * 2) / math.sqrt(2), rel=1e-5)


def test_lengths_of_a_spiral_tend_to_its_integral() -> None:
    """r from 1 to 2 while θ goes to 3: speed √(r'² + r² θ'²) = √(1 + 9 (1 + t)²)."""
    arc = quad(lambda t: math.sqrt(1 + 9 * (1 + t) ** 2), 0, 1)[0] / math.sqrt(2)
    a, b = f32(1, 0), f32(2, 3)
    assert pullback_length(polar, line(a, b, 2), substeps=200) == pytest.approx(arc, rel=1e-5)
    errors = [arc - pixel_length(polar, line(a, b, steps)) for steps in (3, 5, 9, 17, 201)]
    assert all(0 < later < earlier / 3 for earlier, later in pairwise(errors))  # chords: order 2
    assert errors[-1] < 1e-4 * arc


def test_many_visitors_at_once_get_the_numbers_of_one() -> None:
    """Torch's own forward differentiation does not: its state is shared by all threads of a process."""
    torch.manual_seed(0)
    layers = torch.nn.Sequential(torch.nn.Linear(2, 64), torch.nn.Tanh(), torch.nn.Linear(64, 200))
    z = torch.randn(300, 2)
    alone = jacobian(layers, z)
    with ThreadPoolExecutor(8) as visitors:
        together = list(visitors.map(lambda _: jacobian(layers, z), range(200)))
    assert all(torch.equal(alone, found) for found in together)
