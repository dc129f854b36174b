"""A run whose weights were imported, on every page: what there is is shown, and what there isn't is said."""

from __future__ import annotations

from pathlib import Path

import pytest
from lessons import numbers_missing
from paging import open_page, open_tab, texts
from thorough import thorough

from pages._lessons import LESSONS
from pages.stage import film
from vae.config import RunConfig
from vae.exports.report import comparison
from vae.exports.run_folder import run_folder
from vae.exports.weights_import import import_weights
from vae.runs.execution import execute
from vae.settings import Settings
from vae.store.runs import Run, Store

QUICK = {
    "train_limit": 300,
    "validation_size": 60,
    "epochs": 9,
    "batch_size": 20,
    "learning_rate": 0.01,
    "device": "cpu",
}


@pytest.fixture(params=[2, 3], ids=["2-D", "3-D"])
def run(request: pytest.FixtureRequest, shared: Store, tmp_path: Path) -> Run:
    config = RunConfig(latent_dim=request.param, **QUICK)
    trained = shared.create(config, "test")
    assert execute(shared, trained, Settings.from_environment()) == "done"
    run_folder(shared, trained, tmp_path / "run")
    shared.delete([trained])
    path = tmp_path / "run" / "weights.safetensors"
    return shared.run(import_weights(shared, path, config, Settings.from_environment()).run_id)


@pytest.mark.parametrize("lesson", thorough(LESSONS, LESSONS[::4]), ids=lambda lesson: lesson.file)
def test_every_page_opens(run: Run, lesson) -> None:
    app = open_page(lesson.file, run=run.id)
    assert not app.exception, app.exception
    assert not app.error, texts(app)
    assert numbers_missing(app) == []


def test_the_pages_say_that_there_are_no_curves(run: Run) -> None:
    for page in ("start.py", "train.py"):
        assert "there is one state, shown as epoch 9, and there are no curves" in texts(open_page(page, run=run.id))
    app = open_page("train.py", run=run.id)
    assert "Resume" not in [button.label for button in app.button]


def test_a_run_file_is_not_offered(run: Run) -> None:
    app = open_tab(open_page("train.py", run=run.id), "Take home")
    buttons = {button.label: button for button in app.get("download_button")}
    assert buttons["Run file (JSON)"].proto.disabled
    assert not buttons["Folder"].proto.disabled


def test_its_film_has_one_frame(run: Run, shared: Store) -> None:
    assert film.film(run.id, -1)
    assert film.film(run.id, -1, (0, 1) if run.config.latent_dim > 2 else None)


def test_a_report_of_it(run: Run, shared: Store) -> None:
    assert "imported" in comparison(shared, [run.id])
