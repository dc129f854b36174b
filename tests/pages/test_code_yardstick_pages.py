"""Yardsticks' tabs Codes and Neighbours as Streamlit's own test runner sees them, and their figures."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Iterator

import numpy as np
import pandas as pd
import postgres
import pytest
from lessons import AE, VAE, done, labels, numbers_missing, press, until
from paging import open_page, open_tab, texts
from streamlit.testing.v1 import AppTest

from pages.sections.yardsticks import codes as codes_section
from pages.sections.yardsticks import neighbours as neighbours_section
from pages.state import resources
from vae.analysis.codes import encode
from vae.analysis.yardsticks import probe_curves, probes
from vae.config import RunConfig
from vae.figures.style import NEUTRAL, VARIANT_COLOURS
from vae.figures.yardsticks.codes import accuracy_by_labels, map_scatter
from vae.measuring import KINDS
from vae.measuring.subject import subject_of
from vae.store.measurements import keep_measurement, measurement
from vae.store.runs import Run, Store

TINY = RunConfig(hidden=(8,), latent_dim=3, train_limit=120, validation_size=40, epochs=1, device="cpu")
KEY = "yardsticks.tabs"


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, dict[str, str]]]:
    """In the place of that of lessons.py, for the fixtures there: three seeds, and a code of two numbers."""
    with postgres.settings_for(tmp_path_factory.mktemp("library")) as settings:
        store = Store(settings.database_url)
        configs = {f"seed {seed}": TINY.model_copy(update={"seed": seed}) for seed in range(3)}
        configs["2-D"] = TINY.model_copy(update={"latent_dim": 2, "variants": ("ae",)})
        yield settings.database_url, {kind: done(store, config, settings) for kind, config in configs.items()}


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> dict[str, Callable[[], pd.DataFrame]]:
    """What the sections' download buttons would make, by the first word of the file's name."""
    found: dict[str, Callable[[], pd.DataFrame]] = {}
    for module in (codes_section, neighbours_section):
        monkeypatch.setattr(module, "csv", lambda table, name, *_: found.update({name.split("-")[0]: table}))
    return found


@pytest.fixture(autouse=True)
def _few_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probes, "DRAWS", {10: 2, 100: 2})
    monkeypatch.setattr(probes, "STARTS", 2)


def tab(run_id: str, title: str) -> AppTest:
    return open_tab(open_page("yardsticks.py", run=run_id), title)


def test_codes_are_measured_on_request_for_all_seeds_and_judged_then(
    stocked: Store, runs: dict[str, str], made: dict[str, Callable[[], pd.DataFrame]]
) -> None:
    app = tab(runs["seed 0"], "Codes")
    assert measurement(stocked, runs["seed 0"], 1, KINDS["codes"]) is None, "nobody has asked"
    until(press(app, "Measure the codes"), lambda app: app.dataframe)
    kept = measurement(stocked, runs["seed 0"], 1, KINDS["codes"])
    probe, neighbours, clusters = (element.value for element in app.dataframe)
    assert list(probe.index) == [AE, VAE, "PCA", "Pixels"] == list(neighbours.index) == list(clusters.index)
    assert list(probe.columns) == ["10", "100", "120"]
    of_ae = kept[(kept["variant"] == "ae") & (kept["measure"] == "probe_accuracy")].iloc[0]
    assert probe.loc[AE, "120"] == f"{of_ae['value']:.3f} ± {1.96 * of_ae['error']:.3f}"
    assert "Only one seed: not enough to conclude." in texts(app)
    assert numbers_missing(app) == []
    until(press(app, "Measure 2 more seeds"), lambda app: "Over 3 seeds, seed by seed" in texts(app))
    assert "not enough to conclude" not in texts(app)
    assert "mean over 3 seeds, all judged on the same test images: others would move all numbers" in texts(app)
    assert f"by about ±{1.96 * of_ae['error']:.3f}" in texts(app)
    assert "Measure 2 more seeds" not in labels(app)
    table = made["codes"]()
    assert set(table["seed"]) == {0, 1, 2}
    values = table[(table["variant"] == "ae") & (table["measure"] == "probe_accuracy")]["value"]
    assert app.dataframe[0].value.loc[AE, "120"].startswith(f"{values.mean():.3f} ± ")
    neighbours = texts(open_tab(app, "Neighbours"))
    assert "Share of the 10 nearest of 120 training images that are of the same class" in neighbours


def test_an_image_stands_beside_its_nearest_of_every_space(stocked: Store, runs: dict[str, str]) -> None:
    app = tab(runs["seed 0"], "Neighbours")
    shown = [element.proto.body for element in app.get("html")]
    subject = subject_of(stocked, stocked.run(runs["seed 0"]), 1, resources.settings())
    train, y = subject.learnt_from()
    spaces = {
        f"{title}: nearest codes": (encode(subject.models[name], train).mu, encode(subject.models[name], subject.x).mu)
        for name, title in (("ae", AE), ("vae", VAE))
    }
    near = {}
    for said, (learnt, asked) in (spaces | {"Pixels: nearest images": (train, subject.x)}).items():
        near[said] = np.argsort(np.square(learnt - asked[0]).sum(axis=1), kind="stable")[:8]
        alike = int((y[near[said]] == subject.y[0]).sum())
        _, tiles = (body for body in shown if f"{said}, {alike} of 8 of its class" in body)
        assert re.findall(r"<figcaption[^>]*>(\d)<", tiles) == [str(label) for label in y[near[said]]]
    common = len(set(near[f"{AE}: nearest codes"]) & set(near["Pixels: nearest images"]))
    assert f"Also among the nearest in pixels: {AE} {common} of 8; {VAE}" in texts(app)
    app.selectbox(key="yardsticks.neighbours_of").set_value(2).run()
    assert [element.proto.body for element in app.get("html")] != shown


def test_a_map_is_drawn_on_request_with_its_caution(
    stocked: Store, runs: dict[str, str], made: dict[str, Callable[[], pd.DataFrame]]
) -> None:
    rows = [(name, row, row / 7, -row / 9, row % 10) for name in ("ae", "vae") for row in range(20)]
    app = tab(runs["seed 1"], "Neighbours")
    assert "Draw a map" in labels(app) and "distance between clusters" not in texts(app)
    table = pd.DataFrame(rows, columns=["variant", "row", "x", "y", "label"])
    keep_measurement(stocked, runs["seed 1"], 1, KINDS["map"], table)
    app = tab(runs["seed 1"], "Neighbours")
    assert "Draw a map" not in labels(app)
    assert re.search(r"distance between clusters.*mean little", texts(app))
    assert len(made["map"]()) == 40


def test_a_code_of_two_numbers_is_its_own_map(stocked: Store, runs: dict[str, str]) -> None:
    app = tab(runs["2-D"], "Neighbours")
    assert "A code of two numbers needs no map" in texts(app)
    assert "Draw a map" not in labels(app)


def test_images_without_classes_have_nothing_to_read_off(
    stocked: Store, runs: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Store.run

    def bare(store: Store, run_id: str) -> Run:
        run = real(store, run_id)
        return dataclasses.replace(run, data=run.data | {"classes": ["any"]})

    monkeypatch.setattr(Store, "run", bare)
    app = tab(runs["seed 2"], "Codes")
    assert "These images have no classes" in texts(app)
    assert "Measure the codes" not in labels(app)
    app = open_tab(app, "Neighbours")
    assert "Measure the codes" not in labels(app) and "of its class" not in "".join(
        element.proto.body for element in app.get("html")
    )


# Sentences and figures, of numbers made up


def table(ae: float, vae: float, pca: float, measure: str = "probe_accuracy", labels: int = 120) -> pd.DataFrame:
    rows = [("ae", "codes", ae), ("vae", "codes", vae), ("", "pca", pca)]
    made = pd.DataFrame(rows, columns=["variant", "of", "value"])
    return made.assign(measure=measure, error=0.01, n=297, labels=labels, draws=1, neighbours=10)


def test_the_sentence_follows_the_numbers() -> None:
    higher = {seed: table(0.5 + seed / 1000, 0.6, 0.4 + seed / 500) for seed in range(3)}
    said = codes_section.notice(higher, 0.1)
    assert "Always naming the most frequent class is right for 10.0% of the images." in said
    assert "Accuracy of a linear probe with all 120 labels (mean over 297 test images)" in said
    assert f"{VAE} is higher than {AE} by 0.099" in said and f"PCA is lower than {AE} by 0.099" in said
    lower = {seed: table(0.6, 0.5 + seed / 1000, 0.6 + seed / 50) for seed in range(3)}
    said = codes_section.notice(lower, 0.1)
    assert f"{VAE} is lower than {AE} by 0.099" in said and f"no clear difference between {AE} and PCA" in said
    two = {seed: higher[seed] for seed in (0, 1)}
    assert codes_section.notice(two, 0.1).endswith("Only 2 seeds: not enough to conclude.")
    shares = {seed: table(0.5, 0.7 + seed / 1000, 0.4, "same_class_neighbours") for seed in range(3)}
    assert f"{VAE} is higher than {AE} by 0.201" in neighbours_section.same_class(shares)


def test_a_line_for_each_codes_with_its_interval() -> None:
    few, all_of_them = table(0.3, 0.4, 0.2, "probe_accuracy_10", 10), table(0.5, 0.6, 0.45)
    curves = probe_curves.over_seeds({0: pd.concat([all_of_them, few])})
    drawing = accuracy_by_labels(curves, "probe_accuracy", 0.1)
    assert [line.name for line in drawing.data] == [AE, VAE, "PCA"]
    assert list(drawing.data[0].x) == [10, 120] and list(drawing.data[0].y) == [0.3, 0.5]
    assert list(drawing.data[0].error_y.array) == pytest.approx([0.0196, 0.0196])
    assert [line.line.color for line in drawing.data] == [VARIANT_COLOURS["ae"], VARIANT_COLOURS["vae"], NEUTRAL]
    assert drawing.data[2].line.dash == "dash"
    assert drawing.layout.xaxis.type == "log" and list(drawing.layout.xaxis.ticktext) == ["10", "120"]
    near = probe_curves.over_seeds(
        {0: pd.concat([table(0.5, 0.6, 0.4), table(0.4, 0.5, 0.3, "probe_accuracy_100", 100)])}
    )
    assert list(accuracy_by_labels(near, "probe_accuracy", 0.1).layout.xaxis.tickvals) == [120], "no room for both"
    assert drawing.layout.shapes[0].y0 == 0.1


def test_a_map_names_each_class_at_its_median() -> None:
    places = np.array([[0, 0], [1, 1], [2, 8], [9, 9]], dtype=np.float32)
    drawing = map_scatter(places, np.array([0, 0, 0, 1]), ["<b>", "two"])
    cloud, plates = drawing.data
    assert list(cloud.customdata) == ["&lt;b&gt;"] * 3 + ["two"]
    assert list(plates.x) == [1, 9] and list(plates.y) == [1, 9]
    assert not drawing.layout.xaxis.showticklabels
    assert not map_scatter(places, np.zeros(4), ["any"]).data[1].visible
