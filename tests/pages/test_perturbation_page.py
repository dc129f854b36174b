"""The Perturbation page: its numbers, measured again."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from lessons import AE, CONFIGS, VAE, Again, done, kept, labels, press, until
from paging import QuietJobs, errors, open_page, open_tab, texts
from streamlit.testing.v1 import AppTest

from pages.sections.perturbation.measurement import nearest_size
from pages.state import loaded_models
from vae.analysis import geometry
from vae.analysis.comparing import ratios
from vae.analysis.expectations import EXPECTATIONS
from vae.analysis.verdict import in_numbers, verdict
from vae.choices.nudge_units import NUDGE_UNITS
from vae.choices.variants import VARIANTS
from vae.config import RunConfig
from vae.errors import InputError
from vae.figures.style import VARIANT_TITLES
from vae.measuring import MEASUREMENTS
from vae.runs.execution import execute
from vae.settings import Settings
from vae.store.runs import Store

ON = "297 test images"
CHOSEN = "perturbation.chosen"  # unit and size, which the strips give


def test_nudges_are_measured_in_the_background_and_the_verdict_is_that_of_the_table(
    stocked: Store, runs: dict[str, str]
) -> None:
    app = open_page("perturbation.py", run=runs["3-D"])
    assert "Verdict" not in texts(app), "the page did not wait"
    until(app, lambda app: "Verdict" in texts(app))
    table = kept(stocked, runs["3-D"])
    (said,) = (element.value for element in app.markdown if "Verdict" in element.value)
    assert said == f"**Verdict.** {verdict(ratios(table), 0.5)}"
    assert said.endswith("Only one seed: not enough to conclude.")
    shown = app.dataframe[0].value
    means = table[table["size"] == 0.5].set_index(["unit", "variant"])["rmse"]
    for title, unit in (("absolute", "absolute"), ("× std of the codes", "latent_std")):
        assert shown.loc[title, AE] == f"{means[unit, 'ae']:.4f}"
        assert shown.loc[title, VAE] == f"{means[unit, 'vae']:.4f}"
        assert shown.loc[title, "AE ÷ VAE"] == f"{means[unit, 'ae'] / means[unit, 'vae']:.2f}"
        assert shown.loc[title, "95 % interval"] == "–", "one seed has no interval"
        assert shown.loc[title, "Moves more"] == "needs 3 seeds"
    assert shown.loc["× posterior σ"].tolist() == ["–", "–", "–", "–", f"{means['posterior_std', 'vae']:.4f}"]
    assert "after a nudge of 0.5 in each unit, over 297 test images" in texts(app)
    open_tab(app, "Every size")
    assert f"**What to notice.** {in_numbers(ratios(table), 0.5, ON)}" in texts(app)


@pytest.mark.parametrize(("dragged", "size"), [(0.11, 0.1), (0.3, 0.35), (50.0, 2.0), (0.001, 0.02)])
def test_the_size_of_the_strips_chooses_the_nearest_that_was_measured(dragged: float, size: float) -> None:
    assert nearest_size(dragged) == size


def test_another_size_is_another_row_of_the_table(stocked: Store, runs: dict[str, str]) -> None:
    app = until(open_page("perturbation.py", run=runs["2-D"]), lambda app: app.dataframe)
    app.session_state[CHOSEN] = ("absolute", 2.1)
    app.run()
    table = kept(stocked, runs["2-D"])
    assert f"**Verdict.** {verdict(ratios(table), 2.0)}" in texts(app)
    assert "after a nudge of 2 in each unit" in texts(app)
    rmse = table.query("unit == 'absolute' and size == 2.0 and variant == 'ae'").rmse.item()
    assert app.dataframe[0].value.loc["absolute", AE] == f"{rmse:.4f}"


def test_one_variant_has_numbers_but_no_ratio(stocked: Store, runs: dict[str, str]) -> None:
    app = until(open_page("perturbation.py", run=runs["vae only"]), lambda app: app.dataframe)
    assert "A ratio needs two models; this run holds one." in texts(app)
    assert "Verdict" not in texts(app)
    assert list(app.dataframe[0].value.columns) == [VAE]


def test_four_variants_say_which_ingredient_does_it(stocked: Store, runs: dict[str, str]) -> None:
    app = until(open_page("perturbation.py", run=runs["all four"]), lambda app: app.dataframe)
    open_tab(app, "Which ingredient does it?")
    at = kept(stocked, runs["all four"]).query("unit == 'latent_std' and size == 0.5").set_index("variant")["rmse"]
    listed = "; ".join(f"{VARIANT_TITLES[name]} {at[name]:.4f}" for name in ("vae", "ae", "noise_only", "kl_only"))
    assert (
        "**Which ingredient does it?** Pixel RMSE of a nudge of 0.5 × std of the codes (mean over 297 test images): "
        f"{listed}. Expected from the article: {EXPECTATIONS['ingredient'].said}. In this one seed: "
    ) in texts(app)
    for name in ("ae", "noise_only", "kl_only"):
        assert f"{VARIANT_TITLES[name]}: {'as expected' if at[name] > at['vae'] else '**not as'}" in texts(app)
    assert "Train all four variants" not in labels(app)


def test_an_earlier_epoch_is_measured_when_asked_for(stocked: Store, runs: dict[str, str]) -> None:
    app = until(open_page("perturbation.py", run=runs["3-D"]), lambda app: app.dataframe)
    app.select_slider(key=f"kept_epoch.{runs['3-D']}").set_value(1).run()
    assert not app.dataframe
    assert kept(stocked, runs["3-D"], 1) is None, "nothing is measured before somebody asks"
    until(press(app, "Measure epoch 1"), lambda app: app.dataframe)
    means = kept(stocked, runs["3-D"], 1).query("size == 0.5").set_index(["unit", "variant"])["rmse"]
    assert app.dataframe[0].value.loc["absolute", VAE] == f"{means['absolute', 'vae']:.4f}"
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
    assert f"**Verdict.** {verdict(ratios(table), 0.5)}" in texts(app)
    assert "Means over 3 seeds" in texts(app)
    shown, compared = app.dataframe[0].value, ratios(table)
    row = compared[(compared["unit"] == "absolute") & (compared["size"] == 0.5)].iloc[0]
    assert shown.loc["absolute", "AE ÷ VAE"] == f"{row.ratio:.2f}"
    assert shown.loc["absolute", "95 % interval"] == f"{row.low:.2f} … {row.high:.2f}"
    said = "AE" if row.low > 1 else "VAE" if row.high < 1 else "no clear difference"
    assert shown.loc["absolute", "Moves more"] == said
    assert not app.get("progress")
    assert not any("for a verdict" in label for label in labels(app))


def test_all_four_variants_are_queued_with_these_settings(stocked: Store, runs: dict[str, str]) -> None:
    app = open_tab(open_page("perturbation.py", run=runs["3-D"]), "Which ingredient does it?")
    press(app, "Train all four variants")
    (queued,) = stocked.runs(status=("queued",))
    assert queued.config == CONFIGS["3-D"].model_copy(update={"variants": ("ae", "noise_only", "kl_only", "vae")})
    assert not app.exception


@pytest.mark.parametrize(
    ("tab", "label"),
    [("One size", "Train 2 more seeds for a verdict"), ("Which ingredient does it?", "Train all four variants")],
)
def test_a_queue_that_takes_no_more_says_so(
    stocked: Store, runs: dict[str, str], monkeypatch: pytest.MonkeyPatch, tab: str, label: str
) -> None:
    def full(self: QuietJobs, config: RunConfig, visitor: str | None = None) -> str:
        raise InputError("The queue is full.")

    monkeypatch.setattr(QuietJobs, "submit", full)
    app = until(open_page("perturbation.py", run=runs["3-D"]), lambda app: app.dataframe)
    press(open_tab(app, tab), label)
    assert errors(app) == ["The queue is full."]
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

    def watched(key: str, originals: np.ndarray, names: list[str], shape: Any, nudges: Any, *rest: Any) -> bytes:
        drawn.append((originals, nudges))
        return whole(key, originals, names, shape, nudges, *rest)

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
    for name, of_variant in codes.items():
        np.testing.assert_array_equal(nudges[name].z, of_variant.mu[:12])
        steps = nudges[name].steps
        assert set(steps) == set(NUDGE_UNITS) - (set() if name == "vae" else {"posterior_std"})
        u = steps["absolute"] if u is None else u
        np.testing.assert_array_equal(steps["absolute"], u)  # the same direction for both
        np.testing.assert_allclose(np.square(u).mean(axis=1), 1, rtol=1e-5)
        np.testing.assert_allclose(steps["latent_std"], u * of_variant.mu.std(axis=0), rtol=1e-5)
        if name == "vae":
            np.testing.assert_allclose(steps["posterior_std"], u * of_variant.std[:12], rtol=1e-5)


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
    target(app).set_value(len(target(app).options)).run()
    assert not app.exception
    press(app, "Other images")
    assert not app.exception


def test_decoders_too_large_for_a_page_draw_on_the_server(
    stocked: Store, runs: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[tuple[str, np.ndarray]] = []
    monkeypatch.setattr(loaded_models, "LARGEST", 1000)
    monkeypatch.setattr("pages.shared.nudges.strip", lambda title, images, *_, **__: drawn.append((title, images)))
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


def test_the_measurement_as_a_table(
    stocked: Store, runs: dict[str, str], downloads: dict[str, Callable[[], pd.DataFrame]]
) -> None:
    open_tab(until(open_page("perturbation.py", run=runs["3-D"]), lambda app: app.dataframe), "Every size")
    assert set(downloads) == {"sensitivity"}
    table = downloads["sensitivity"]()
    columns = ["variant", "unit", "size", "rmse", "class_change", "nearest_distance", "n", "seed"]
    assert list(table.columns) == [*columns, "rmse_q25", "rmse_q75"]
    assert table.notna().all(axis=None)
    assert len(table) == 10 * (2 * len(NUDGE_UNITS) - 1), "in every unit, but one that an autoencoder lacks"
    pd.testing.assert_frame_equal(table, kept(stocked, runs["3-D"]))


# Any two models, and every way to smooth

FIVE = RunConfig(epochs=1, variants=("ae", "noise_only", "vae", "denoising", "rae"))


def shown(app: AppTest, title: str) -> pd.DataFrame:
    """The table whose rows are called so."""
    return next(frame.value for frame in app.dataframe if frame.value.index.name == title)


def test_any_two_models_of_a_run_can_be_the_ones_to_look_at(
    stocked: Store, strips: list[tuple[np.ndarray, dict[str, Any]]]
) -> None:
    run_id = done(stocked, FIVE)
    app = until(open_page("perturbation.py", run=run_id), lambda app: app.dataframe)
    assert [box.value for box in app.selectbox if box.label in ("Model", "beside")] == ["ae", "vae"]
    assert list(strips[-1][1]) == ["ae", "vae"]
    app.selectbox(key="perturbation.left").set_value("denoising").run()
    app.selectbox(key="perturbation.right").set_value("noise_only").run()
    app = until(app, lambda app: "Denoising ÷ Noise only" in shown(app, "Unit").columns)
    assert list(strips[-1][1]) == ["denoising", "noise_only"]
    table, pair = kept(stocked, run_id, 1), ("denoising", "noise_only")
    at = table[table["size"] == 0.5].set_index(["unit", "variant"])["rmse"]
    found = shown(app, "Unit")
    assert found.loc["absolute", "Denoising ÷ Noise only"] == f"{at['absolute', pair[0]] / at['absolute', pair[1]]:.2f}"
    assert f"**Verdict.** {verdict(ratios(table, *pair), 0.5, *pair)}" in texts(app)
    open_tab(app, "Every size")
    assert in_numbers(ratios(table, *pair), 0.5, ON, *pair) in texts(app)
    app.selectbox(key="perturbation.left").set_value("noise_only").run()
    assert [box.value for box in app.selectbox if box.label in ("Model", "beside")] == ["noise_only", "vae"], (
        "never twice"
    )


def test_two_models_leave_nothing_to_choose(stocked: Store, runs: dict[str, str]) -> None:
    assert not [box for box in open_page("perturbation.py", run=runs["3-D"]).selectbox if box.label == "beside"]


def test_every_variant_is_laid_beside_the_first(stocked: Store) -> None:
    run_id = done(stocked, FIVE)
    app = until(open_page("perturbation.py", run=run_id), lambda app: app.dataframe)
    open_tab(app, "Which ingredient does it?")
    app = until(app, lambda app: any(frame.value.index.name == "Models" for frame in app.dataframe))
    at = kept(stocked, run_id, 1).query("size == 0.5").set_index(["unit", "variant"])["rmse"]
    found = shown(app, "Models")
    names = ("Noise only", "VAE", "Denoising", "Regularised")
    assert list(found.index) == [f"AE ÷ {name}" for name in names]
    assert list(found.columns) == ["absolute", "× std of the codes", "× neighbour distance"], "units that two share"
    assert found.loc["AE ÷ Regularised", "absolute"] == f"{at['absolute', 'ae'] / at['absolute', 'rae']:.2f}"
    assert "**Every way to smooth.** Only one seed: not enough to conclude." in texts(app)
    assert "Train all four variants" in labels(app) and "Train every way to smooth" in labels(app)


def test_every_way_to_smooth_is_queued_in_three_seeds(stocked: Store, runs: dict[str, str]) -> None:
    app = open_tab(open_page("perturbation.py", run=runs["3-D"]), "Which ingredient does it?")
    press(app, "Train every way to smooth")
    queued = [run.config for run in stocked.runs(status=("queued",))]
    every = CONFIGS["3-D"].model_copy(update={"variants": tuple(VARIANTS)})
    assert sorted(queued, key=lambda config: config.seed) == [
        every.model_copy(update={"seed": seed}) for seed in (every.seed, every.seed + 1, every.seed + 2)
    ]
    assert not app.exception
    app = open_tab(open_page("perturbation.py", run=runs["3-D"]), "Which ingredient does it?")
    press(app, "Show the run of every way to smooth")
    assert len(stocked.runs(status=("queued",))) == 3, "they are not queued twice"
