"""The one number all of it is for: whose pictures move more at a nudge, and how the answer turns with the unit.

On three seeds of the preset on MNIST's 60,000 training images, whose losses are REFERENCE.md's.
"""

from __future__ import annotations

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

pytestmark = pytest.mark.slow
CHECKED_UNITS = ("latent_std", "absolute")


def trained(store: Store, settings: Settings, seed: int) -> Run:
    config = PRESETS["two_d"].config.model_copy(update={"seed": seed, "device": "cpu", "validation_size": 0})
    run_id = store.create(config, "test")
    assert execute(store, run_id, settings) == "done"
    return store.run(run_id)


def nudged(store: Store, run: Run, settings: Settings) -> pd.DataFrame:
    images = images_of(store, run, settings)
    x = images.test_x.astype(np.float32) / images.white
    models = models_of(store, run, last_epoch(store, run))
    return sensitivity.measure(models, x, seed=run.config.seed, units=CHECKED_UNITS, sizes=(0.1,))


@pytest.fixture(scope="module")
def place(mnist_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Store, Settings, list[Run]]:
    url = f"sqlite:///{tmp_path_factory.mktemp('reference') / 'runs.db'}"
    settings = Settings.from_environment({"VAE_DATA_DIR": str(mnist_dir), "VAE_DATABASE_URL": url})
    store = Store(settings.database_url)
    return store, settings, [trained(store, settings, seed) for seed in (1, 2, 3)]


def test_losses_are_the_reference(place: tuple[Store, Settings, list[Run]]) -> None:
    """Means over three seeds: one seed's depend on rounding too; seed 1 ends on either side of 155.5."""
    store, _, runs = place
    rows = pd.concat([store.history(run.id) for run in runs])
    test = rows[rows.split == "test"].groupby("variant").mean(numeric_only=True)
    assert 153 < test.loss["vae"] < 155.5
    assert test.kl["vae"] == pytest.approx(5.8, abs=0.5)
    # REFERENCE.md's 144–146 are two seeds. Plain PyTorch loops from 8 other initial weights end at 145.2–147.9, and
    # from the very initial weights of seed 1 at 147.8: a 2-D autoencoder depends on where it starts.
    assert 143.5 < test.reconstruction["ae"] < 148.5


def test_in_two_dimensions_the_autoencoder_moves_more_per_std_and_less_per_number(
    place: tuple[Store, Settings, list[Run]],
) -> None:
    """Measured beforehand: 1.8 and 0.55. An autoencoder's codes lie far apart, so 0.1 of their numbers is little."""
    store, settings, runs = place
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
