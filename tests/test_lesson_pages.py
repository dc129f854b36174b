"""Latent space, Perturbation and Sample as Streamlit's own test runner sees them: their numbers, measured again."""

from __future__ import annotations

import dataclasses
import math
import re
import sqlite3
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from paging import QuietJobs, open_page, texts
from sqlalchemy import update
from streamlit.testing.v1 import AppTest

from pages.shared import measured, resources, trained
from vae import datasets
from vae.analysis import geometry
from vae.analysis.codes import Codes, encode, kl_to_prior, mmd_to_prior, sample
from vae.analysis.sensitivity import ratios
from vae.analysis.verdict import order, verdict
from vae.analysis.views import manifold, side_by_side, view
from vae.config import RunConfig
from vae.errors import InputError
from vae.figures.style import VARIANT_TITLES
from vae.learning.training import stream
from vae.measuring import KINDS, MEASUREMENTS, judge_of, models_of
from vae.runs import schema
from vae.runs.execution import execute
from vae.runs.payloads import pack, unpack
from vae.runs.results import measurement
from vae.runs.store import Store
from vae.settings import Settings

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


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    """A database with a finished run of each kind and the classifier: trained once, copied for each test."""
    folder = tmp_path_factory.mktemp("library")
    settings = Settings.from_environment({"VAE_DATA_DIR": str(folder), "VAE_WORKERS": "1", "VAE_THREADS": "1"})
    store = Store(settings.database_url)
    ids = {kind: done(store, config, settings) for kind, config in CONFIGS.items()}
    judge_of(store, datasets.load("digits", settings.data_dir))
    return Path(settings.database_url.removeprefix("sqlite:///")), ids


@pytest.fixture
def _copied(library: tuple[Path, dict[str, str]], tmp_path: Path) -> Iterator[None]:
    there, here = sqlite3.connect(library[0]), sqlite3.connect(tmp_path / library[0].name)
    there.backup(here)
    for connection in (there, here):
        connection.close()
    return


@pytest.fixture
def stocked(_copied: None, shared: Store) -> Store:
    """The pages' store, with the runs of the library in it."""
    return shared


@pytest.fixture
def runs(library: tuple[Path, dict[str, str]]) -> dict[str, str]:
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


# Which run


@each_lesson
def test_without_any_run_the_page_says_where_to_train_one(shared: Store, name: str) -> None:
    app = open_page(name)
    assert len(app.title) == 1
    assert not app.error
    assert "Nothing is trained yet." in texts(app)


@each_lesson
@pytest.mark.parametrize("kind", CONFIGS)
def test_every_lesson_shows_every_kind_of_run(stocked: Store, runs: dict[str, str], name: str, kind: str) -> None:
    app = open_page(name, run=runs[kind])
    if name == "perturbation.py":
        until(app, lambda app: app.dataframe)
    assert not app.error, [error.value for error in app.error]
    assert app.selectbox(key="picked_run").value == runs[kind]
    assert len(app.dataframe) == {"latent_space.py": 1, "perturbation.py": 1, "sampling.py": 2}[name]
    assert numbers_missing(app) == []


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
    assert [(slider.value, list(slider.options)) for slider in sliders] == ([(1, ["0", "1"])] if epoch else [])
    if name == "perturbation.py":
        assert "This run is still training. It is measured once it has ended." in texts(app)
        assert not app.dataframe


@each_lesson
def test_a_waiting_run_in_the_link_gives_way_to_another_one(stocked: Store, runs: dict[str, str], name: str) -> None:
    run_id = stocked.create(RunConfig(epochs=2), "test")
    app = open_page(name, run=run_id)
    assert f"Run {run_id} is queued and has learnt nothing yet" in texts(app)
    assert app.selectbox(key="picked_run").value in runs.values()


@each_lesson
def test_a_failed_run_in_the_link_is_named_in_a_warning(stocked: Store, runs: dict[str, str], name: str) -> None:
    run_id = stocked.create(RunConfig(dataset="mnist", validation_size=10), "test")
    assert execute(stocked, run_id, Settings.from_environment()) == "failed"
    app = open_page(name, run=run_id)
    (warning,) = (element.value for element in app.warning if run_id in element.value)
    assert warning.startswith(f"Run {run_id} (failed) has learnt nothing; below is another one. MNIST isn't in")
    assert not app.error
    assert app.selectbox(key="picked_run").value in runs.values()


@each_lesson
def test_a_link_to_no_run_is_told(stocked: Store, name: str) -> None:
    app = open_page(name)
    app.query_params["run"] = "nosuchrun"  # the first page, which open_page passes by, would have told it there
    app.run()
    assert any("'nosuchrun'" in warning.value for warning in app.warning)
    assert not app.error


@each_lesson
def test_a_data_set_that_is_missing_here_is_told_in_a_sentence(stocked: Store, runs: dict[str, str], name: str) -> None:
    with stocked.write() as connection:
        config = CONFIGS["3-D"].model_copy(update={"dataset": "kmnist"}).model_dump(mode="json")
        connection.execute(update(schema.runs).where(schema.runs.c.id == runs["3-D"]).values(config=config))
    app = open_page(name, run=runs["3-D"])
    (error,) = app.error
    assert "KMNIST isn't in" in error.value


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
    assert error.value == (f"Seed 0: {problem}" if name == "perturbation.py" else problem)


def numbers_missing(app: AppTest) -> list[str]:
    """Where a page shows nan."""
    cells = [str(cell) for table in app.dataframe for cell in table.value.to_numpy().ravel()]
    return [text for text in [*cells, *texts(app).splitlines()] if re.search(r"\bnan\b", text)]


@each_lesson
@pytest.mark.parametrize("validation_size", [1, 5])
def test_a_run_with_very_few_validation_images_can_be_looked_at(
    stocked: Store, name: str, validation_size: int
) -> None:
    app = open_page(name, run=done(stocked, RunConfig(epochs=1, validation_size=validation_size)))
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
    assert not app.error, [error.value for error in app.error]


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
        assert app.dataframe[0].value.loc[AE].iloc[1:4].tolist() == ["0.50, -0.25", "0.00, 0.00", "∞"]
    assert not app.error, [error.value for error in app.error]
    assert numbers_missing(app) == []


def test_a_run_without_validation_images_names_training_images(stocked: Store) -> None:
    app = open_page("latent_space.py", run=done(stocked, RunConfig(epochs=1, validation_size=0)))
    assert not app.error, [error.value for error in app.error]
    assert "Over 1,500 training images." in texts(app)
    assert "hold none of 1,500 codes" in texts(app)


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
        (measures,) = app.get("button_group")
        assert list(measures.options) == ["Pixel RMSE", "Nearest real image"], "no class can change"
    if name == "sampling.py":
        assert set(app.dataframe[0].value["Classifier's confidence"]) == {"–"}
        assert "The classifier is right" not in texts(app)
    assert not app.error, [error.value for error in app.error]


# Latent space


def test_the_notice_of_the_latent_space_is_measured_again(stocked: Store, runs: dict[str, str]) -> None:
    again, run_id = Again.of(stocked, runs["3-D"]), runs["3-D"]
    (notice,) = notices(open_page("latent_space.py", run=run_id))
    spread, steepness = {}, {}
    for name, model in again.models.items():
        mu = encode(model, again.x).mu
        spread[name] = np.sqrt(np.mean([np.var(column) for column in mu.T]))
        jacobians = geometry.jacobian(geometry.decoder(model), torch.from_numpy(mu)).double().numpy()  # (200, 64, 3)
        steepness[name] = np.median(np.linalg.norm(jacobians, axis=(1, 2))) / 8
    assert f"{AE} {spread['ae']:.2f}, {VAE} {spread['vae']:.2f}." in notice
    assert f"per unit of code (pixel RMSE): {AE} {steepness['ae']:.3f}, {VAE} {steepness['vae']:.3f}." in notice
    relative = {name: steepness[name] * spread[name] for name in spread}
    assert f"of its codes (pixel RMSE): {AE} {relative['ae']:.3f}, {VAE} {relative['vae']:.3f}." in notice
    most, most_relative = (max(it, key=it.get) for it in (steepness, relative))
    end = (
        f"**{VARIANT_TITLES[most]}** moves most in both."
        if most == most_relative
        else f"Per unit **{VARIANT_TITLES[most]}** moves most, per standard deviation "
        f"**{VARIANT_TITLES[most_relative]}**: the order depends on the unit."
    )
    assert notice.endswith(end)


def test_the_distance_from_the_prior_is_measured_again(stocked: Store, runs: dict[str, str]) -> None:
    app = open_page("latent_space.py", run=runs["3-D"])
    table, codes = app.dataframe[0].value, Again.of(stocked, runs["3-D"]).codes()
    z = {"ae": codes["ae"].mu, "vae": sample(codes["vae"], stream(0, "coverage", 2))}
    for name, at in z.items():
        row = table.loc[VARIANT_TITLES[name]]
        assert row["Mean per dimension"] == ", ".join(f"{value:.2f}" for value in at.mean(axis=0))
        assert row["Std per dimension"] == ", ".join(f"{value:.2f}" for value in at.std(axis=0))
        assert float(row.iloc[3]) == pytest.approx(kl_to_prior(at), abs=6e-4)
        assert float(row["MMD²"]) == pytest.approx(mmd_to_prior(at, stream(0, "mmd")), abs=6e-5)
    assert table["Codes"].tolist() == ["as they are", "z ~ q(z|x)"]
    assert "Over 200 validation images." in texts(app)


@pytest.mark.parametrize("kind", ["1-D", "2-D", "64-D", "all four"])
def test_a_slice_says_that_it_is_one_and_a_line_has_no_plane(stocked: Store, runs: dict[str, str], kind: str) -> None:
    app, config = open_page("latent_space.py", run=runs[kind]), CONFIGS[kind]
    shown, codes = texts(app), Again.of(stocked, runs[kind]).codes()
    windows = side_by_side({name: view(it) for name, it in codes.items()})
    assert ("A slice: the plane" in shown) == (config.latent_dim > 2)
    if config.latent_dim > 2:
        assert f"of a {config.latent_dim}-D space" in shown
        for name, it in codes.items():
            variances = np.linalg.eigvalsh(np.cov(it.mu.astype(np.float64), rowvar=False))
            assert f"{VARIANT_TITLES[name]} {variances[-2:].sum() / variances.sum():.0%}" in shown
    headings = [subheader.value for subheader in app.subheader]
    assert ("The plane as pictures" in headings) == (config.latent_dim > 1)
    counted = [int(count) for count in re.findall(r"(\d+) of 225 cells hold none of 200 codes", shown)]
    if config.latent_dim > 1:
        assert counted == [manifold(it, name, 15).empty.sum() for name, it in windows.items()]
    table = app.dataframe[0].value
    assert list(table.index) == [VARIANT_TITLES[name] for name in config.variants]
    assert table["Mean per dimension"].str.contains("…").all() == (config.latent_dim == 64)


def test_two_dimensions_can_be_chosen_and_never_the_same_one_twice(stocked: Store, runs: dict[str, str]) -> None:
    app = open_page("latent_space.py", run=runs["3-D"])
    app.selectbox(key="latent_space.across").set_value("2").run()
    up = app.selectbox(key="latent_space.up")
    assert (up.value, list(up.options)) == ("1", ["1", "3"])
    up.set_value("3").run()
    assert "along dimension 2 and dimension 3 of a 3-D space" in texts(app)
    app.selectbox(key="latent_space.across").set_value("3").run()
    assert "along dimension 3 and dimension 1 of" in texts(app)
    variances = Again.of(stocked, runs["3-D"]).codes()["ae"].mu.var(axis=0)
    assert f"{AE} {(variances[2] + variances[0]) / variances.sum():.0%}" in texts(app)
    app.query_params["run"] = runs["2-D"]
    assert "A slice" not in texts(app.run())
    assert not app.exception


@pytest.mark.parametrize("kind", ["1-D", "64-D"])
def test_a_pinned_point_is_decoded_and_compared(
    stocked: Store, runs: dict[str, str], kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    strips: list[tuple[str, np.ndarray]] = []
    monkeypatch.setattr("pages.shared.strips.strip", lambda title, images, *_: strips.append((title, images)))
    app, again, at = open_page("latent_space.py", run=runs[kind]), Again.of(stocked, runs[kind]), [0.25, -0.125]
    assert "At the pin" not in [subheader.value for subheader in app.subheader]
    app.session_state["latent_space.pin"] = {"place": (runs[kind], None), "at": {"ae": at, "vae": at}}
    app.run()
    assert not app.error and not app.exception
    shown = texts(app)
    for name, it in {name: view(codes) for name, codes in again.codes().items()}.items():
        z = it.plane.lift(np.array([at]))
        picture = geometry.decode(again.models[name], z)
        apart = np.sqrt(np.square(it.codes.mu - z).sum(axis=1))
        assert (
            f"The nearest code is {apart.min() / it.spread:.2f} standard deviations of the codes away, the training "
            f"image most alike {again.nearest(picture).item():.3f} (pixel RMSE, among 1,300)." in shown
        )
        (drawn,) = (images for title, images in strips if title == f"{VARIANT_TITLES[name]}: decoded here")
        assert np.abs(drawn / 255 - picture).max() <= 0.51 / 255
    near = [images for title, images in strips if title == "Images whose codes are nearest"]
    assert [images.shape for images in near] == [(8, 64)] * 2


def test_a_pin_of_another_run_is_not_shown(stocked: Store, runs: dict[str, str]) -> None:
    app = open_page("latent_space.py", run=runs["2-D"])
    app.session_state["latent_space.pin"] = {"place": (runs["3-D"], None), "at": {"ae": [0.0, 0.0], "vae": [0.0, 0.0]}}
    assert "At the pin" not in [subheader.value for subheader in app.run().subheader]


# Perturbation


def test_nudges_are_measured_in_the_background_and_the_verdict_is_that_of_the_table(
    stocked: Store, runs: dict[str, str]
) -> None:
    app = open_page("perturbation.py", run=runs["3-D"])
    assert "Verdict" not in texts(app), "the page did not wait"
    until(app, lambda app: "Verdict" in texts(app))
    table = kept(stocked, runs["3-D"])
    (said,) = (element.value for element in app.markdown if "Verdict" in element.value)
    assert said == f"**Verdict.** {verdict(ratios(table), 0.1)}"
    assert "One seed: an anecdote" in said
    shown = app.dataframe[0].value
    means = table[table["size"] == 0.1].set_index(["unit", "variant"])["rmse"]
    for title, unit in (("absolute", "absolute"), ("× std of the codes", "latent_std")):
        assert shown.loc[title, AE] == f"{means[unit, 'ae']:.4f}"
        assert shown.loc[title, VAE] == f"{means[unit, 'vae']:.4f}"
        assert shown.loc[title, "AE ÷ VAE"] == f"{means[unit, 'ae'] / means[unit, 'vae']:.2f}"
        assert shown.loc[title, "95 % interval"] == "–", "one seed has no interval"
        assert shown.loc[title, "Moves more"] == "needs 3 seeds"
    assert shown.loc["× posterior σ"].tolist() == ["–", f"{means['posterior_std', 'vae']:.4f}", "–", "–", "–"]
    assert "297 test images" in texts(app)


def test_another_size_is_another_row_of_the_table(stocked: Store, runs: dict[str, str]) -> None:
    app = until(open_page("perturbation.py", run=runs["2-D"]), lambda app: app.dataframe)
    app.select_slider(key="measurement.size").set_value(2.0).run()
    table = kept(stocked, runs["2-D"])
    assert f"**Verdict.** {verdict(ratios(table), 2.0)}" in texts(app)
    rmse = table.query("unit == 'absolute' and size == 2.0 and variant == 'ae'").rmse.item()
    assert app.dataframe[0].value.loc["absolute", AE] == f"{rmse:.4f}"


def test_one_variant_has_numbers_but_no_ratio(stocked: Store, runs: dict[str, str]) -> None:
    app = until(open_page("perturbation.py", run=runs["vae only"]), lambda app: app.dataframe)
    assert "A ratio needs an autoencoder and a VAE; this run does not hold both." in texts(app)
    assert "Verdict" not in texts(app)
    assert list(app.dataframe[0].value.columns) == [VAE]


def test_four_variants_are_ranked(stocked: Store, runs: dict[str, str]) -> None:
    app = until(open_page("perturbation.py", run=runs["all four"]), lambda app: app.dataframe)
    ranked = order(kept(stocked, runs["all four"]), "latent_std", 0.1)
    listed = ", ".join(f"{VARIANT_TITLES[name]} {value:.4f}" for name, value in ranked)
    assert f"**From least to most moved**, × std of the codes: {listed}." in texts(app)
    assert [value for _, value in ranked] == sorted(value for _, value in ranked) and len(ranked) == 4
    assert "This run holds all four variants" in texts(app)
    assert "Train all four variants" not in labels(app)


def test_an_earlier_epoch_is_measured_when_asked_for(stocked: Store, runs: dict[str, str]) -> None:
    app = until(open_page("perturbation.py", run=runs["3-D"]), lambda app: app.dataframe)
    app.select_slider(key=f"kept_epoch.{runs['3-D']}").set_value(1).run()
    assert not app.dataframe
    assert kept(stocked, runs["3-D"], 1) is None, "nothing is measured before somebody asks"
    until(press(app, "Measure epoch 1"), lambda app: app.dataframe)
    assert f"**Verdict.** {verdict(ratios(kept(stocked, runs['3-D'], 1)), 0.1)}" in texts(app)
    assert not kept(stocked, runs["3-D"], 1).equals(kept(stocked, runs["3-D"], 2))


def test_a_measurement_that_failed_can_be_tried_again(
    stocked: Store, runs: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any) -> pd.DataFrame:
        raise RuntimeError("out of luck")

    with monkeypatch.context() as context:
        context.setitem(MEASUREMENTS, "sensitivity", broken)
        app = until(open_page("perturbation.py", run=runs["3-D"]), lambda app: app.error)
        (error,) = app.error
        assert error.value == "Seed 0: Measuring broke off: RuntimeError: out of luck."
        app.run()
        assert len(app.error) == 1, "it does not begin again by itself"
    until(press(app, "Try again"), lambda app: app.dataframe)
    assert not app.error


def test_two_more_seeds_are_queued_and_then_the_verdict_speaks_of_three(stocked: Store, runs: dict[str, str]) -> None:
    first = CONFIGS["3-D"]
    app = until(open_page("perturbation.py", run=runs["3-D"]), lambda app: app.dataframe)
    press(app, "Train 2 more seeds for a verdict")
    queued = stocked.runs(status=("queued",))
    assert [set(first.differences(run.config)) for run in queued] == [{"seed"}, {"seed"}]
    assert {run.config.seed for run in queued} == {1, 2}
    assert "Verdict (2 more to come)" in texts(app)
    bars = sorted(bar.proto.text for bar in app.get("progress"))
    assert bars == ["Seed 1: waiting for a worker", "Seed 2: waiting for a worker"]
    assert not any(label.startswith("Train 2") for label in labels(app)), "they are not queued twice"

    for run in queued:
        assert execute(stocked, run.id, Settings.from_environment()) == "done"
    until(app, lambda app: "**Verdict.** 3 seeds. " in texts(app))
    table = pd.concat([kept(stocked, run_id) for run_id in (runs["3-D"], *(run.id for run in queued))])
    assert f"**Verdict.** {verdict(ratios(table), 0.1)}" in texts(app)
    assert "Means over 3 seeds" in texts(app)
    shown, compared = app.dataframe[0].value, ratios(table)
    row = compared[(compared["unit"] == "absolute") & (compared["size"] == 0.1)].iloc[0]
    assert shown.loc["absolute", "AE ÷ VAE"] == f"{row.ratio:.2f}"
    assert shown.loc["absolute", "95 % interval"] == f"{row.low:.2f} … {row.high:.2f}"
    said = "AE" if row.low > 1 else "VAE" if row.high < 1 else "can't be told"
    assert shown.loc["absolute", "Moves more"] == said
    assert not app.get("progress")
    assert not any("for a verdict" in label for label in labels(app))


def test_all_four_variants_are_queued_with_these_settings(stocked: Store, runs: dict[str, str]) -> None:
    app = press(open_page("perturbation.py", run=runs["3-D"]), "Train all four variants")
    (queued,) = stocked.runs(status=("queued",))
    assert queued.config == CONFIGS["3-D"].model_copy(update={"variants": ("ae", "noise_only", "kl_only", "vae")})
    assert not app.exception


@pytest.mark.parametrize("label", ["Train 2 more seeds for a verdict", "Train all four variants"])
def test_a_queue_that_takes_no_more_says_so(
    stocked: Store, runs: dict[str, str], monkeypatch: pytest.MonkeyPatch, label: str
) -> None:
    def full(self: QuietJobs, config: RunConfig) -> str:
        raise InputError("The queue is full.")

    monkeypatch.setattr(QuietJobs, "submit", full)
    app = until(open_page("perturbation.py", run=runs["3-D"]), lambda app: app.dataframe)
    press(app, label)
    assert [error.value for error in app.error] == ["The queue is full."]
    assert stocked.runs(status=("queued",)) == []


def target(app: AppTest) -> Any:
    """Where to choose the image that codes are nudged towards."""
    return next(box for box in app.selectbox if box.label == "Image, from the left")


@pytest.fixture
def strips(monkeypatch: pytest.MonkeyPatch) -> list[tuple[np.ndarray, dict[str, Any]]]:
    """(originals, nudges) of every time that the strips are drawn."""
    from pages.components import nudge_strips

    drawn: list[tuple[np.ndarray, dict[str, Any]]] = []
    whole = nudge_strips.payload

    def watched(key: str, originals: np.ndarray, shape: Any, nudges: Any, *rest: Any) -> bytes:
        drawn.append((originals, nudges))
        return whole(key, originals, shape, nudges, *rest)

    monkeypatch.setattr(nudge_strips, "payload", watched)
    return drawn


def test_strips_hold_codes_of_the_images_and_steps_in_every_unit(
    stocked: Store, runs: dict[str, str], strips: list[tuple[np.ndarray, dict[str, Any]]]
) -> None:
    open_page("perturbation.py", run=runs["3-D"])
    again = Again.of(stocked, runs["3-D"])
    (originals, nudges), codes = strips[-1], again.codes()
    np.testing.assert_array_equal(originals, (again.x[:12] * 255).round())
    u = None
    for name, it in codes.items():
        np.testing.assert_array_equal(nudges[name].z, it.mu[:12])
        steps = nudges[name].steps
        assert set(steps) == {"absolute", "latent_std", "neighbour"} | ({"posterior_std"} if name == "vae" else set())
        u = steps["absolute"] if u is None else u
        np.testing.assert_array_equal(steps["absolute"], u)  # the same direction for both
        np.testing.assert_allclose(np.square(u).mean(axis=1), 1, rtol=1e-5)
        np.testing.assert_allclose(steps["latent_std"], u * it.mu.std(axis=0), rtol=1e-5)
        if name == "vae":
            np.testing.assert_allclose(steps["posterior_std"], u * it.std[:12], rtol=1e-5)


def test_directions_of_the_strips_can_be_chosen(
    stocked: Store, runs: dict[str, str], strips: list[tuple[np.ndarray, dict[str, Any]]]
) -> None:
    app = open_page("perturbation.py", run=runs["3-D"])
    random = strips[-1][1]["ae"].steps["latent_std"]
    press(app, "Draw again")
    assert np.abs(strips[-1][1]["ae"].steps["latent_std"] - random).max() > 0.01

    direction = app.selectbox(key="perturbation.direction")
    direction.set_value("dimension").run()
    app.selectbox(key="perturbation.dimension.3").set_value(3).run()
    steps = strips[-1][1]["vae"].steps["absolute"]
    np.testing.assert_allclose(steps, np.tile([0, 0, math.sqrt(3)], (12, 1)), rtol=1e-6)

    app.selectbox(key="perturbation.direction").set_value("towards").run()
    target(app).set_value(12).run()
    nudge = strips[-1][1]["ae"]
    assert (nudge.steps["latent_std"][11] == 0).all(), "the target stays"
    way = nudge.z[11] - nudge.z[:11]
    cosine = (way * nudge.steps["latent_std"][:11]).sum(axis=1)
    cosine /= np.linalg.norm(way, axis=1) * np.linalg.norm(nudge.steps["latent_std"][:11], axis=1)
    np.testing.assert_allclose(cosine, 1, atol=1e-5)

    app.selectbox(key="perturbation.direction").set_value("steepest").run()
    assert "each decoder's own direction" in texts(app)
    before = strips[-1][0]
    press(app, "Other images")
    assert not np.array_equal(strips[-1][0], before)
    assert not app.exception and not app.error


def test_every_direction_works_with_fewer_images_than_a_row_holds(stocked: Store) -> None:
    app = open_page("perturbation.py", run=done(stocked, RunConfig(epochs=1, validation_size=5)))
    for direction in ("random", "dimension", "towards", "steepest"):
        app.selectbox(key="perturbation.direction").set_value(direction).run()
        assert not app.exception, direction
    app.selectbox(key="perturbation.direction").set_value("towards").run()
    target(app).set_value(int(target(app).options[-1])).run()
    assert not app.exception
    press(app, "Other images")
    assert not app.exception


def test_decoders_too_large_for_a_page_draw_on_the_server(
    stocked: Store, runs: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[tuple[str, np.ndarray]] = []
    monkeypatch.setattr(trained, "LARGEST", 1000)
    monkeypatch.setattr("pages.shared.nudging.strip", lambda title, images, *_: drawn.append((title, images)))
    app = open_page("perturbation.py", run=runs["3-D"])
    assert "too large for a page" in texts(app)
    assert [title for title, _ in drawn] == [AE, VAE]
    again = Again.of(stocked, runs["3-D"])
    first = geometry.decode(again.models["ae"], again.codes()["ae"].mu[:1])
    assert np.abs(drawn[0][1][0] / 255 - first).max() <= 0.51 / 255, "the first picture is of the code itself"
    assert not np.array_equal(drawn[0][1][0], drawn[0][1][-1])
    drawn.clear()
    app.get("button_group")[0].set_value("posterior_std").run()
    assert [title for title, _ in drawn] == [VAE]
    assert f"{AE} has no such unit." in texts(app)
    app = open_page("latent_space.py", run=runs["3-D"])
    assert not app.error and not app.exception


# Sample


def test_the_quality_of_drawn_pictures_is_measured_again(stocked: Store, runs: dict[str, str]) -> None:
    app, again = open_page("sampling.py", run=runs["3-D"]), Again.of(stocked, runs["3-D"])
    table = app.dataframe[0].value
    column = table["Nearest training image (pixel RMSE)"]
    z = torch.randn(500, 3, generator=stream(0, "draw 0")).numpy()
    pictures = {"Real test images": again.test}
    pictures |= {f"{VARIANT_TITLES[name]}, N(0, I)": geometry.decode(model, z) for name, model in again.models.items()}
    means = {}
    for title, x in pictures.items():
        distances = again.nearest(x)
        half = 1.96 * distances.std(ddof=1) / math.sqrt(len(x))
        means[title] = distances.mean()
        assert [float(part) for part in column[title].split(" ± ")] == pytest.approx([means[title], half], abs=6e-5)
    (first, _) = notices(app)
    found = [float(number) for number in re.findall(r"\d\.\d{4}", first)]
    assert found == pytest.approx(
        [means[f"{AE}, N(0, I)"], means[f"{VAE}, N(0, I)"], means["Real test images"]], abs=6e-5
    )
    judge = judge_of(stocked, datasets.load("digits", resources.settings().data_dir))
    sure = judge.classifier.probabilities(again.test).max(axis=1).mean()
    assert table.loc["Real test images", "Classifier's confidence"] == f"{sure:.1%}"
    assert f"The classifier is right on {judge.accuracy:.1%} of the test images." in texts(app)
    assert len(table) == 1 + 3 * 2


def test_no_more_real_images_are_claimed_than_there_are(stocked: Store, runs: dict[str, str]) -> None:
    shown = texts(open_page("sampling.py", run=runs["3-D"]))
    assert "297" in shown, "the digits have 297 test images, not as many as are drawn"
    assert "500 pictures of each;" not in shown


@pytest.mark.parametrize(
    ("kind", "named"), [("3-D", AE), ("all four", f"{AE} and {VARIANT_TITLES['noise_only']}"), ("vae only", None)]
)
def test_drawing_from_the_prior_is_called_a_strawman_for_whoever_pays_no_kl(
    stocked: Store, runs: dict[str, str], kind: str, named: str | None
) -> None:
    app = open_page("sampling.py", run=runs[kind])
    assert [warning.value.split(" this is")[0] for warning in app.warning] == ([f"For {named}"] if named else [])
    app.get("button_group")[0].set_value("gaussian").run()
    assert not app.warning
    assert "drawn from a Gaussian fitted to the codes" in notices(app)[0]


def test_drawing_again_draws_others_and_a_mixture_says_how_many(stocked: Store, runs: dict[str, str]) -> None:
    app = open_page("sampling.py", run=runs["64-D"])
    before = notices(app)[0]
    press(app, "Draw again")
    assert notices(app)[0] != before
    app.get("button_group")[0].set_value("mixture").run()
    assert "4 Gaussians with full covariances (fewer than 10: there are too few codes for more)" in texts(app)
    assert 1300 // (5 * 65) == 4, "five codes for each dimension of each component, and one for its weight"


def test_the_detour_is_measured_again_for_every_way(stocked: Store, runs: dict[str, str]) -> None:
    app, again = open_page("sampling.py", run=runs["3-D"]), Again.of(stocked, runs["3-D"])
    app.number_input(key="sampling.from").set_value(2).run()
    app.number_input(key="sampling.to").set_value(9).run()
    table = app.dataframe[1].value.set_index(["Model", "Way"])
    ends = {name: codes.mu[[1, 8]] for name, codes in again.codes().items()}
    detours = {}
    for name, (a, b) in ends.items():
        decode = geometry.decoder(again.models[name])
        path = np.linspace(a, b, 11, dtype=np.float32)
        x = geometry.decode(again.models[name], path).astype(np.float64)
        steps = [float(np.sqrt(np.square(after - before).mean())) for before, after in pairwise(x)]
        apart = float(np.sqrt(np.square(x[-1] - x[0]).mean()))
        fine = geometry.decode(again.models[name], np.linspace(a, b, 2001, dtype=np.float32)).astype(np.float64)
        length = float(np.sqrt(np.square(np.diff(fine, axis=0)).mean(axis=1)).sum())  # ever smaller steps
        row = table.loc[VARIANT_TITLES[name], "straight line"]
        assert row.tolist() == pytest.approx([sum(steps), length, apart, max(steps)], abs=6e-5)
        detours[name] = geometry.pullback_length(decode, path) / apart
        ways = table.loc[VARIANT_TITLES[name]]
        assert (ways.iloc[:, 1] >= ways["Ends apart"] - 1e-4).all(), "no path is shorter than its ends are apart"
        assert ways.iloc[2, 1] <= ways.iloc[0, 1] + 1e-4, "the geodesic began at the straight line"
    assert notices(app)[1].endswith(f": {AE} {detours['ae']:.2f}, {VAE} {detours['vae']:.2f}.")


def test_a_way_to_the_same_image_goes_nowhere(stocked: Store, runs: dict[str, str]) -> None:
    app = open_page("sampling.py", run=runs["2-D"])
    app.number_input(key="sampling.to").set_value(1).run()
    assert not app.exception and not app.error
    assert "Both ends are the same image" in texts(app)
    assert len(notices(app)) == 1
    for way in ("slerp", "geodesic"):
        app.get("button_group")[1].set_value(way).run()
        assert not app.exception and not app.error
    assert app.dataframe[1].value.iloc[:, 2:].to_numpy() == pytest.approx(0, abs=1e-4)


@pytest.mark.parametrize(("kind", "rows"), [("1-D", 1), ("3-D", 3), ("64-D", 12)])
def test_dimensions_are_traversed_in_the_order_of_their_spread(
    stocked: Store, runs: dict[str, str], kind: str, rows: int
) -> None:
    app = open_page("sampling.py", run=runs[kind])
    for name, codes in Again.of(stocked, runs[kind]).codes().items():
        ranked = sorted(range(codes.latent_dim), key=lambda place: -codes.mu[:, place].std())[:rows]
        listed = ", ".join(str(place + 1) for place in ranked)
        assert f"Rows: dimension{'s' if rows > 1 else ''} {listed}." in texts(app), name
    assert ("The 12 of 64 dimensions" in texts(app)) == (kind == "64-D")


# Tables behind the download buttons


@pytest.fixture
def downloads(monkeypatch: pytest.MonkeyPatch) -> dict[str, Callable[[], pd.DataFrame]]:
    """What every download button would make, by the first word of its file's name."""
    found: dict[str, Callable[[], pd.DataFrame]] = {}

    def csv(table: Callable[[], pd.DataFrame], name: str, *_: Any) -> None:
        found[name.partition("-")[0]] = table

    for module in ("downloads", "measurement"):
        monkeypatch.setattr(f"pages.shared.{module}.csv", csv)
    return found


@pytest.mark.parametrize("kind", ["1-D", "2-D", "64-D", "all four"])
def test_the_latent_space_as_tables(
    stocked: Store, runs: dict[str, str], downloads: dict[str, Callable[[], pd.DataFrame]], kind: str
) -> None:
    open_page("latent_space.py", run=runs[kind])
    assert set(downloads) == {"codes", "map", "coverage"}
    tables, config, again = {name: it() for name, it in downloads.items()}, CONFIGS[kind], Again.of(stocked, runs[kind])
    count, latent_dim = len(config.variants), config.latent_dim
    assert all(table.notna().all(axis=None) for table in tables.values())
    whole = [f"z{place + 1}" for place in range(latent_dim)]
    assert list(tables["codes"].columns) == ["variant", "image", "class", "u", "v", *whole]
    assert len(tables["codes"]) == 200 * count
    classes = datasets.load("digits", resources.settings().data_dir).train_y[
        unpack(stocked.split_rows(runs[kind]))["validation"]
    ]
    for name, codes in again.codes().items():
        rows = tables["codes"][tables["codes"]["variant"] == name]
        np.testing.assert_array_equal(rows[whole], codes.mu)
        assert rows["image"].tolist() == list(range(200))
        assert rows["class"].tolist() == [str(label) for label in classes]
        if latent_dim == 2:
            np.testing.assert_array_equal(rows[["u", "v"]], codes.mu)
    assert list(tables["map"].columns) == ["variant", "u", "v", "area", "norm"]
    assert len(tables["map"]) == 48 * 48 * count
    assert (tables["map"][["area", "norm"]] >= 0).all(axis=None)
    first = tables["map"].iloc[0]
    it = view(again.codes()[config.variants[0]])
    z = it.plane.lift(np.array([[first["u"], first["v"]]]))
    at = geometry.stretch(geometry.decoder(again.models[config.variants[0]]), z, it.plane.axes[: min(2, latent_dim)])
    assert (first["area"], first["norm"]) == pytest.approx((at.area.item(), at.norm.item()), rel=1e-4)
    columns = ["variant", "dimension", "mean", "std", "kl_of_fitted_gaussian", "mmd2", "n"]
    assert list(tables["coverage"].columns) == columns
    assert tables["coverage"]["dimension"].tolist() == list(range(1, latent_dim + 1)) * count
    assert set(tables["coverage"]["n"]) == {200}


def test_samples_and_paths_as_tables(
    stocked: Store, runs: dict[str, str], downloads: dict[str, Callable[[], pd.DataFrame]]
) -> None:
    open_page("sampling.py", run=runs["3-D"])
    assert set(downloads) == {"samples", "paths"}
    samples, paths = downloads["samples"](), downloads["paths"]()
    assert list(samples.columns) == [
        "variant",
        "source",
        "nearest_distance",
        "nearest_half_interval",
        "confidence",
        "n",
    ]
    assert list(zip(samples["variant"], samples["source"], strict=True)) == [
        ("real", "test images"),
        *((name, source) for source in ("prior", "gaussian", "mixture") for name in ("ae", "vae")),
    ]
    assert samples["n"].tolist() == [297, *[500] * 6]
    lengths = ["pixel_length", "pullback_length", "ends_apart", "largest_step"]
    assert list(paths.columns) == ["variant", "way", "step", "rmse", *lengths]
    assert samples.notna().all(axis=None) and paths.notna().all(axis=None)
    groups = paths.groupby(["way", "variant"], sort=False)
    assert list(groups.groups) == [(way, name) for way in ("line", "slerp", "geodesic") for name in ("ae", "vae")]
    for _, rows in groups:
        assert rows["step"].tolist() == list(range(1, 11))
        assert rows["rmse"].sum() == pytest.approx(rows["pixel_length"].iloc[0], rel=1e-5)
        assert rows["rmse"].max() == pytest.approx(rows["largest_step"].iloc[0], rel=1e-6)
        assert (rows[lengths] == rows[lengths].iloc[0]).all(axis=None)


def test_the_measurement_as_a_table(
    stocked: Store, runs: dict[str, str], downloads: dict[str, Callable[[], pd.DataFrame]]
) -> None:
    until(open_page("perturbation.py", run=runs["3-D"]), lambda app: app.dataframe)
    assert set(downloads) == {"sensitivity"}
    table = downloads["sensitivity"]()
    columns = ["variant", "unit", "size", "rmse", "class_change", "nearest_distance", "n", "seed"]
    assert list(table.columns) == [*columns, "rmse_q25", "rmse_q75"]
    assert table.notna().all(axis=None)
    assert len(table) == 10 * (3 + 4)
    pd.testing.assert_frame_equal(table, kept(stocked, runs["3-D"]))


def test_measurements_of_a_visit_are_over_before_the_next_test(stocked: Store, runs: dict[str, str]) -> None:
    """Of the fixtures themselves: nothing is under way at a test's start."""
    assert measured._under_way == {}
