"""Distances between clouds of features, held against Gaussians and points whose answers are known."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.linalg

from vae.analysis.yardsticks import sample_quality
from vae.analysis.yardsticks.sample_quality import Manifold, Spread, frechet_distance, precision_and_recall


def exactly(mean: np.ndarray, covariance: np.ndarray, n: int, seed: int) -> np.ndarray:
    """n points with exactly this mean and this covariance, of divisor n − 1."""
    noise = np.random.default_rng(seed).standard_normal((n, len(mean)))
    noise -= noise.mean(axis=0)
    white = noise @ np.linalg.inv(np.linalg.cholesky(np.cov(noise.T))).T
    return white @ np.linalg.cholesky(covariance).T + mean


def distance(a: np.ndarray, b: np.ndarray) -> float:
    return frechet_distance(Spread.of(a), Spread.of(b))


def covariance_of(size: int, seed: int) -> np.ndarray:
    root = np.random.default_rng(seed).standard_normal((size, size))
    return root @ root.T + 0.1 * np.eye(size)


def points(*values: float) -> Manifold:
    """On a line, each with a ball to its nearest neighbour."""
    return Manifold.of(np.array(values)[:, None], neighbours=1)


# Fréchet distance


def test_gaussians_along_the_same_axes_have_their_closed_form() -> None:
    """Σ (m₁ − m₂)² + (s₁ − s₂)²: each dimension by itself."""
    m1, s1 = np.array([0.0, 1.0, -2.0]), np.array([1.0, 2.0, 0.5])
    m2, s2 = np.array([3.0, 1.0, 0.0]), np.array([1.5, 0.25, 0.5])
    a, b = exactly(m1, np.diag(s1**2), 50, 1), exactly(m2, np.diag(s2**2), 80, 2)
    assert distance(a, b) == pytest.approx(9 + 4 + 0.25 + 1.75**2, rel=1e-9)
    assert distance(b, a) == pytest.approx(distance(a, b), rel=1e-12)


def test_turned_gaussians_agree_with_a_matrix_root() -> None:
    first, second, mean = covariance_of(6, 3), covariance_of(6, 4), np.arange(6.0)
    root = scipy.linalg.sqrtm(first @ second).real
    expected = mean @ mean + np.trace(first + second - 2 * root)
    found = distance(exactly(np.zeros(6), first, 40, 5), exactly(mean, second, 40, 6))
    assert found == pytest.approx(expected, rel=1e-9)


def test_drawn_gaussians_come_to_the_distance_of_what_they_are_drawn_from() -> None:
    """N(0, I) and N(1, 2² I) in 8 dimensions: 8 · (1² + 1²), up to what chance and n add."""
    generator = np.random.default_rng(7)
    a, b = generator.standard_normal((20_000, 8)), 1 + 2 * generator.standard_normal((20_000, 8))
    assert distance(a, b) == pytest.approx(16, abs=0.3)


def test_the_same_gaussian_is_farther_from_itself_the_fewer_are_drawn() -> None:
    """The bias that makes as many pictures as judged images, and a floor of as many, necessary."""
    generator = np.random.default_rng(8)
    few, many = (distance(generator.standard_normal((n, 16)), generator.standard_normal((n, 16))) for n in (50, 5000))
    assert few > 20 * many > 0


def test_fewer_images_than_features_and_features_that_never_change_are_no_trouble() -> None:
    generator = np.random.default_rng(9)
    few = np.hstack([generator.standard_normal((5, 30)), np.zeros((5, 4))])
    assert distance(few, few) == pytest.approx(0, abs=1e-9)
    assert distance(few, few + 2) == pytest.approx(34 * 4, rel=1e-9)
    one_picture = np.full((5, 34), 0.5)  # what a decoder draws that does not look at codes
    spread = np.trace(np.cov(few.T))
    assert distance(few, one_picture) == pytest.approx(np.square(few.mean(0) - 0.5).sum() + spread, rel=1e-9)


def test_what_is_not_finite_has_no_distance_and_one_image_no_spread() -> None:
    x = np.ones((4, 2))
    assert np.isnan(distance(x, np.full((4, 2), np.nan)))
    with pytest.raises(ValueError, match="two images"):
        Spread.of(x[:1])


# Precision and recall


def test_points_on_a_line_have_the_shares_that_are_counted_by_hand() -> None:
    """Balls of the real: [−1, 1], [0, 2], [1, 3], [2, 18]; of the drawn: [0.5, 2.5], [1.5, 3.5], [2.5, 57.5]."""
    real, drawn = points(0, 1, 2, 10), points(1.5, 2.5, 30)
    assert precision_and_recall(real, drawn) == (pytest.approx(2 / 3), pytest.approx(3 / 4))


def test_the_edge_of_a_ball_belongs_to_it() -> None:
    assert precision_and_recall(points(0, 1), points(2, 100)) == (0.5, 1.0)


def test_half_of_what_is_real_gives_full_precision_and_half_the_recall() -> None:
    generator = np.random.default_rng(10)
    real = generator.uniform(0, 1, (1000, 1))
    drawn = generator.uniform(0, 0.5, (1000, 1))
    precision, recall = precision_and_recall(Manifold.of(real), Manifold.of(drawn))
    assert precision > 0.95
    assert recall == pytest.approx(0.5, abs=0.05)


def test_narrow_and_wide_gaussians_fail_on_one_side_each() -> None:
    generator = np.random.default_rng(11)
    real, narrow, wide = (scale * generator.standard_normal((1000, 6)) for scale in (1, 0.4, 2.5))
    manifold = Manifold.of(real)
    of_narrow, of_wide = (precision_and_recall(manifold, Manifold.of(drawn)) for drawn in (narrow, wide))
    assert of_narrow[0] > 0.95 and of_narrow[1] < 0.5
    assert of_wide[0] < 0.5 and of_wide[1] > 0.9


def test_it_is_what_the_definition_says_whatever_the_size_of_the_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    generator = np.random.default_rng(12)
    real, drawn = generator.standard_normal((70, 5)), 0.3 + generator.standard_normal((90, 5))

    def reach(cloud: np.ndarray) -> np.ndarray:
        return np.sort(np.linalg.norm(cloud[:, None] - cloud, axis=-1), axis=1)[:, 3]  # itself is the first

    apart = np.linalg.norm(drawn[:, None] - real, axis=-1)
    expected = (apart <= reach(real)).any(axis=1).mean(), (apart <= reach(drawn)[:, None]).any(axis=0).mean()
    assert 0 < expected[0] < 1 and 0 < expected[1] < 1
    for chunk in (2000, 32):
        monkeypatch.setattr(sample_quality, "CHUNK", chunk)
        assert precision_and_recall(Manifold.of(real), Manifold.of(drawn)) == pytest.approx(expected)


def test_clouds_apart_share_nothing_and_a_cloud_and_its_copy_everything() -> None:
    generator = np.random.default_rng(13)
    cloud = Manifold.of(np.repeat(generator.standard_normal((50, 128)) * 30, 5, axis=0))  # balls of no width
    assert float(cloud.reach.max()) < 1e-6
    assert precision_and_recall(cloud, cloud) == (1.0, 1.0)
    away = Manifold.of(1000 + generator.standard_normal((50, 128)))
    assert precision_and_recall(cloud, away) == (0.0, 0.0)


def test_too_few_for_neighbours_is_refused_and_what_is_not_finite_has_no_share() -> None:
    with pytest.raises(ValueError, match="more than 3"):
        Manifold.of(np.zeros((3, 2)))
    lost = Manifold.of(np.full((4, 2), np.nan))
    assert np.isnan(precision_and_recall(lost, Manifold.of(np.zeros((4, 2))))).all()
