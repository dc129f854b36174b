"""Runs of every kind, trained once, and what tests of the lessons' pages share."""

from __future__ import annotations

import dataclasses
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import postgres
import pytest
from paging import shared_resources, texts
from streamlit.testing.v1 import AppTest

from pages.state import resources
from vae import datasets
from vae.analysis.codes import Codes, encode
from vae.config import RunConfig
from vae.figures.style import VARIANT_TITLES
from vae.measuring import KINDS, models_of, reference_classifier_of
from vae.runs.execution import execute
from vae.settings import Settings
from vae.store.measurements import measurement
from vae.store.runs import Store
from vae.store.tensor_bytes import unpack

LESSONS = ("latent_space.py", "perturbation.py", "sampling.py")
each_lesson = pytest.mark.parametrize("name", LESSONS)
AE, VAE = VARIANT_TITLES["ae"], VARIANT_TITLES["vae"]
CONFIGS = {
    "3-D": RunConfig(epochs=2, latent_dim=3),
    "2-D": RunConfig(epochs=2),
    "1-D": RunConfig(epochs=2, latent_dim=1),
    "64-D": RunConfig(epochs=2, latent_dim=64),
    "vae only": RunConfig(epochs=2, variants=("vae",)),
    "all four": RunConfig(epochs=2, variants=("ae", "noise_only", "kl_only", "vae")),
}


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, dict[str, str]]]:
    """A database with a finished run of each kind and the classifier: trained once, copied for each test."""
    with postgres.settings_for(tmp_path_factory.mktemp("library")) as settings:
        store = Store(settings.database_url)
        ids = {kind: done(store, config, settings) for kind, config in CONFIGS.items()}
        reference_classifier_of(store, datasets.load("digits", settings.data_dir))
        yield settings.database_url, ids


@pytest.fixture
def stocked(library: tuple[str, dict[str, str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    """The pages' store, with the runs of the library in it."""
    with postgres.database(tmp_path, library[0]) as url, shared_resources(tmp_path, url, monkeypatch) as store:
        yield store


@pytest.fixture
def runs(library: tuple[str, dict[str, str]]) -> dict[str, str]:
    return library[1]


def done(store: Store, config: RunConfig, settings: Settings | None = None) -> str:
    run_id = store.create(config, "test")
    assert execute(store, run_id, settings or Settings.from_environment()) == "done"
    return run_id


class Killed(BaseException):
    """What ends a worker without leaving it time to say so."""


def under_way(store: Store, epoch: int) -> str:
    """A run whose row says running, with its epochs up to this one."""
    run_id = store.create(RunConfig(epochs=5, latent_dim=3), "test")

    def die(recorded: Any) -> None:
        if recorded.epoch == epoch:
            raise Killed

    with pytest.raises(Killed):
        execute(store, run_id, Settings.from_environment(), die)
    assert (store.run(run_id).status, store.run(run_id).epoch) == ("running", epoch)
    return run_id


def notices(app: AppTest) -> list[str]:
    return [element.value for element in app.markdown if "What to notice" in element.value]


def press(app: AppTest, label: str) -> AppTest:
    return next(button for button in app.button if button.label == label).click().run()


def labels(app: AppTest) -> list[str]:
    return [button.label for button in app.button]


def until(app: AppTest, condition: Callable[[AppTest], Any]) -> AppTest:
    """Look again as a polling page does, for at most 30 seconds."""
    deadline = time.monotonic() + 30
    while not condition(app):
        assert time.monotonic() < deadline, f"waited in vain: {texts(app)}"
        time.sleep(0.1)
        app.run()
        assert not app.exception, app.exception
    return app


def kept(store: Store, run_id: str, epoch: int = 2) -> pd.DataFrame:
    return measurement(store, run_id, epoch, KINDS["sensitivity"])


def numbers_missing(app: AppTest) -> list[str]:
    """Where a page shows nan."""
    cells = [str(cell) for table in app.dataframe for cell in table.value.to_numpy().ravel()]
    return [text for text in [*cells, *texts(app).splitlines()] if re.search(r"\bnan\b", text)]


@dataclasses.dataclass
class Again:
    """A run's models and images, read without the pages."""

    models: dict[str, Any]
    x: np.ndarray  # (n, P) validation images
    train: np.ndarray  # (m, P)
    test: np.ndarray

    @classmethod
    def of(cls, store: Store, run_id: str, epoch: int = 2) -> Again:
        images, split = datasets.load("digits", resources.settings().data_dir), unpack(store.split_rows(run_id))
        grey = (images.train_x[split["validation"]], images.train_x[split["train"]], images.test_x)
        return cls(models_of(store, store.run(run_id), epoch), *(x.astype(np.float32) / 16 for x in grey))

    def codes(self) -> dict[str, Codes]:
        return {name: encode(model, self.x) for name, model in self.models.items()}

    def nearest(self, x: np.ndarray) -> np.ndarray:
        """Pixel RMSE to the nearest training image, by brute force."""
        return np.sqrt([np.square(self.train - picture).mean(axis=1).min() for picture in x.astype(np.float64)])


@pytest.fixture
def downloads(monkeypatch: pytest.MonkeyPatch) -> dict[str, Callable[[], pd.DataFrame]]:
    """What every download button would make, by the first word of its file's name."""
    found: dict[str, Callable[[], pd.DataFrame]] = {}

    def csv(table: Callable[[], pd.DataFrame], name: str, *_: Any) -> None:
        found[name.partition("-")[0]] = table

    for module in ("pages.shared.csv_button", "pages.sections.perturbation.measurement"):
        monkeypatch.setattr(f"{module}.csv", csv)
    return found
