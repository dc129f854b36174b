"""What all lessons about a trained run do alike, as Streamlit's own test runner sees them."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from lessons import AE, CONFIGS, LESSONS, done, each_lesson, numbers_missing, under_way, until
from paging import every_tab, forget_everything, open_page, open_tab, texts, unescaped
from sqlalchemy import update
from streamlit.testing.v1 import AppTest
from thorough import thorough

from pages.state import background_measurements
from pages.text.escape_markdown import escape_markdown
from vae import datasets
from vae.config import RunConfig
from vae.runs.execution import execute
from vae.settings import Settings
from vae.store import schema
from vae.store.runs import Store
from vae.store.tensor_bytes import pack, unpack


@each_lesson
def test_without_any_run_the_page_says_where_to_train_one(shared: Store, name: str) -> None:
    app = open_page(name)
    assert len(app.title) == 1
    assert not app.error
    assert "Nothing is trained yet." in texts(app)


def test_who_has_not_chosen_sees_the_newest_pair_not_what_was_trained_beside_it(shared: Store) -> None:
    tiny, settings = RunConfig(epochs=1, train_limit=60, validation_size=20), Settings.from_environment()
    pair, beside = (
        shared.create(tiny.model_copy(update=update), "test") for update in ({}, {"variants": ("vae",), "beta": 4.0})
    )
    execute(shared, beside, settings)
    assert open_page("reconstructions.py").selectbox(key="picked_run").value == beside, "all there is"
    forget_everything()  # a look at all runs is shared for a moment
    execute(shared, pair, settings)
    newer = shared.create(tiny.model_copy(update={"variants": ("vae",), "beta": 20.0}), "test")
    execute(shared, newer, settings)
    assert open_page("reconstructions.py").selectbox(key="picked_run").value == pair


def test_the_words_of_a_choice_that_is_gone_choose_nothing(stocked: Store, runs: dict[str, str]) -> None:
    """As a browser says them that still shows "… · running" of a run that has just ended."""

    def script(words: str, run_id: str) -> None:
        import streamlit as st

        from pages.shared import run_picker

        st.query_params["run"] = run_id
        st.session_state["picked"] = words
        run_picker._pick("picked")

    shown, other = list(runs.values())[:2]
    for said, run_id in (("digits · 2-D · running", shown), (other, other)):
        app = AppTest.from_function(script, args=(said, shown)).run()
        assert not app.exception
        assert app.query_params["run"] == run_id


@each_lesson
@pytest.mark.parametrize("kind", thorough(CONFIGS, ("all four",)))
def test_every_lesson_shows_every_kind_of_run(stocked: Store, runs: dict[str, str], name: str, kind: str) -> None:
    app = open_page(name, run=runs[kind])
    if name == "perturbation.py":
        until(app, lambda app: app.dataframe)
    assert not app.error, [error.value for error in app.error]
    assert app.selectbox(key="picked_run").value == runs[kind]
    assert len(app.dataframe) == {"latent_space.py": 0, "perturbation.py": 1, "sampling.py": 1}[name]
    for shown in every_tab(app):
        assert not shown.error, [error.value for error in shown.error]
        assert numbers_missing(shown) == []


@pytest.mark.parametrize("name", [*LESSONS, "reconstructions.py"])
def test_another_run_can_be_picked_and_stays_picked(stocked: Store, runs: dict[str, str], name: str) -> None:
    app = open_page(name, run=runs["3-D"])
    app.selectbox(key="picked_run").set_value(runs["1-D"]).run()
    for _ in range(2):
        assert app.selectbox(key="picked_run").value == runs["1-D"]
        assert app.query_params["run"] in (runs["1-D"], [runs["1-D"]]), "the link is that of the run shown"
        app.run()
    assert not app.exception, app.exception
    app.switch_page("train.py").run()
    assert runs["1-D"] in texts(app), "the choice goes along to other pages"


@each_lesson
@pytest.mark.parametrize("epoch", [0, 1])
def test_a_run_that_is_still_training_is_shown_as_far_as_it_is(stocked: Store, name: str, epoch: int) -> None:
    run_id = under_way(stocked, epoch)
    app = open_page(name, run=run_id)
    assert not app.error, [error.value for error in app.error]
    assert app.selectbox(key="picked_run").value == run_id
    sliders = [slider for slider in app.select_slider if slider.label == "Epoch"]
    chosen = epoch and name != "latent_space.py"  # there the stage has a slider of its own
    assert [(slider.value, list(slider.options)) for slider in sliders] == ([(1, ["0", "1"])] if chosen else [])
    if name == "perturbation.py":
        assert "This run is still training. It is measured once it has ended." in texts(app)
        assert not app.dataframe


@each_lesson
def test_a_waiting_run_in_the_link_is_waited_for(stocked: Store, runs: dict[str, str], name: str) -> None:
    """It is said how it stands, and no other run is shown in its place."""
    run_id = stocked.create(RunConfig(epochs=2, variants=("vae",)), "test")
    app = open_page(name, run=run_id)
    assert f"Run {run_id} is queued and has learnt nothing yet" in texts(app)
    picker = app.selectbox(key="picked_run")
    assert picker.value == run_id
    assert "digits · 2-D · 128 · β 1 · VAE · 2 epochs · seed 0 · queued" in picker.options
    assert not app.dataframe
    picker.set_value(runs["1-D"]).run()
    assert app.selectbox(key="picked_run").value == runs["1-D"]
    assert run_id not in texts(app)


@each_lesson
def test_a_failed_run_in_the_link_is_named_in_a_warning(stocked: Store, runs: dict[str, str], name: str) -> None:
    run_id = stocked.create(RunConfig(dataset="mnist", validation_size=10), "test")
    assert execute(stocked, run_id, Settings.from_environment()) == "failed"
    app = open_page(name, run=run_id)
    (warning,) = (unescaped(element.value) for element in app.warning if run_id in element.value)
    assert warning.startswith(f"Run {run_id} (failed) has learnt nothing. MNIST isn't in")
    assert not app.error
    assert not app.dataframe
    assert app.selectbox(key="picked_run").value == run_id


@each_lesson
def test_a_link_to_no_run_is_told_and_shows_none(stocked: Store, runs: dict[str, str], name: str) -> None:
    app = open_page(name)
    app.query_params["run"] = "nosuchrun"  # the first page, which open_page passes by, would have told it there
    app.run()
    for _ in range(2):  # also when the page is drawn again
        assert any(escape_markdown("'nosuchrun'") in warning.value for warning in app.warning)
        assert not app.error
        assert app.selectbox(key="picked_run").value is None
        assert not app.dataframe and not app.get("bidi_component")[2:], "nobody else's run is shown below"
        app.run()
    app.selectbox(key="picked_run").set_value(runs["1-D"]).run()
    assert app.selectbox(key="picked_run").value == runs["1-D"]
    assert "nosuchrun" not in texts(app)


@each_lesson
def test_a_data_set_that_is_missing_here_is_told_in_a_sentence(stocked: Store, runs: dict[str, str], name: str) -> None:
    with stocked.write() as connection:
        config = CONFIGS["3-D"].model_copy(update={"dataset": "kmnist"}).model_dump(mode="json")
        connection.execute(update(schema.runs).where(schema.runs.c.id == runs["3-D"]).values(config=config))
    app = open_page(name, run=runs["3-D"])
    (error,) = app.error
    assert "KMNIST isn't in" in unescaped(error.value)


@each_lesson
def test_other_images_than_those_of_the_training_are_told(stocked: Store, runs: dict[str, str], name: str) -> None:
    with stocked.write() as connection:
        data = stocked.run(runs["3-D"]).data | {"hash": "of other images"}
        connection.execute(update(schema.runs).where(schema.runs.c.id == runs["3-D"]).values(data=data))
    app = open_page(name, run=runs["3-D"])
    assert "The images on this computer are not those that this run was trained on." in texts(app)
    if name == "latent_space.py":
        assert not app.error
        return
    problem = f"digits on this computer is not what run {runs['3-D']} was trained on."
    until(app, lambda app: app.error)
    (error,) = app.error
    assert unescaped(error.value) == (f"Seed 0: {problem}" if name == "perturbation.py" else problem)


@each_lesson
@pytest.mark.parametrize("validation_size", [1, 5])
def test_a_run_with_very_few_validation_images_can_be_looked_at(
    stocked: Store, name: str, validation_size: int
) -> None:
    for app in every_tab(open_page(name, run=done(stocked, RunConfig(epochs=1, validation_size=validation_size)))):
        assert not app.error, [error.value for error in app.error]
        assert numbers_missing(app) == []


@each_lesson
@pytest.mark.parametrize("train_limit", [1, 6])
def test_a_run_that_learnt_from_very_few_images_can_be_looked_at(stocked: Store, name: str, train_limit: int) -> None:
    run_id = done(stocked, RunConfig(epochs=1, train_limit=train_limit, latent_dim=3))
    app = open_page(name, run=run_id)
    if name == "latent_space.py":  # fewer images than its strips have places
        app.session_state["latent_space.pin"] = {"place": (run_id, None), "at": {"ae": [0.0, 0.0], "vae": [0.0, 0.0]}}
        app.run()
        assert not app.exception, app.exception
    for shown in every_tab(app):
        assert not shown.error, [error.value for error in shown.error]


@each_lesson
def test_a_model_that_gives_every_image_the_same_code_is_shown_in_numbers(
    stocked: Store, runs: dict[str, str], name: str
) -> None:
    """An autoencoder whose last hidden units are all dead. Nothing may be divided by its spread, which is 0."""
    state = unpack(stocked.weights(runs["2-D"], 2)["ae"])
    state["encoder.to_mu.weight"] = np.zeros_like(state["encoder.to_mu.weight"])
    state["encoder.to_mu.bias"] = np.float32([0.5, -0.25])
    with stocked.write() as connection:
        mine = (schema.weights.c.run_id == runs["2-D"], schema.weights.c.variant == "ae", schema.weights.c.epoch == 2)
        connection.execute(update(schema.weights).where(*mine).values(payload=pack(state)))
    app = open_page(name, run=runs["2-D"])
    if name == "perturbation.py":
        until(app, lambda app: app.dataframe)
        app.selectbox(key="perturbation.direction").set_value("towards").run()
        assert not app.exception, app.exception
    if name == "latent_space.py":
        table = open_tab(app, "Distance from N(0, I)").dataframe[0].value
        assert table.loc[AE].iloc[1:4].tolist() == ["0.50, -0.25", "0.00, 0.00", "∞"]
    for shown in every_tab(app):
        assert not shown.error, [error.value for error in shown.error]
        assert numbers_missing(shown) == []


def test_a_run_without_validation_images_names_training_images(stocked: Store) -> None:
    app = open_page("latent_space.py", run=done(stocked, RunConfig(epochs=1, validation_size=0)))
    assert not app.error, [error.value for error in app.error]
    assert "Over 1,500 training images." in texts(open_tab(app, "Distance from N(0, I)"))
    assert "contain none of 1,500 codes" in texts(open_tab(app, "The space as pictures"))


@each_lesson
def test_images_without_classes_are_no_obstacle(stocked: Store, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    digits = datasets.DATASETS["digits"]

    def load(data_dir: Path) -> datasets.Images:
        images = digits.load(data_dir)
        nought = {half: np.zeros_like(getattr(images, half)) for half in ("train_y", "test_y")}
        return dataclasses.replace(images, name="plain", classes=("all",), **nought)

    monkeypatch.setitem(datasets.DATASETS, "plain", dataclasses.replace(digits, title="Plain", load=load))
    app = open_page(name, run=done(stocked, RunConfig(dataset="plain", epochs=1)))
    if name == "perturbation.py":
        until(app, lambda app: app.dataframe)
        open_tab(app, "Every size")
        (measures,) = app.get("button_group")
        assert list(measures.options) == ["Pixel RMSE", "Nearest real image"], "no class can change"
    if name == "sampling.py":
        assert set(app.dataframe[0].value["Confidence"]) == {"–"}
        assert "it is right on" not in texts(app)
    for shown in every_tab(app):
        assert not shown.error, [error.value for error in shown.error]


def test_measurements_of_a_visit_are_over_before_the_next_test(stocked: Store, runs: dict[str, str]) -> None:
    """Of the fixtures themselves: nothing is under way at a test's start."""
    assert background_measurements._under_way == {}
