"""The one number all of it is for: whose pictures move more at a nudge, and how the answer turns with the unit."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from vae.analysis import comparing, sensitivity
from vae.config import PRESETS
from vae.measuring import images_of, last_epoch, models_of
from vae.runs.execution import execute
from vae.settings import Settings
from vae.store.configurations import same_but_for_seed
from vae.store.runs import Run, Store

CHECKED_UNITS = ("latent_std", "absolute")


def trained(store: Store, settings: Settings, seed: int) -> Run:
    config = PRESETS["two_d"].config.model_copy(update={"seed": seed, "device": "cpu"})
    run_id = store.create(config, "test")
    assert execute(store, run_id, settings) == "done"
    return store.run(run_id)


def nudged(store: Store, run: Run, settings: Settings) -> pd.DataFrame:
    images = images_of(store, run, settings)
    x = images.test_x.astype(np.float32) / images.white
    models = models_of(store, run, last_epoch(store, run))
    return sensitivity.measure(models, x, seed=run.config.seed, units=CHECKED_UNITS, sizes=(0.1,))


@pytest.mark.slow
def test_in_two_dimensions_the_autoencoder_moves_more_per_std_and_less_per_number(
    store: Store, settings: Settings, mnist_dir: Path
) -> None:
    """Measured beforehand: 1.8 and 0.55. An autoencoder's codes lie far apart, so 0.1 of their numbers is little."""
    settings = dataclasses.replace(settings, data_dir=mnist_dir)
    runs = [trained(store, settings, seed) for seed in (1, 2, 3)]
    same_but_for_seed(runs)
    measured = pd.concat([nudged(store, run, settings) for run in runs])
    rmse = measured.pivot_table(index=["unit", "seed"], columns="variant", values="rmse")
    assert len(rmse) == 6
    assert (rmse.ae > rmse.vae)["latent_std"].all(), rmse
    assert (rmse.ae < rmse.vae)["absolute"].all(), rmse
    ratios = comparing.ratios(measured).set_index("unit")
    assert ratios.seeds.tolist() == [3, 3]
    assert ratios.low["latent_std"] > 1, ratios
    assert ratios.high["absolute"] < 1, ratios
    assert ratios.ratio["latent_std"] == pytest.approx(1.8, abs=0.4), ratios
    assert ratios.ratio["absolute"] == pytest.approx(0.55, abs=0.2), ratios
