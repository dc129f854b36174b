"""Asked for what was trained already: the page offers it, and keeps nobody from training it again."""

from __future__ import annotations

import pytest
from lessons import labels, press
from paging import open_page, texts
from sqlalchemy import update

from pages.state import resources
from vae.config import PRESETS, RunConfig
from vae.runs.execution import execute
from vae.settings import Settings
from vae.store.runs import Store
from vae.store.schema import runs

SHORT = {"epochs": "1", "latent_dim": "3"}
CONFIG = RunConfig(epochs=1, latent_dim=3)


@pytest.fixture
def done(shared: Store) -> str:
    run_id = shared.create(CONFIG, "test", "v-somebody")
    assert execute(shared, run_id, Settings.from_environment()) == "done"
    return run_id


def test_what_is_done_is_offered_before_anything_is_queued(shared: Store, done: str) -> None:
    app = press(open_page("train.py", **SHORT), "Train")
    assert "You already have this run:** same settings, same seed" in texts(app) and done in texts(app)
    assert {"Show it", "Train again"} <= set(labels(app))
    assert len(shared.runs()) == 1
    press(app, "Show it")
    assert app.query_params["run"] == done
    assert "You already have this run" not in texts(app), "the question is answered"
    assert len(shared.runs()) == 1


def test_nobody_is_kept_from_training_it_again(shared: Store, done: str) -> None:
    app = press(press(open_page("train.py", **SHORT), "Train"), "Train again")
    newest, first = shared.runs()
    assert (newest.config, newest.status, first.id) == (CONFIG, "queued", done)
    assert app.query_params["run"] == newest.id and "You already have this run" not in texts(app)


def test_other_settings_or_another_seed_are_trained_at_once(shared: Store, done: str) -> None:
    app = press(open_page("train.py", **SHORT, seed="1"), "Train")
    assert "You already have this run" not in texts(app) and len(shared.runs()) == 2


def test_the_question_goes_when_the_form_says_otherwise(shared: Store, done: str) -> None:
    app = press(open_page("train.py", **SHORT), "Train")
    app.number_input(key="config.latent_dim").set_value(4).run()
    assert "You already have this run" not in texts(app) and "Train again" not in labels(app)


def test_of_the_run_that_is_shown_it_says_so(shared: Store, done: str) -> None:
    app = press(open_page("train.py", run=done), "Train")
    assert "It is shown below." in texts(app)
    assert "You already have this run" not in texts(press(app, "Keep this result"))


def test_another_version_of_torch_is_told(shared: Store, done: str) -> None:
    with shared.write() as connection:
        connection.execute(update(runs).values(versions={"torch": "1.0.0"}))
    app = press(open_page("train.py", **SHORT), "Train")
    assert "It was trained with torch 1.0.0; this is torch " in texts(app)
    assert "Train again" in labels(app)


def test_a_class_that_presses_the_big_button_watches_one_run(shared: Store) -> None:
    press(open_page("start.py"), "Train both now")
    (run,) = shared.runs()
    app = press(open_page("start.py"), "Train both now")
    assert "This run is already queued:** someone asked" in texts(app)
    shared.claim(run.id)
    resources.forget()
    app.run()
    assert "This run is already running:** same settings, same seed, epoch 0 of" in texts(app)
    press(app, "Watch it")
    assert app.query_params["run"] == run.id and len(shared.runs()) == 1
    assert run.config == PRESETS["strokes"].config


def test_a_run_that_was_deleted_or_failed_answers_nothing(shared: Store, done: str) -> None:
    shared.delete([done])
    assert shared.same(CONFIG) is None
    press(open_page("train.py", **SHORT), "Train")
    assert len(shared.queue()) == 1
