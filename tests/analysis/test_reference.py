"""Nearest real images against brute force; the classifier against its labels, a hand count and itself."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from vae import datasets
from vae.analysis import reference
from vae.analysis.reference import Classifier, RealImages, accuracy, train_classifier
from vae.datasets import Images

DIGITS = datasets.load("digits", Path("embedded"))
ROWS = np.random.default_rng(0).permutation(len(DIGITS.train_x))[:600]


@pytest.fixture(scope="module")
def classifier() -> Classifier:
    return train_classifier(DIGITS)


def by_brute_force(x: np.ndarray, real: np.ndarray) -> np.ndarray:
    """Pixel RMSE of every pair, (n, R), in float64."""
    return np.sqrt(((x[:, None].astype(np.float64) - real[None].astype(np.float64)) ** 2).mean(axis=-1))


# Real images


@pytest.mark.parametrize("count", [1, 4])
def test_the_nearest_real_images_are_those_of_brute_force(count: int) -> None:
    x = np.random.default_rng(1).random((30, 64), dtype=np.float32)
    distances = by_brute_force(x, DIGITS.train_x[ROWS] / 16)
    found, places = RealImages.of(DIGITS, ROWS).nearest(torch.from_numpy(x), count)
    assert found.shape == places.shape == (30, count)
    np.testing.assert_array_equal(places, distances.argsort(axis=1)[:, :count])
    np.testing.assert_allclose(found, np.sort(distances, axis=1)[:, :count], rtol=1e-5)


def test_a_real_image_is_its_own_nearest_at_no_distance() -> None:
    real = RealImages.of(DIGITS, ROWS)
    distance, place = real.nearest(real.x[:50])
    np.testing.assert_allclose(distance, 0, atol=1e-3)
    np.testing.assert_array_equal(place[:, 0], np.arange(50))


def test_real_images_are_the_first_of_the_given_rows_in_grey_levels(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reference, "REAL_IMAGES", 5)
    real = RealImages.of(DIGITS, ROWS)
    np.testing.assert_allclose(real.x, DIGITS.train_x[ROWS[:5]] / 16)
    np.testing.assert_allclose(real.half_square, (DIGITS.train_x[ROWS[:5]] / 16.0) ** 2 @ np.full(64, 0.5), rtol=1e-6)


# The classifier


def test_the_classifier_knows_the_digits(classifier: Classifier) -> None:
    x = DIGITS.test_x.astype(np.float32) / 16
    right = classifier.probabilities(x).argmax(axis=1) == DIGITS.test_y
    assert right.mean() > 0.95
    assert accuracy(classifier, DIGITS) == pytest.approx(right.mean(), abs=1e-6)


def test_two_trainings_give_the_same_weights(classifier: Classifier) -> None:
    torch.manual_seed(123)  # the process's own generator must not matter
    again = train_classifier(DIGITS).state_dict()
    assert again.keys() == classifier.state_dict().keys()
    assert all(torch.equal(value, again[name]) for name, value in classifier.state_dict().items())


def test_the_trained_classifier_cannot_learn_any_more(classifier: Classifier) -> None:
    assert not classifier.training
    assert not any(parameter.requires_grad for parameter in classifier.parameters())


def test_probabilities_are_a_softmax(classifier: Classifier) -> None:
    x = np.random.default_rng(2).random((9, 64), dtype=np.float32)
    found = classifier.probabilities(x)
    w = {name: value.double().numpy() for name, value in classifier.state_dict().items()}
    h = np.maximum(x @ w["body.0.weight"].T + w["body.0.bias"], 0)
    odds = np.exp(h @ w["body.2.weight"].T + w["body.2.bias"])
    np.testing.assert_allclose(found, odds / odds.sum(axis=1, keepdims=True), atol=1e-5)
    np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-6)
    assert found.min() >= 0


def test_accuracy_is_the_share_counted_by_hand() -> None:
    """A classifier that names the brighter of two pixels, on four images of which it gets three right."""
    model = Classifier(2, 2)
    for layer in (model.body[0], model.body[2]):
        torch.nn.init.zeros_(layer.bias)
        torch.nn.init.eye_(layer.weight)
    test_x, none = np.array([[10, 0], [0, 10], [7, 3], [3, 7]], dtype=np.uint8), np.zeros((0, 2), dtype=np.uint8)
    images = Images("two", (1, 1, 2), 10, ("left", "right"), none, none[:, 0], test_x, np.array([0, 1, 1, 1], np.uint8))
    assert accuracy(model, images) == 0.75
