"""Codes that belong to no image: their moments, and the recovery of a mixture that is known."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest

from vae.analysis.sampling import draw, fit_mixture, prior
from vae.learning.randomness import stream

WEIGHTS = np.array([0.5, 0.3, 0.2])
MEANS = np.array([[0.0, 0.0], [10.0, 2.0], [-4.0, 9.0]])
COVARIANCES = np.array([[[1.0, 0.6], [0.6, 1.0]], [[2.0, 0.0], [0.0, 0.2]], [[0.5, -0.3], [-0.3, 0.8]]])


def known_mixture(count: int = 10_000) -> np.ndarray:
    rng = np.random.default_rng(0)
    sizes = (WEIGHTS * count).astype(int)
    parts = [rng.multivariate_normal(*moments, size) for *moments, size in zip(MEANS, COVARIANCES, sizes, strict=True)]
    return np.concatenate(parts).astype(np.float32)


def test_the_prior_has_mean_zero_and_covariance_one() -> None:
    z = prior(40_000, 3, stream(0, "prior"))
    assert z.shape == (40_000, 3)
    assert z.dtype == np.float32
    np.testing.assert_allclose(z.mean(axis=0), 0, atol=0.025)  # 5 standard errors of 1/√40,000
    np.testing.assert_allclose(np.cov(z, rowvar=False), np.eye(3), atol=0.04)
    np.testing.assert_allclose((z**4).mean(axis=0), 3, atol=0.25)  # a normal's fourth moment


def test_the_prior_is_reproducible() -> None:
    np.testing.assert_array_equal(prior(5, 2, stream(1, "prior")), prior(5, 2, stream(1, "prior")))
    assert not np.array_equal(prior(5, 2, stream(1, "prior")), prior(5, 2, stream(2, "prior")))


def test_a_known_mixture_is_found_again() -> None:
    found = fit_mixture(known_mixture(), 3, seed=0)
    order = min(permutations(range(3)), key=lambda order: np.linalg.norm(found.means_[list(order)] - MEANS))
    np.testing.assert_allclose(found.weights_[list(order)], WEIGHTS, atol=1e-3)  # drawn in these very shares
    np.testing.assert_allclose(found.means_[list(order)], MEANS, atol=0.15)  # 5 standard errors of √(2 / 2,000)
    np.testing.assert_allclose(found.covariances_[list(order)], COVARIANCES, atol=0.2)


def test_one_component_is_the_mean_and_covariance_of_the_codes() -> None:
    z = known_mixture(300)
    found = fit_mixture(z, 1, seed=0)
    np.testing.assert_allclose(found.means_[0], z.astype(np.float64).mean(axis=0), rtol=1e-9)
    expected = np.cov(z.astype(np.float64), rowvar=False, bias=True)
    np.testing.assert_allclose(found.covariances_[0], expected, atol=2e-6)  # the regulariser adds 1e-6
    assert found.weights_ == pytest.approx([1.0])


def test_codes_of_one_dimension_can_be_fitted_and_drawn() -> None:
    z = known_mixture()[:, :1]
    drawn = draw(fit_mixture(z, 2, seed=0), 20_000, seed=1)
    assert drawn.shape == (20_000, 1)
    assert drawn.mean() == pytest.approx(z.mean(), abs=0.2)


def test_draws_have_the_moments_of_the_mixture() -> None:
    drawn = draw(fit_mixture(known_mixture(), 3, seed=0), 40_000, seed=1)
    assert drawn.shape == (40_000, 2)
    assert drawn.dtype == np.float32
    mean = WEIGHTS @ MEANS
    spread = np.einsum("k,kij->ij", WEIGHTS, COVARIANCES + np.einsum("ki,kj->kij", MEANS - mean, MEANS - mean))
    np.testing.assert_allclose(drawn.mean(axis=0), mean, atol=0.15)  # 5 standard errors of 5 / √40,000, and the fit's
    np.testing.assert_allclose(np.cov(drawn, rowvar=False), spread, rtol=0.05, atol=0.3)


def test_draws_are_in_random_order() -> None:
    """Not one component after the other: the first tenth has them all, in their shares."""
    drawn = draw(fit_mixture(known_mixture(), 3, seed=0), 10_000, seed=1)[:1000]
    nearest = np.linalg.norm(drawn[:, None] - MEANS, axis=2).argmin(axis=1)
    np.testing.assert_allclose(np.bincount(nearest, minlength=3) / 1000, WEIGHTS, atol=0.08)


def test_the_seed_alone_says_what_is_drawn() -> None:
    mixture = fit_mixture(known_mixture(600), 3, seed=0)
    first = draw(mixture, 50, seed=7)
    other = draw(mixture, 80, seed=8)
    np.testing.assert_array_equal(draw(mixture, 50, seed=7), first)  # whatever was drawn in between
    np.testing.assert_array_equal(draw(fit_mixture(known_mixture(600), 3, seed=0), 50, seed=7), first)
    assert len(np.intersect1d(first, other)) == 0, "another seed draws other codes, not the same in another order"


@pytest.mark.parametrize("count", [1, 2])
def test_fewer_codes_than_components_are_refused(count: int) -> None:
    with pytest.raises(ValueError, match="sample"):
        fit_mixture(known_mixture()[:count], 3, seed=0)
