"""How well scores tell strange images from known ones: by hand, by brute force and by scikit-learn."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
import torch
from sklearn.metrics import auc, roc_auc_score, roc_curve

from vae import datasets
from vae.analysis.yardsticks.anomaly import CURVE_POINTS, DRAWS, _standard_error, area, scores, scores_without_a_model
from vae.choices.variants import VARIANTS
from vae.config import RunConfig
from vae.learning.networks import initialised
from vae.learning.randomness import normal_like, stream

CONFIG = RunConfig(hidden=(12,), latent_dim=3, variants=tuple(VARIANTS), device="cpu", seed=4)


def test_an_area_by_hand() -> None:
    """Of 6 pairs the held-out image is higher in 4, and as high in one."""
    found = area(np.array([1.0, 2.0, 4.0]), np.array([2.0, 5.0]))
    assert found.value == 4.5 / 6
    np.testing.assert_allclose(found.false_alarms, [0, 0, 1 / 3, 2 / 3, 1])
    np.testing.assert_allclose(found.hits, [0, 0.5, 0.5, 1, 1])
    # Above: 1.5/3 and 3/3, with variance 1/8. Below: 1, 1.5/2 and 1/2, with variance 1/16.
    assert found.standard_error == pytest.approx(np.sqrt(1 / 8 / 2 + 1 / 16 / 3))


@pytest.mark.parametrize("step", [0, 0.5])  # with and without ties
def test_areas_and_their_errors_equal_brute_force_and_scikit_learn(step: float) -> None:
    random = np.random.default_rng(3)
    known, held_out = random.normal(0, 1, 90), random.normal(0.8, 2, 70)
    if step:
        known, held_out = (np.round(values / step) * step for values in (known, held_out))
    found = area(known, held_out)
    pairs = np.sign(held_out[:, None] - known[None]) / 2 + 0.5  # 1, ½ or 0, (M, N)
    assert found.value == pytest.approx(pairs.mean(), abs=1e-12)
    of_both = pairs.mean(axis=1).var(ddof=1) / 70 + pairs.mean(axis=0).var(ddof=1) / 90
    assert found.standard_error == pytest.approx(np.sqrt(of_both), rel=1e-9)
    strange = np.repeat([0, 1], [90, 70])
    assert found.value == roc_auc_score(strange, np.r_[known, held_out])


def test_the_standard_error_is_that_of_areas_of_other_images() -> None:
    random, values, told = np.random.default_rng(0), [], []
    for _ in range(400):
        known, held_out = random.normal(0, 1, 60), random.normal(1, 1, 40)
        values.append((held_out[:, None] > known).mean())
        told.append(_standard_error(known, held_out))
    assert np.mean(told) == pytest.approx(np.std(values), rel=0.1)


def test_a_long_curve_is_thinned_along_its_corners() -> None:
    random = np.random.default_rng(1)
    known, held_out = random.normal(0, 1, 3000), random.normal(1, 1, 2000)
    found = area(known, held_out)
    assert CURVE_POINTS / 2 < len(found.hits) <= CURVE_POINTS
    x, y, _ = roc_curve(np.repeat([0, 1], [3000, 2000]), np.r_[known, held_out])
    assert set(zip(found.false_alarms, found.hits, strict=True)) <= set(zip(x, y, strict=True))
    assert (found.false_alarms[0], found.hits[0], found.false_alarms[-1], found.hits[-1]) == (0, 0, 1, 1)
    assert auc(found.false_alarms, found.hits) == pytest.approx(found.value, abs=1e-3)


def test_one_image_on_a_side_has_no_error() -> None:
    assert np.isnan(area(np.array([0.0]), np.array([1.0, 2.0])).standard_error)


@pytest.mark.parametrize("variant", VARIANTS)
def test_scores_equal_their_formulas_image_by_image(variant: str) -> None:
    images = datasets.load("digits", None)
    x = images.test_x[:7].astype(np.float32) / images.white
    model = initialised(CONFIG, images.shape, variant, stream(1, "weights")).eval()
    found = scores(model, variant, CONFIG, x)
    entry = VARIANTS[variant]
    assert set(found) == {
        "squared_error",
        "loss",
        *(["kl"] if entry.has_logvar else []),
        *(["elbo"] if entry.noise and entry.has_logvar else []),
    }
    with torch.no_grad():
        mu, logvar = model.encoder(torch.from_numpy(x))
        noise, draws = stream(4, "anomalies"), []
        for _ in range(DRAWS if "elbo" in found else 0):
            draws.append(mu + torch.exp(logvar / 2) * normal_like(mu, noise))
        for i, image in enumerate(x.astype(np.float64)):
            picture = torch.sigmoid(model.decoder(mu[i : i + 1])).double().numpy()[0]
            assert found["squared_error"][i] == pytest.approx(((picture - image) ** 2).sum(), rel=1e-4)
            assert found["loss"][i] == pytest.approx(bce(picture, image), rel=1e-4)
            if "kl" in found:
                m, v = mu[i].double(), logvar[i].double().exp()
                assert found["kl"][i] == pytest.approx(float(0.5 * (v + m**2 - 1 - v.log()).sum()), rel=1e-4)
            if "elbo" in found:
                pictures = [torch.sigmoid(model.decoder(z[i : i + 1])).double().numpy()[0] for z in draws]
                mean = np.mean([bce(each, image) for each in pictures])
                assert found["elbo"][i] == pytest.approx(mean + found["kl"][i], rel=1e-4)


def bce(picture: np.ndarray, image: np.ndarray) -> float:
    return float(-(image * np.log(picture) + (1 - image) * np.log(1 - picture)).sum())


def test_scores_without_a_network_by_hand() -> None:
    """Known images lie on a line: one component rebuilds them, and not what is off the line."""
    known = np.array([[x / 4, x / 4, 0.5] for x in range(5)], np.float32)
    x = np.array([[0.5, 0.5, 0.5], [0.0, 0.0, 0.5], [0.5, 0.5, 0.9], [0.9, 0.1, 0.5]], np.float32)
    found = scores_without_a_model(known, 1, x)
    np.testing.assert_allclose(found["mean_image"], [0, 0.5, 0.16, 0.32], atol=1e-6)
    np.testing.assert_allclose(found["pca"], [0, 0, 0.16, 0.32], atol=1e-6)
    for dimensions, name in product((5,), found):
        assert len(scores_without_a_model(known, dimensions, x)[name]) == 4, "more numbers than pixels"
