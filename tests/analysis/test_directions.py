"""Directions of a nudge: as long as they say, and where they say, by arithmetic of their own."""

from __future__ import annotations

import numpy as np
import oracle
import pytest

from vae.analysis import directions
from vae.config import RunConfig
from vae.learning.models import initialise
from vae.learning.networks import build
from vae.learning.randomness import stream

K, D, PIXELS = 12, 5, 16
rng = np.random.default_rng(4)
MU = rng.normal(size=(K, D)).astype(np.float32)
SCALES = {
    "constant": np.full(D, 0.3, dtype=np.float32),
    "per dimension": np.float32([0.01, 0.5, 1.0, 3.0, 20.0]),
    "per image": rng.uniform(0.05, 4.0, size=(K, D)).astype(np.float32),
}
each_scale = pytest.mark.parametrize("scale", SCALES.values(), ids=list(SCALES))


def lengths(u: np.ndarray) -> np.ndarray:
    return np.sqrt((u.astype(np.float64) ** 2).sum(axis=1))


def test_random_directions_have_length_one_and_no_favourite() -> None:
    u = directions.random(20_000, 3, stream(1, "direction"))
    np.testing.assert_allclose(lengths(u), 1, atol=1e-6)
    np.testing.assert_allclose(u.mean(axis=0), 0, atol=0.02)  # uniform on the sphere: variance 1/3 along each axis
    np.testing.assert_allclose(u.T @ u / len(u), np.eye(3) / 3, atol=0.02)


def test_the_same_generator_gives_the_same_directions() -> None:
    one, same, other = (directions.random(K, D, stream(7, f"direction {name}")) for name in (0, 0, 1))
    np.testing.assert_array_equal(one, same)
    assert np.abs(one - other).max() > 0.1


@pytest.mark.parametrize("dimension", [0, 2, D - 1])
def test_along_moves_one_dimension_and_no_other(dimension: int) -> None:
    u = directions.along(K, D, dimension)
    assert u.shape == (K, D)
    assert u.tolist() == [[float(place == dimension) for place in range(D)]] * K


@each_scale
def test_towards_reaches_the_target(scale: np.ndarray) -> None:
    """mu + t · step is the target's code for one t > 0."""
    target = 3
    u = directions.towards(MU, target, scale)
    step = directions.step(u, scale).astype(np.float64)
    others = np.arange(K) != target
    np.testing.assert_allclose(lengths(u)[others], 1, atol=1e-5)
    way = MU[target].astype(np.float64) - MU
    t = (way * step).sum(axis=1)[others] / (step**2).sum(axis=1)[others]
    assert (t > 0).all()
    np.testing.assert_allclose(MU[others] + t[:, None] * step[others], [MU[target]] * (K - 1), atol=1e-4)


@each_scale
def test_the_target_itself_stays_where_it_is(scale: np.ndarray) -> None:
    assert directions.towards(MU, 3, scale)[3].tolist() == [0] * D


@each_scale
def test_a_dimension_in_which_all_codes_agree_and_whose_unit_is_nought_does_no_harm(scale: np.ndarray) -> None:
    mu, flat = MU.copy(), scale.copy()
    mu[:, 1], flat[..., 1] = 0.5, 0
    u = directions.towards(mu, 0, flat)
    assert np.isfinite(u).all()
    assert (u[:, 1] == 0).all()
    np.testing.assert_allclose(lengths(u)[1:], 1, atol=1e-5)


def test_towards_in_a_unit_of_nought_goes_nowhere_and_holds_no_nan() -> None:
    """A collapsed autoencoder: most codes are one and the same, so the distance to a neighbour is 0, but not all."""
    mu, nought = 10 * MU, np.zeros(D, dtype=np.float32)  # codes of autoencoders are as far out as this
    step = directions.step(directions.towards(mu, 0, nought), nought)
    np.testing.assert_array_equal(step, np.zeros((K, D)))


@each_scale
def test_a_step_has_a_root_mean_square_of_one_unit_per_dimension(scale: np.ndarray) -> None:
    u = directions.random(K, D, stream(2, "direction"))
    step = directions.step(u, scale)
    assert step.dtype == np.float32
    in_units = step.astype(np.float64) / scale
    np.testing.assert_allclose(np.sqrt((in_units**2).mean(axis=1)), 1, rtol=1e-5)
    np.testing.assert_allclose(in_units / np.sqrt(D), u, atol=1e-5)  # and the direction is kept


@each_scale
@pytest.mark.parametrize("hidden", [(), (12,)])
def test_no_direction_changes_the_picture_more_than_the_steepest(scale: np.ndarray, hidden: tuple[int, ...]) -> None:
    """First-order change |J (scale ∘ u)|, J by central differences of the network in numpy."""
    config = RunConfig(hidden=hidden, latent_dim=D, activation="tanh")
    model = initialise(build(config, (1, 1, PIXELS), "ae"), stream(5, "weights")).eval().requires_grad_(False)
    weights, h = oracle.as_float64(model.state_dict()), 1e-5

    def images(z: np.ndarray) -> np.ndarray:
        return oracle.sigmoid(oracle.decode(weights, z, "tanh"))

    z = MU.astype(np.float64)
    jacobian = np.stack([(images(z + h * e) - images(z - h * e)) / (2 * h) for e in np.eye(D)], axis=-1)  # (K, P, D)
    in_units = jacobian * np.broadcast_to(scale, (K, D))[:, None, :]
    steepest = directions.steepest_of(model, MU, scale)
    np.testing.assert_allclose(lengths(steepest), 1, atol=1e-5)
    change = np.linalg.norm(np.einsum("kpd,kd->kp", in_units, steepest), axis=1)
    tried = rng.normal(size=(200, D))
    tried /= np.linalg.norm(tried, axis=1, keepdims=True)
    others = np.linalg.norm(np.einsum("kpd,nd->knp", in_units, tried), axis=2)  # (K, 200)
    assert (change[:, None] >= others * (1 - 1e-6)).all()
    np.testing.assert_allclose(change, np.linalg.norm(in_units, ord=2, axis=(1, 2)), rtol=1e-4)


def test_every_direction_is_named() -> None:
    assert list(directions.DIRECTIONS) == ["random", "dimension", "towards", "steepest"]
