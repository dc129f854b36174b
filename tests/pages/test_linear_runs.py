"""Runs without an activation and without a sigmoid, on every page."""

from __future__ import annotations

import pytest
from lessons import LESSONS, labels, press
from paging import every_tab, open_page, open_tab, texts
from thorough import thorough

from pages.state import principal_axes
from vae.config import RunConfig
from vae.datasets import DATASETS, load
from vae.runs.execution import execute
from vae.settings import Settings
from vae.store.runs import Store

LINEAR = RunConfig(
    epochs=1,
    train_limit=60,
    validation_size=20,
    hidden=(),
    activation="identity",
    reconstruction="sse_linear",
    schedule="cosine",
)


@pytest.mark.parametrize(
    "name", thorough([*LESSONS, "train.py", "reconstructions.py", "the_trick.py"], ("train.py", "two_losses.py"))
)
def test_every_page_shows_a_linear_run(shared: Store, name: str) -> None:
    run_id = shared.create(LINEAR, "test")
    execute(shared, run_id, Settings.from_environment())
    for shown in every_tab(open_page(name, run=run_id)):
        assert not shown.exception and not shown.error


@pytest.mark.parametrize("reconstruction", ["sse_linear", "gaussian_per_pixel"])
def test_losses_that_take_other_outputs_are_not_compared(shared: Store, reconstruction: str) -> None:
    run_id = shared.create(LINEAR.model_copy(update={"reconstruction": reconstruction}), "test")
    execute(shared, run_id, Settings.from_environment())
    app = open_tab(open_page("two_losses.py", run=run_id), "BCE or squared error")
    assert "so they can't be compared on its pictures" in texts(app)


@pytest.mark.slow
def test_twins_that_end_where_theory_says_are_said_to(shared: Store) -> None:
    config = LINEAR.model_copy(
        update={"epochs": 300, "train_limit": 0, "latent_dim": 3, "beta": 0.5, "learning_rate": 0.01, "batch_size": 50}
    )
    run_id = shared.create(config, "test")
    execute(shared, run_id, Settings.from_environment())
    app = open_tab(open_page("two_losses.py", run=run_id), "Linear twins")
    told = texts(app)
    assert "the best linear VAE uses **3 of 3** dimensions" in told
    assert (
        "The AE's error is 1.00" in told
        and "The VAE uses 3 of 3 dimensions (KL above 0.02 nats); theory says 3." in told
    )
    assert "within 3%" in told and "What is left may be" not in told
    (table,) = [frame.value for frame in app.dataframe if "Best possible" in frame.value.columns]
    assert table["÷ best"].astype(float).tolist() == pytest.approx([1.0, 1.0], abs=0.01)


def test_twins_that_learnt_little_are_said_to_be_off(shared: Store) -> None:
    run_id = shared.create(LINEAR.model_copy(update={"beta": 0.1}), "test")
    execute(shared, run_id, Settings.from_environment())
    told = texts(open_tab(open_page("two_losses.py", run=run_id), "Linear twins"))
    assert "further than 3%" in told and "What is left may be" in told


def test_from_any_run_twins_of_its_images_are_trained_at_the_slider_s_beta(shared: Store) -> None:
    run_id = shared.create(
        RunConfig(epochs=1, train_limit=60, validation_size=20, reconstruction="sse", beta=0.4, latent_dim=3), "test"
    )
    execute(shared, run_id, Settings.from_environment())
    app = open_tab(open_page("two_losses.py", run=run_id), "Linear twins")
    assert "only a rule of thumb: at its β, as squared error 0.4, a linear VAE would use 3 dimensions" in texts(app)
    app.select_slider(key="linear.beta").set_value(1.0).run()
    press(app, "Train linear twins with β = 1")
    assert not app.exception, app.exception
    (config,) = [run.config for run in shared.runs() if run.status == "queued"]
    assert (config.dataset, config.train_limit, config.latent_dim, config.beta) == ("digits", 60, 3, 1.0)
    assert (config.hidden, config.activation, config.reconstruction) == ((), "identity", "sse_linear")
    assert config.variants == ("ae", "vae")
    app = open_tab(open_page("two_losses.py", run=run_id), "Linear twins")
    app.select_slider(key="linear.beta").set_value(1.0).run()
    assert "Train linear twins with β = 1" not in labels(app)


def test_the_line_says_nothing_of_another_loss(shared: Store) -> None:
    run_id = shared.create(RunConfig(epochs=1, train_limit=60, validation_size=20), "test")
    execute(shared, run_id, Settings.from_environment())
    app = open_tab(open_page("two_losses.py", run=run_id), "Linear twins")
    assert "its reconstruction is no squared error" in texts(app)


def test_pca_stands_beside_the_mean_image(shared: Store) -> None:
    """Where a squared error is drawn, of any run; in the curves where the run's own loss knows it."""
    for config in (LINEAR, RunConfig(epochs=1, train_limit=60, validation_size=20)):
        run_id = shared.create(config, "test")
        execute(shared, run_id, Settings.from_environment())
        assert "Dashed: PCA with 2 numbers, 0.0" in texts(open_page("reconstructions.py", run=run_id))
        kept = shared.run(run_id).data["pca"]
        assert set(kept) == ({"validation", "test"} if config is LINEAR else set())


def test_pca_by_size_is_left_out_where_the_images_are_gone(shared: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    run_id, other = (shared.create(LINEAR.model_copy(update={"seed": seed}), "test") for seed in (1, 2))
    for one in (run_id, other):
        execute(shared, one, Settings.from_environment())
    two, all_of_them = principal_axes.by_size(run_id, "test", [2, 1000]).values()
    assert all_of_them < two, "beyond the last axis it is the error of all"
    monkeypatch.delitem(DATASETS, "digits")
    load.cache_clear()
    assert principal_axes.by_size(other, "test", [2]) == {}
