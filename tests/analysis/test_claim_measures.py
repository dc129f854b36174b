"""Each measure against something independent: NumPy's SVD, sums by hand, closed forms, another way to one number."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pandas as pd
import pytest
import torch
from scipy import stats
from scipy.spatial.distance import cdist

from vae import datasets
from vae.analysis import claim_measures
from vae.analysis.claim_measures import COLUMNS, MEASURES, measure
from vae.analysis.codes import encode
from vae.choices.estimators import ESTIMATOR_SETUPS
from vae.config import RunConfig
from vae.datasets import Images
from vae.learning.models import Autoencoder
from vae.learning.networks import build
from vae.learning.randomness import stream
from vae.learning.training import Training

CONFIG = RunConfig(
    epochs=2, latent_dim=3, hidden=(16,), device="cpu", variants=("ae", "noise_only", "kl_only", "vae"), seed=5
)
ROWS = np.arange(0, 1200, 2)


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Images:
    return datasets.load("digits", tmp_path_factory.mktemp("none"))


@pytest.fixture(scope="module")
def models(images: Images) -> dict[str, Autoencoder]:
    training = Training(CONFIG, images, datasets.split(images, CONFIG.validation_size, CONFIG.train_limit))
    for _ in training.run():
        pass
    return {learner.name: learner.model.eval() for learner in training.learners}


@pytest.fixture(scope="module")
def table(models: dict[str, Autoencoder], images: Images) -> pd.DataFrame:
    return measure(models, CONFIG, images, ROWS)


@pytest.fixture(scope="module")
def x(images: Images) -> np.ndarray:
    return images.test_x.astype(np.float32) / images.white


def value(table: pd.DataFrame, name: str, variant: str = "") -> float:
    (found,) = table.query("measure == @name and variant == @variant")["value"]
    return float(found)


def test_the_table_is_what_the_registry_says(table: pd.DataFrame) -> None:
    assert list(table.columns) == COLUMNS
    assert set(table["measure"]) == set(MEASURES)
    assert set(table["variant"]) == {"", *CONFIG.variants}
    assert not table.duplicated(["variant", "measure"]).any()
    assert np.isfinite(table["value"]).all() and (table["n"] > 0).all()


def test_a_run_is_always_measured_the_same(table: pd.DataFrame, models: dict[str, Autoencoder], images: Images) -> None:
    shares: list[float] = []
    pd.testing.assert_frame_equal(measure(models, CONFIG, images, ROWS, shares.append), table)
    assert shares == sorted(shares) and shares[-1] == 1


def test_errors_against_sums_by_hand(
    table: pd.DataFrame, models: dict[str, Autoencoder], images: Images, x: np.ndarray
) -> None:
    train = images.train_x[ROWS] / images.white
    assert value(table, "mean_image_mse") == pytest.approx(((x - train.mean(axis=0)) ** 2).mean(), rel=1e-6)
    for name, model in models.items():
        picture = model.picture(torch.from_numpy(encode(model, x).mu)).detach().numpy()
        assert value(table, "mse", name) == pytest.approx(((x - picture) ** 2).mean(), rel=1e-5)
        off = ((x - picture)[: claim_measures.SPREAD_IMAGES] ** 2).mean(axis=1) ** 0.5
        assert value(table, "rebuilt_rmse", name) == pytest.approx(off.mean(), rel=1e-5)


def test_pca_against_numpy_s_svd(table: pd.DataFrame, images: Images, x: np.ndarray) -> None:
    train = images.train_x[ROWS] / images.white
    mean = train.mean(axis=0)
    _, _, axes = np.linalg.svd(train - mean, full_matrices=False)
    rebuilt = mean + (x - mean) @ axes[:3].T @ axes[:3]
    assert value(table, "pca_mse") == pytest.approx(((x - rebuilt) ** 2).mean(), rel=1e-5)


def test_draws_of_the_prior_are_as_far_from_it_as_chance_has_it(table: pd.DataFrame) -> None:
    count, parameters = int(table.query("measure == 'kl_to_prior' and variant == ''")["n"].iloc[0]), 3 + 6
    assert value(table, "kl_to_prior") < stats.chi2(parameters).ppf(0.999) / (2 * count)  # Wilks
    assert abs(value(table, "mmd_to_prior")) < 0.01


def test_codes_spread_as_numpy_has_it(table: pd.DataFrame, models: dict[str, Autoencoder], x: np.ndarray) -> None:
    for name, model in models.items():
        codes = encode(model, x)
        assert value(table, "code_std", name) == pytest.approx(np.sqrt((codes.mu.std(axis=0) ** 2).mean()), rel=1e-5)
        apart = cdist(codes.mu, codes.mu)
        np.fill_diagonal(apart, np.inf)
        nearest = np.median(apart.min(axis=1)) / math.sqrt(3)
        assert value(table, "neighbour_distance", name) == pytest.approx(nearest, rel=1e-4)
        if codes.std is not None:
            rms = np.sqrt((codes.std**2).mean(axis=1))
            assert value(table, "posterior_std", name) == pytest.approx(np.median(rms), rel=1e-5)
            logvar = model.encoder(torch.from_numpy(x))[1].detach().numpy()
            assert value(table, "negative_share", name) == pytest.approx((logvar < 0).mean(), abs=1e-6)


def test_what_a_variant_lacks_has_no_row(table: pd.DataFrame) -> None:
    assert not set(table.query("variant == 'ae'")["measure"]) & {"posterior_std", "negative_share", "noise_rms"}
    assert not set(table.query("variant == 'kl_only'")["measure"]) & {"noise_rms", "gradient_mu_pathwise"}


def test_spread_is_exactly_0_without_noise(table: pd.DataFrame) -> None:
    assert value(table, "spread", "ae") == value(table, "spread", "kl_only") == 0
    assert value(table, "spread", "vae") > 0


def flat(std: float, slope: float) -> tuple[Autoencoder, RunConfig]:
    """Codes N(0, σ²) for every image, and a picture of two pixels: sigmoid(a·z) ≈ 1/2 + a·z/4, and 1/2."""
    config = RunConfig(hidden=(), latent_dim=1, activation="elu", variants=("vae",))
    model = build(config, (1, 1, 2), "vae")
    for parameter in model.parameters():
        torch.nn.init.zeros_(parameter)
    model.encoder.to_logvar.bias.data.fill_(2 * math.log(std))
    model.decoder.to_logits.weight.data[0, 0] = slope
    return model.eval(), config


def test_spread_by_hand(images: Images) -> None:
    """So small a σ that the decoder is a line: pixel 1 has a standard deviation of a·σ/4, pixel 2 of 0."""
    model, config = flat(std=1e-3, slope=0.4)
    two = dataclasses.replace(
        images, shape=(1, 1, 2), train_x=images.train_x[:, 20:22].copy(), test_x=images.test_x[:, 20:22].copy()
    )
    table = measure({"vae": model}, config, two, ROWS)
    # Mean over images of the standard deviation of 16 draws, which is a little below σ: c₄(16).
    c4 = math.sqrt(2 / 15) * math.gamma(8) / math.gamma(7.5)
    expected = c4 * 0.4 * 1e-3 / 4 / math.sqrt(2)
    assert value(table, "spread", "vae") == pytest.approx(expected, rel=4 / math.sqrt(2 * 15 * len(images.test_x)))
    assert value(table, "posterior_std", "vae") == pytest.approx(1e-3, rel=1e-5)
    assert value(table, "negative_share", "vae") == 1
    assert value(table, "noise_rms", "vae") == pytest.approx(1e-3, rel=0.2)


def test_epsilon_is_the_training_s_own_and_standard_normal(table: pd.DataFrame) -> None:
    count = int(table.query("measure == 'eps_std'")["n"].iloc[0])
    assert count == len(ROWS) * CONFIG.latent_dim
    assert value(table, "eps_std") == pytest.approx(1, abs=4 / math.sqrt(2 * count))
    assert value(table, "eps_median") == pytest.approx(stats.norm.ppf(0.75), abs=4 * 0.79 / math.sqrt(count))
    share = 2 * stats.norm.cdf(0.1) - 1
    assert value(table, "eps_small_share") == pytest.approx(share, abs=4 * math.sqrt(share / count))
    # The very numbers of the first epoch: 64 images, then the next 64, from the same generator.
    generator = stream(CONFIG.seed, "noise", 1)
    drawn = torch.cat([torch.randn(size, 3, generator=generator) for size in [64] * 9 + [24]])
    assert value(table, "eps_std") == float(drawn.std())


def test_gradients_of_a_detached_sample_are_exactly_0(table: pd.DataFrame) -> None:
    for name in ("vae", "noise_only"):
        for place in ("mu", "logvar"):
            assert value(table, f"gradient_{place}_detached", name) == 0
            for other in set(ESTIMATOR_SETUPS) - {"detached"}:
                assert value(table, f"gradient_{place}_{other}", name) > 0


def test_distances_between_drawn_and_real_pictures(
    table: pd.DataFrame, models: dict[str, Autoencoder], images: Images, x: np.ndarray
) -> None:
    train = images.train_x[ROWS] / images.white
    z = torch.randn(claim_measures.DRAWN, 3, generator=stream(CONFIG.seed, "drawn"))
    drawn = models["vae"].picture(z).detach().numpy()
    to_real = cdist(drawn, train).min(axis=1).mean() / 8
    assert value(table, "sample_distance", "vae") == pytest.approx(to_real, rel=1e-4)
    to_drawn = cdist(x, drawn).min(axis=1).mean() / 8
    assert value(table, "coverage_distance", "vae") == pytest.approx(to_drawn, rel=1e-4)
    among_real = cdist(x, train).min(axis=1).mean() / 8
    assert value(table, "sample_distance") == pytest.approx(among_real, rel=1e-4)


def test_codes_without_width_are_infinitely_far(images: Images) -> None:
    """An autoencoder that gives every image the same code."""
    model = build(RunConfig(variants=("ae",)), (1, 8, 8), "ae")
    for parameter in model.parameters():
        torch.nn.init.zeros_(parameter)
    table = measure({"ae": model.eval()}, RunConfig(variants=("ae",)), images, ROWS)
    assert math.isinf(value(table, "kl_to_prior", "ae"))
    assert value(table, "code_std", "ae") == value(table, "neighbour_distance", "ae") == 0


def test_one_test_image_alone_has_no_neighbour(models: dict[str, Autoencoder], images: Images) -> None:
    one = dataclasses.replace(images, test_x=images.test_x[:1], test_y=images.test_y[:1])
    found = set(measure(models, CONFIG, one, ROWS).query("variant == 'vae'")["measure"])
    assert set(MEASURES) - found == {
        *("mean_image_mse", "pca_mse", "eps_std", "eps_median", "eps_small_share"),
        *("neighbour_distance", "kl_to_prior", "mmd_to_prior"),
    }
