"""The link beside a run opens that run, and offers to train it where there is none."""

from __future__ import annotations

import pytest
from lessons import labels, press
from paging import open_page, texts, unescaped

from vae.config import RunConfig
from vae.runs.execution import execute
from vae.settings import Settings
from vae.store.runs import Store

CONFIG = RunConfig(epochs=1, latent_dim=3, beta=0.5, seed=7)


@pytest.fixture
def done(shared: Store) -> str:
    run_id = shared.create(CONFIG, "test")
    assert execute(shared, run_id, Settings.from_environment()) == "done"
    return run_id


def address(app) -> dict:
    return {name: app.query_params[name] for name in app.query_params}


def test_the_link_opens_the_run_where_it_exists(shared: Store, done: str) -> None:
    app = open_page("train.py", **CONFIG.query())
    assert address(app) == {"run": done}, "it is the run's from now on"
    assert "compare reconstructions, not losses" in texts(app) and "not in this database" not in texts(app)
    assert "Resume" not in labels(app) and len(shared.runs()) == 1
    assert app.session_state["config.latent_dim"] == 3, "and the form shows its settings"


@pytest.mark.parametrize("other", [{"seed": "8"}, {"beta": "0.6"}, {"samples": "2"}])
def test_elsewhere_it_offers_to_train_it(shared: Store, done: str, other: dict) -> None:
    """Nothing is trained before the click, and no other run is shown in its place."""
    link = CONFIG.query() | other
    app = open_page("train.py", **link)
    assert "The link asks for a run that is not in this database" in texts(app)
    assert done not in texts(app) and len(shared.runs()) == 1
    press(app, "Train this run")
    (queued, _) = shared.runs()
    assert queued.config == RunConfig.parse(link)
    assert address(app) == {"run": queued.id}
    assert "not in this database" not in texts(app)


def test_the_offer_goes_when_the_form_says_otherwise(shared: Store, done: str) -> None:
    app = open_page("train.py", **CONFIG.query() | {"seed": "8"})
    app.number_input(key="config.latent_dim").set_value(4).run()
    assert "Train this run" not in labels(app)


@pytest.mark.parametrize("names", [["seed"], ["beta", "seed"], [name for name in CONFIG.query() if name != "seed"]])
def test_a_link_with_some_settings_fills_the_form_as_ever(shared: Store, done: str, names: list[str]) -> None:
    app = open_page("train.py", **{name: CONFIG.query()[name] for name in names})
    for name in set(names) & {"beta", "seed"}:
        assert app.session_state[f"config.{name}"] == getattr(CONFIG, name)
    assert "Train this run" not in labels(app)
    assert "compare reconstructions, not losses" not in texts(app)


def test_a_link_that_asks_for_what_cannot_be_is_told(shared: Store) -> None:
    app = open_page("train.py", **CONFIG.query() | {"latent_dim": "0"})
    assert "The settings in the link were not used" in unescaped(texts(app))
    assert "Train this run" not in labels(app)


def test_what_is_waiting_already_is_opened_too(shared: Store) -> None:
    run_id = shared.create(CONFIG, "test")
    assert address(open_page("train.py", **CONFIG.query())) == {"run": run_id}
