"""Codes against the numpy networks of oracle.py, their plane against scikit-learn, their distances against formulas."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import oracle
import pytest
import torch
from sklearn.decomposition import PCA
from torch.distributions import MultivariateNormal, kl_divergence

from vae.analysis import codes
from vae.analysis.codes import Codes, encode, kl_to_prior, mmd_to_prior, plane, sample
from vae.analysis.reconstructions import restore
from vae.config import RunConfig
from vae.learning.models import initialise
from vae.learning.networks import build
from vae.learning.randomness import stream

CONFIG = RunConfig(hidden=(12,), latent_dim=3)
PIXELS = 16


def cloud(count: int, latent_dim: int, seed: int = 0) -> np.ndarray:
    """Correlated codes off the origin, (count, latent_dim) float32."""
    rng = np.random.default_rng(seed)
    mixed = rng.normal(size=(count, latent_dim)) @ rng.normal(size=(latent_dim, latent_dim))
    return (mixed + rng.normal(size=latent_dim)).astype(np.float32)


def with_moments(mean: np.ndarray, covariance: np.ndarray, count: int = 50) -> np.ndarray:
    """Codes whose own mean and covariance are exactly these, by whitening."""
    z = np.random.default_rng(3).normal(size=(count, len(mean)))
    z -= z.mean(axis=0)
    white = np.linalg.solve(np.linalg.cholesky(z.T @ z / count), z.T).T
    return white @ np.linalg.cholesky(covariance).T + mean


# Codes


@pytest.mark.parametrize("variant", ["ae", "noise_only", "kl_only", "vae"])
def test_codes_equal_the_network_in_numpy(monkeypatch: pytest.MonkeyPatch, variant: str) -> None:
    monkeypatch.setattr(codes, "CHUNK", 3)  # seven images: two whole chunks and a rest
    x = np.random.default_rng(0).random((7, PIXELS), dtype=np.float32)
    weights = initialise(build(CONFIG, (1, 1, PIXELS), variant), stream(5, "weights")).state_dict()
    mu, logvar = oracle.encode(oracle.as_float64(weights), x.astype(np.float64), CONFIG.activation)
    found = encode(restore(CONFIG, (1, 1, PIXELS), variant, weights), x)
    assert found.latent_dim == 3
    np.testing.assert_allclose(found.mu, mu, atol=1e-6)
    if variant == "ae":
        assert found.std is None, "a plain autoencoder has no log-variance"
    else:
        np.testing.assert_allclose(found.std, np.exp(logvar / 2), rtol=1e-5)


def test_a_sample_is_mu_plus_sigma_eps_of_the_given_generator() -> None:
    known = Codes(cloud(6, 3), np.random.default_rng(1).random((6, 3), dtype=np.float32) + 0.1)
    eps = torch.randn((6, 3), generator=stream(3, "test")).numpy()
    np.testing.assert_allclose(sample(known, stream(3, "test")), known.mu + known.std * eps, rtol=1e-5, atol=1e-6)


def test_codes_without_a_distribution_cannot_be_sampled() -> None:
    with pytest.raises(ValueError, match="no distribution"):
        sample(Codes(cloud(6, 3), None), stream(3, "test"))


# The plane


def test_two_dimensions_are_their_own_plane() -> None:
    mu = cloud(20, 2)
    whole = plane(mu)
    np.testing.assert_array_equal(whole.project(mu), mu)
    np.testing.assert_array_equal(whole.lift(mu), mu)
    assert (whole.share, whole.slice, whole.names) == (1.0, False, ("z₁", "z₂"))


def test_one_dimension_is_a_line_in_the_plane() -> None:
    mu = cloud(20, 1)
    line = plane(mu)
    np.testing.assert_array_equal(line.project(mu), np.hstack([mu, np.zeros_like(mu)]))
    np.testing.assert_array_equal(line.lift(np.float32([[0.5, 7.0], [-2.0, -7.0]])), [[0.5], [-2.0]])
    assert (line.share, line.slice) == (1.0, False)


def test_beyond_two_dimensions_it_is_the_plane_of_the_two_leading_principal_components() -> None:
    mu = cloud(500, 6)
    pca, found = PCA(2).fit(mu.astype(np.float64)), plane(mu)
    np.testing.assert_allclose(found.axes @ found.axes.T, np.eye(2), atol=1e-5)
    np.testing.assert_allclose(np.abs(found.axes @ pca.components_.T), np.eye(2), atol=1e-4)  # up to their signs
    np.testing.assert_allclose(found.origin, pca.mean_, atol=1e-5)
    assert found.share == pytest.approx(pca.explained_variance_ratio_.sum(), rel=1e-5)
    assert found.slice


@pytest.mark.parametrize("dimensions", [None, (0, 4), (4, 0)])
def test_projecting_undoes_lifting_and_lands_on_the_nearest_point(dimensions: tuple[int, int] | None) -> None:
    mu = cloud(200, 6)
    found = plane(mu, dimensions)
    uv = np.random.default_rng(2).normal(size=(9, 2)).astype(np.float32)
    lifted = found.lift(uv)
    assert (lifted.shape, lifted.dtype) == ((9, 6), np.float32)
    np.testing.assert_allclose(found.project(lifted), uv, atol=1e-5)
    left = mu - found.lift(found.project(mu))  # what the projection loses stands upright on the plane
    np.testing.assert_allclose(left @ found.axes.T, 0, atol=1e-4)


def test_two_chosen_dimensions_are_read_off_the_codes() -> None:
    mu = cloud(200, 6)
    found = plane(mu, (4, 1))
    np.testing.assert_allclose(found.project(mu), (mu - mu.mean(axis=0))[:, [4, 1]], atol=1e-5)
    variance = mu.astype(np.float64).var(axis=0)
    assert found.share == pytest.approx((variance[4] + variance[1]) / variance.sum(), rel=1e-5)
    assert found.names == ("dimension 5", "dimension 2")
    assert found.slice


# How far from the prior


def test_kl_to_prior_is_that_of_the_gaussian_with_these_moments() -> None:
    mean, root = np.array([0.5, -1.0, 2.0]), np.random.default_rng(4).normal(size=(3, 3))
    covariance = root @ root.T + 0.1 * np.eye(3)
    gaussian = MultivariateNormal(torch.from_numpy(mean), torch.from_numpy(covariance))
    prior = MultivariateNormal(torch.zeros(3, dtype=torch.float64), torch.eye(3, dtype=torch.float64))
    expected = float(kl_divergence(gaussian, prior))
    assert kl_to_prior(with_moments(mean, covariance)) == pytest.approx(expected, rel=1e-9)


def test_kl_to_prior_of_one_dimension_is_the_closed_form() -> None:
    z = with_moments(np.array([1.5]), np.array([[0.25]]))
    assert kl_to_prior(z) == pytest.approx(0.5 * (0.25 + 1.5**2 - 1 - math.log(0.25)), rel=1e-9)


@pytest.mark.parametrize("latent_dim", [1, 2, 7])
def test_kl_to_prior_of_standardised_codes_is_zero(latent_dim: int) -> None:
    z = with_moments(np.zeros(latent_dim), np.eye(latent_dim))
    assert kl_to_prior(z) == pytest.approx(0, abs=1e-12)
    assert kl_to_prior(z.astype(np.float32)) == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize(
    "degenerate",
    [
        pytest.param(lambda z: np.hstack([z, np.full((40, 1), 0.3, dtype=np.float32)]), id="a constant dimension"),
        pytest.param(lambda z: z @ np.float32([[1, 0, 1], [0, 1, 2]]), id="the third follows from the others"),
        pytest.param(lambda z: z[:, :1] @ np.float32([[1, 3, 0.7]]), id="all on one oblique line"),
        pytest.param(lambda z: z[:12].reshape(4, 6), id="fewer codes than dimensions"),
        pytest.param(lambda z: np.full((40, 1), z[0, 0]), id="one dimension, one place"),
    ],
)
def test_kl_to_prior_is_infinite_where_codes_fill_less_than_the_space(degenerate: Callable) -> None:
    """Rounding to float32 leaves them a hair's breadth off the subspace, on either side: hence ten clouds."""
    assert [kl_to_prior(degenerate(cloud(40, 2, seed))) for seed in range(10)] == [math.inf] * 10


def test_kl_to_prior_of_a_thin_cloud_that_still_fills_the_space_is_finite() -> None:
    thin = with_moments(np.zeros(2), np.diag([1.0, 1e-8])).astype(np.float32)
    assert kl_to_prior(thin) == pytest.approx(0.5 * (1 + 1e-8 - 2 - math.log(1e-8)), rel=1e-4)


@pytest.mark.parametrize("latent_dim", [1, 2, 8])
def test_mmd_to_prior_of_shifted_draws_is_the_closed_form(latent_dim: int) -> None:
    """E k(x, y) of x − y ~ N(m, 2I) under exp(−d²/2D) is (D / (D + 2))^(D/2) · exp(−|m|² / 2(D + 2))."""
    draws = torch.randn(2000, latent_dim, generator=stream(8, "draws")).numpy()
    overlap = (latent_dim / (latent_dim + 2)) ** (latent_dim / 2)
    for shift in (0.0, 0.5, 2.0):
        expected = 2 * overlap * (1 - math.exp(-latent_dim * shift**2 / (2 * (latent_dim + 2))))
        measured = mmd_to_prior(draws + np.float32(shift), stream(9, "mmd"))
        assert measured == pytest.approx(expected, abs=0.003 if shift == 0 else 0.03)
        assert shift == 0 or measured > 0.02


def test_mmd_to_prior_equals_a_plain_double_loop() -> None:
    z = cloud(6, 2)
    y = torch.randn(6, 2, generator=stream(9, "mmd"), dtype=torch.float64).numpy()

    def k(a: np.ndarray, b: np.ndarray) -> float:
        return math.exp(-sum((float(p) - float(q)) ** 2 for p, q in zip(a, b, strict=True)) / (2 * 2))

    places = range(6)
    within = sum(k(s[i], s[j]) for s in (z, y) for i in places for j in places if i != j) / (6 * 5)
    across = sum(k(z[i], y[j]) for i in places for j in places) / 36
    assert mmd_to_prior(z, stream(9, "mmd")) == pytest.approx(within - 2 * across, abs=1e-9)
