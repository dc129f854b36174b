"""What a setting does: intervals and steps, against numbers worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
import torch

from vae import datasets
from vae.analysis.effects import in_words, steps, with_intervals
from vae.analysis.intervals import half_width
from vae.choices.variants import VARIANTS
from vae.config import RunConfig
from vae.figures.sweeps import against, drawn_points
from vae.learning.training import Training


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> datasets.Images:
    return datasets.load("digits", tmp_path_factory.mktemp("data"))


TITLES = {"ae": "AE", "vae": "VAE"}


def table(values: dict[tuple[str, float], list[float]]) -> pd.DataFrame:
    """One row per seed from (variant, latent_dim) → a value for each seed."""
    rows = [
        {"variant": variant, "latent_dim": size, "seed": seed, "mse": value}
        for (variant, size), per_seed in values.items()
        for seed, value in enumerate(per_seed)
    ]
    return pd.DataFrame(rows)


def test_the_interval_is_students() -> None:
    # mean 2, standard deviation 1, three values: t(0.975, 2) = 4.302653 (any table of quantiles)
    assert half_width(np.array([1.0, 2.0, 3.0])) == pytest.approx(4.302653 / math.sqrt(3), rel=1e-6)
    assert math.isnan(half_width(np.array([1.0])))


def test_means_with_intervals() -> None:
    found = with_intervals(table({("ae", 2): [1, 2, 3], ("vae", 2): [5]}), ["variant", "latent_dim"], "mse")
    ae, vae = found.to_dict("records")
    assert (ae["mean"], ae["seeds"], ae["high"] - ae["mean"]) == (2, 3, pytest.approx(4.302653 / math.sqrt(3)))
    assert ae["mean"] - ae["low"] == pytest.approx(ae["high"] - ae["mean"])
    assert (vae["mean"], vae["seeds"]) == (5, 1)
    assert math.isnan(vae["low"])


def test_what_was_not_measured_is_left_out() -> None:
    found = with_intervals(table({("ae", 2): [1, 2, math.nan]}), ["variant", "latent_dim"], "mse")
    assert found.to_dict("records")[0]["seeds"] == 2


def test_steps_are_paired_by_seed() -> None:
    """Seeds differ by far more than the step, which is the same for all: unpaired, it would drown."""
    found = steps(table({("ae", 4): [10.1, 20.2, 30.3], ("ae", 2): [11, 21, 31]}), "latent_dim", "mse")
    (row,) = found.to_dict("records")
    assert (row["start"], row["end"], row["seeds"], row["said"]) == (2, 4, 3, "falls")
    assert row["difference"] == pytest.approx(-0.8)
    assert row["high"] - row["difference"] == pytest.approx(4.302653 * 0.1 / math.sqrt(3), rel=1e-6)


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ([1, 1, 1], [2, 2.1, 1.9], "rises"),
        ([2, 2.1, 1.9], [1, 1, 1], "falls"),
        ([1, 2, 3], [2, 1, 3.1], "open"),
        ([1], [2], "too few seeds"),
        ([1, 1], [2, 2.1], "too few seeds"),
        ([1, 1, 1], [1, 1, 1], "open"),
    ],
)
def test_what_a_step_says(before: list[float], after: list[float], said: str) -> None:
    found = steps(table({("vae", 2): before, ("vae", 4): after}), "latent_dim", "mse")
    assert list(found["said"]) == [said]


def test_the_sentence_names_every_step_once() -> None:
    sizes = {1: [9, 9.1, 9.2], 2: [5, 5.1, 5.2], 4: [3, 3.1, 3.2], 8: [3.1, 3, 3.2], 16: [4, 4.1, 4.3]}
    found = steps(table({("vae", size): values for size, values in sizes.items()}), "latent_dim", "mse")
    assert in_words(found, TITLES) == ["VAE: falls 1 → 2 → 4, no clear difference 4 → 8, rises 8 → 16"]


def test_a_single_seed_says_so() -> None:
    found = steps(table({("ae", 1): [1], ("ae", 2): [0.5], ("vae", 1): [1], ("vae", 2): [2]}), "latent_dim", "mse")
    assert in_words(found, TITLES) == ["AE: too few seeds to tell 1 → 2", "VAE: too few seeds to tell 1 → 2"]


def test_the_figure_draws_what_it_is_given() -> None:
    values = {("ae", 2): [1, 2, 3], ("ae", 16): [0.5, 0.6, 0.7], ("vae", 2): [2, 2.5, 3], ("vae", 16): [4]}
    bands = with_intervals(table(values), ["variant", "latent_dim"], "mse")
    figure = against(bands, "latent_dim", "Latent dimensions", "MSE")
    lines = {line.name: line for line in figure.data if line.mode == "lines+markers"}
    assert list(lines["Autoencoder"].x) == ["2", "16"]
    np.testing.assert_allclose(lines["Autoencoder"].y, [2, 0.6])
    np.testing.assert_allclose(lines["Variational autoencoder"].y, [2.5, 4])
    filled = [line for line in figure.data if line.fill == "toself"]
    assert [len(band.x) for band in filled] == [4, 2], "no band where one seed was trained"
    assert list(figure.layout.xaxis.categoryarray) == ["2", "16"], "by size, not by spelling"


def test_other_settings_have_a_line_each() -> None:
    rows = table({("vae", 2): [1, 2], ("vae", 4): [3, 4]})
    both = pd.concat([rows.assign(beta=0.5), rows.assign(beta=1.0, mse=rows["mse"] + 1)])
    figure = against(
        with_intervals(both, ["variant", "latent_dim", "beta"], "mse"), "latent_dim", "D", "MSE", {"beta": "β"}
    )
    names = [line.name for line in figure.data if line.mode == "lines+markers"]
    assert names == ["Variational autoencoder, β 0.5", "Variational autoencoder, β 1"]
    assert len({line.line.dash for line in figure.data if line.mode == "lines+markers"}) == 2


def test_drawn_points_stand_on_a_number_line() -> None:
    rows = table({("vae", 0.001): [1], ("vae", 0.01): [2]}).rename(columns={"latent_dim": "learning_rate"})
    bands = with_intervals(rows, ["variant", "learning_rate"], "mse")
    figure = drawn_points(bands, "learning_rate", "Learning rate", "MSE", log=True)
    assert figure.layout.xaxis.type == "log"
    np.testing.assert_allclose(figure.data[0].x, [0.001, 0.01])


def test_nothing_is_compared_where_a_setting_is_no_part_of_the_loss() -> None:
    rows = table({("ae", 1): [1, 2, 3], ("ae", 2): [1, 2, 3], ("vae", 1): [5, 6, 7], ("vae", 2): [1, 2, 3]})
    said = in_words(steps(rows, "latent_dim", "mse"), {"ae": "AE", "vae": "VAE"}, "β", ["ae"])
    assert said == ["AE: β is no part of its loss", "VAE: falls 1 → 2"]


@pytest.mark.parametrize("name", VARIANTS)
def test_what_is_called_no_part_of_a_variant_changes_nothing(name: str, digits: datasets.Images) -> None:
    """Trained with another value of every idle field: the same numbers, bit for bit. Of another field: others."""
    other = {"beta": 7.0, "kl_warmup_epochs": 1, "estimator": "detached", "samples": 3, "baseline": "leave_one_out"}
    other |= dict.fromkeys(("denoising_std", "contractive_weight", "rae_weight", "code_noise_std"), 0.5)
    other |= {"kl_cycles": 1, "free_bits": 0.5}
    base = RunConfig(variants=(name,), hidden=(6,), train_limit=60, validation_size=20, epochs=3, samples=2)

    def outcome(config: RunConfig) -> dict[str, torch.Tensor]:
        training = Training(config, digits, datasets.split(digits, config.validation_size, config.train_limit))
        for epoch in training.run():
            kept = {key: value.clone() for key, value in epoch.weights[name].items()}
        return kept

    usual = outcome(base)
    for field, value in other.items():
        changed = outcome(RunConfig.parse(base.model_dump() | {field: value}))
        same = all(torch.equal(usual[key], changed[key]) for key in usual)
        if field in VARIANTS[name].idle_fields:
            assert same, field
        elif field == VARIANTS[name].strength:
            assert not same, field
