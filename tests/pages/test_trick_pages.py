"""The trick and Two losses as Streamlit's own test runner sees them: their numbers, measured again."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from functools import partial

import numpy as np
import oracle
import postgres
import pytest
from lessons import Again, done, labels, notices, numbers_missing, press, under_way, until
from paging import QuietJobs, errors, every_tab, open_page, open_tab, texts
from sqlalchemy import update
from streamlit.testing.v1 import AppTest
from thorough import thorough

from pages.sections.the_trick import estimator_comparison
from pages.sections.two_losses import reductions
from pages.shared import similar_runs
from pages.state import resources
from vae.analysis import gradients
from vae.analysis.estimation import toy
from vae.analysis.objectives import kl_gaussians
from vae.config import RunConfig
from vae.errors import InputError
from vae.figures.style import VARIANT_TITLES
from vae.figures.trick import ESTIMATOR_TITLES
from vae.learning.models import Autoencoder
from vae.measuring import KINDS, batch_of, gradient_norms_of, images_of
from vae.runs.execution import execute
from vae.settings import Settings
from vae.store import schema
from vae.store.measurements import measurement
from vae.store.runs import Store

LESSONS = ("the_trick.py", "two_losses.py")
each_lesson = pytest.mark.parametrize("name", LESSONS)
CONFIGS = {
    "2-D": RunConfig(epochs=2),
    "1-D": RunConfig(epochs=2, latent_dim=1, reconstruction="sse", beta=0.5),
    "all four": RunConfig(epochs=1, latent_dim=3, variants=("ae", "noise_only", "kl_only", "vae")),
    "noise only": RunConfig(epochs=1, variants=("noise_only",)),
    "5 images": RunConfig(epochs=1, validation_size=5),
    "training images": RunConfig(epochs=1, validation_size=0),
}
SILENT = {"ae only": RunConfig(epochs=1, variants=("ae",)), "kl only": RunConfig(epochs=1, variants=("kl_only",))}
NOISE, TRAINING, TOY = "How noisy is each?", "Train with each", "A toy with known answers"  # tabs of The trick
TABS = {  # where each button is
    "Train with every estimator": TRAINING,
    "Train with every β": "Other β",
    "Train a failing VAE and the fixed one": "Sum or mean?",
}
QUEUEING = {
    "Train with every estimator": "the_trick.py",
    "Train with every β": "two_losses.py",
    "Train a failing VAE and the fixed one": "two_losses.py",
}


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, dict[str, str]]]:
    """In the place of that of lessons.py, for the fixtures there: a database with runs of other kinds."""
    with postgres.settings_for(tmp_path_factory.mktemp("library")) as settings:
        store = Store(settings.database_url)
        ids = {kind: done(store, config, settings) for kind, config in (CONFIGS | SILENT).items()}
        yield settings.database_url, ids


@pytest.fixture
def quick_quality(monkeypatch: pytest.MonkeyPatch) -> None:
    """The measurement with fewer estimates: here it only has to be the one that is shown."""
    fewer = partial(gradients.estimator_quality, samples=(1, 2), repeats=5)
    monkeypatch.setattr(gradients, "estimator_quality", fewer)
    monkeypatch.setattr(gradients, "REFERENCE_SAMPLES", 256)


def choose(app: AppTest, key: str, value: object) -> AppTest:
    next(group for group in app.get("button_group") if group.key == key).set_value(value).run()
    assert not app.exception, app.exception
    return app


def queued(store: Store) -> list[RunConfig]:
    """Oldest first."""
    return [store.run(run_id).config for run_id in store.queue()]


def train_queue(store: Store) -> None:
    for run_id in store.queue():
        assert execute(store, run_id, Settings.from_environment()) == "done"
    look_again()


def look_again() -> None:
    """Reads are shared for a second: what comes after is read anew."""
    resources.forget()
    similar_runs.known.clear()


def row(store: Store, run_id: str, variant: str, split: str, epoch: int | None = None) -> dict[str, float]:
    history = store.history(run_id)
    rows = history[(history["variant"] == variant) & (history["split"] == split)]
    return (rows if epoch is None else rows[rows["epoch"] == epoch]).iloc[0].to_dict()


# Which run


@each_lesson
def test_without_any_run_there_is_still_something_to_try(shared: Store, name: str) -> None:
    app = open_page(name)
    assert len(app.title) == 1
    assert not app.error
    assert "Nothing is trained yet." in texts(app)
    sliders = 0
    for shown in every_tab(app):
        sliders += len(shown.slider)
        assert numbers_missing(shown) == []
    assert sliders


@each_lesson
@pytest.mark.parametrize("kind", thorough(CONFIGS, ("2-D",)))
def test_every_kind_of_run_is_shown(stocked: Store, runs: dict[str, str], name: str, kind: str) -> None:
    app = open_page(name, run=runs[kind])
    assert not app.error, errors(app)
    assert app.selectbox(key="picked_run").value == runs[kind]
    offered = []
    for shown in every_tab(app):
        assert not shown.error, errors(shown)
        assert numbers_missing(shown) == []
        offered += labels(shown)
    assert "Train with every estimator" in offered or name == "two_losses.py"


@pytest.mark.parametrize("kind", SILENT)
def test_a_run_that_samples_nothing_is_told_in_a_sentence(stocked: Store, runs: dict[str, str], kind: str) -> None:
    app = open_page("the_trick.py", run=runs[kind])
    sentence = (
        f"Run {runs[kind]} holds no variant that samples its codes and learns their σ, so no gradient has to be "
        "estimated."
    )
    assert errors(app) == [sentence]
    assert open_tab(app, TOY).dataframe, "the toy needs no run"


def test_a_run_without_a_kl_is_told_in_a_sentence(stocked: Store, runs: dict[str, str]) -> None:
    app = open_page("two_losses.py", run=runs["ae only"])
    assert not app.error
    assert "This run holds no variant with a log-variance, so it has no KL to look at." in texts(app)
    assert "so it has no KL to look at." in texts(open_tab(app, "Other β"))
    assert "Train with every β" not in labels(app)
    (table,) = open_tab(app, "BCE or squared error").dataframe
    assert table.value["Pictures"].tolist() == [VARIANT_TITLES["ae"]], "both losses do without a KL"


@each_lesson
@pytest.mark.parametrize("epoch", [0, 1])
def test_a_run_that_is_still_training_is_shown_as_far_as_it_is(shared: Store, name: str, epoch: int) -> None:
    run_id = under_way(shared, epoch)
    app = open_page(name, run=run_id)
    assert not app.error, errors(app)
    assert app.selectbox(key="picked_run").value == run_id
    assert numbers_missing(app) == []
    assert notices(app)


@each_lesson
def test_another_epoch_gives_other_numbers(stocked: Store, runs: dict[str, str], name: str) -> None:
    app = open_page(name, run=runs["2-D"])
    (picker,) = (slider for slider in app.select_slider if slider.label == "Epoch")
    before = notices(app)
    picker.set_value(0).run()
    assert not app.exception, app.exception
    assert notices(app) != before
    assert numbers_missing(app) == []


# The trick: by hand, and the toy


def test_z_by_hand_is_written_out(shared: Store) -> None:
    app = open_page("the_trick.py")
    for key, value in (("hand.mu", -2.0), ("hand.logvar", 2.0), ("hand.eps", 1.5)):
        app.slider(key=key).set_value(value).run()
    assert not app.exception, app.exception
    std = np.exp(1.0)
    written = "".join(formula.value for formula in app.latex)
    assert f"{-2:.2f} + {std:.3f} \\cdot 1.50 = {-2 + 1.5 * std:.3f}" in written
    assert f"= {0.5 * 1.5 * std:.3f} = \\tfrac12 \\sigma\\varepsilon" in written


@pytest.mark.parametrize(("mu", "sigma", "k", "n"), [(1.0, 0.5, 0.3, 10_000), (-2.0, 0.05, 3.0, 100)])
def test_the_toys_table_is_measured_with_the_sliders_values(
    shared: Store, mu: float, sigma: float, k: float, n: int
) -> None:
    app = open_tab(open_page("the_trick.py"), TOY)
    for key, value in (("toy.mu", mu), ("toy.sigma", sigma), ("toy.k", k)):
        app.slider(key=key).set_value(value).run()
    app.select_slider(key="toy.n").set_value(n).run()
    choose(app, "toy.parameter", "sigma")
    expected, shown = toy.toy(mu, sigma, k, n), app.dataframe[-1].value
    assert shown["Estimator"].tolist() == [ESTIMATOR_TITLES[estimator] for estimator in expected["estimator"]]
    assert shown["Gradient"].tolist() == ["∂/∂μ", "∂/∂σ"] * 2
    for column, name in (
        ("True", "true"),
        ("Variance, measured", "variance"),
        ("Variance, closed form", "closed_form"),
    ):
        np.testing.assert_allclose(shown[column], expected[name], atol=5.1e-5)
    means = [f"{a:.4f} ± {1.96 * b:.4f}" for a, b in zip(expected["mean"], expected["standard_error"], strict=True)]
    assert shown[f"Mean of {n:,} (95 %)"].tolist() == means
    variance = expected.set_index(["estimator", "parameter"])["variance"]
    factor = variance["score_function", "sigma"] / variance["pathwise", "sigma"]
    (notice,) = (notice for notice in notices(app) if "times as noisy" in notice)
    assert f"is {factor:,.3g} times as noisy for ∂/∂σ" in notice


# The trick: the graph


def test_the_graphs_notice_is_measured_again_for_each_estimator(stocked: Store, runs: dict[str, str]) -> None:
    run = stocked.run(runs["2-D"])
    app = open_page("the_trick.py", run=run.id)
    for estimator in ESTIMATOR_TITLES:
        choose(app, "trick.way", estimator)
        norms = gradient_norms_of(stocked, run, 2, resources.settings(), estimator).set_index("place")
        (notice,) = (text for text in notices(app) if "The KL brings" in text)
        there = norms["reconstruction"]
        assert f"The KL brings the encoder {norms['kl']['encoder_weights']:.3g} of its own" in notice
        if estimator == "pathwise":
            assert f"passes z ({there['z']:.3g}), so it reaches the encoder ({there['encoder_weights']:.3g})" in notice
        elif estimator == "detached":
            assert "it is exactly 0 for every one of its weights" in notice
        else:
            assert f"Nothing passes z, and yet {there['encoder_weights']:,.3g} reaches the encoder" in notice


@pytest.mark.parametrize("kind", ["2-D", "5 images", "training images"])
def test_the_graphs_caption_counts_the_images_it_is_measured_on(
    stocked: Store, runs: dict[str, str], kind: str
) -> None:
    run = stocked.run(runs[kind])
    count = len(batch_of(stocked, run, images_of(stocked, run, resources.settings())))
    what = "training" if kind == "training images" else "validation"
    assert count == {"5 images": 5}.get(kind, 32)
    assert f"on {count} {what} images with the weights of epoch" in texts(open_page("the_trick.py", run=run.id))


# The trick: the estimators measured

MEASURE = "Measure the estimators"


def test_the_estimators_are_measured_in_the_background_and_shown(
    stocked: Store, runs: dict[str, str], quick_quality: None
) -> None:
    run_id = runs["2-D"]
    app = open_tab(open_page("the_trick.py", run=run_id), NOISE)
    assert measurement(stocked, run_id, 2, KINDS["gradients"]) is None, "only when it is asked for"
    press(app, MEASURE)
    until(app, lambda app: len(app.dataframe) == 1)
    assert MEASURE not in labels(app)
    kept, shown = measurement(stocked, run_id, 2, KINDS["gradients"]), app.dataframe[0].value
    assert list(shown.index) == list(ESTIMATOR_TITLES.values())
    for estimator, title in ESTIMATOR_TITLES.items():
        measured, cells = kept[kept["way"] == estimator].sort_values("samples").iloc[0], shown.loc[title]
        assert cells["Samples"] == measured["samples"]
        assert [cells["Bias"], cells["by chance"], cells["Variance"]] == [
            f"{measured[name]:.3g}" for name in ("bias", "standard_error", "variance")
        ]
        if estimator == "detached":
            assert [cells["Signal to noise"], cells["Cosine"]] == ["–", "–"]
        else:
            assert cells["Signal to noise"] == f"{measured['snr']:.3g}"
            assert cells["Cosine"] == f"{measured['cosine']:.2f} ± {measured['cosine_std']:.2f}"
    (notice,) = (text for text in notices(app) if "one pathwise sample" in text)
    one = {estimator: (rows["variance"] * rows["samples"]).mean() for estimator, rows in kept.groupby("way")}
    for estimator in ("score_function", "score_function_loo"):
        assert f"{ESTIMATOR_TITLES[estimator]}: about {one[estimator] / one['pathwise']:,.0f} samples" in notice
    assert notice.endswith("The detached gradient is exactly 0.")
    assert "5 estimates of each kind" in texts(app)
    assert numbers_missing(app) == []


def test_the_page_says_how_far_the_measurement_is(
    stocked: Store, runs: dict[str, str], quick_quality: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    goes_on, add = threading.Event(), gradients._Moments.add

    def waiting(self: gradients._Moments, vector: object) -> None:
        goes_on.wait(30)
        add(self, vector)

    monkeypatch.setattr(gradients._Moments, "add", waiting)
    app = open_tab(open_page("the_trick.py", run=runs["2-D"]), NOISE)
    try:
        press(app, MEASURE).run()
        assert not app.dataframe
        assert MEASURE not in labels(app), "a second click would measure the same"
        assert len(app.get("progress")) == 1
    finally:
        goes_on.set()
    until(app, lambda app: len(app.dataframe) == 1)
    assert not app.get("progress")


def test_a_measurement_that_failed_can_be_asked_for_again(
    stocked: Store, runs: dict[str, str], quick_quality: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as broken:
        broken.setattr(gradients, "estimator_quality", lambda *_, **__: 1 / 0)
        app = open_tab(open_page("the_trick.py", run=runs["2-D"]), NOISE)
        press(app, MEASURE)
        until(app, lambda app: app.error)
        assert errors(app) == ["Measuring broke off: ZeroDivisionError: division by zero."]
    again = {MEASURE, "Try again"} & set(labels(app))
    assert len(again) == 1, "as where nudges are measured"
    press(app, again.pop())
    until(app, lambda app: len(app.dataframe) == 1)
    assert not app.error


def test_a_decoder_that_answers_every_code_alike_is_shown_in_numbers(
    stocked: Store, runs: dict[str, str], quick_quality: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No gradient anywhere, so that there is nothing to compare variances with."""
    forward = Autoencoder.__init__

    def dead(self: Autoencoder, *arguments: object) -> None:
        forward(self, *arguments)
        self.decoder.to_logits.register_forward_hook(lambda module, inputs, output: output * 0)

    monkeypatch.setattr(Autoencoder, "__init__", dead)
    app = open_tab(open_page("the_trick.py", run=runs["2-D"]), NOISE)
    press(app, MEASURE)
    until(app, lambda app: len(app.dataframe) == 1 or app.error)
    assert not app.error, errors(app)
    assert numbers_missing(app) == []
    assert "about inf" not in texts(app), "infinitely many samples of one tell no more than one of the other"


# The trick: estimators compared


def test_every_estimator_is_queued_once_and_all_else_is_the_same(stocked: Store, runs: dict[str, str]) -> None:
    app = open_tab(open_page("the_trick.py", run=runs["all four"]), TRAINING)
    press(app, "Train with every estimator")
    assert not app.exception, app.exception
    shared = {"variants": ("vae",), "samples": 2}
    assert queued(stocked) == [
        CONFIGS["all four"].model_copy(update=shared | {"estimator": estimator, "baseline": baseline})
        for estimator, baseline in (
            ("pathwise", "none"),
            ("score_function", "none"),
            ("score_function", "leave_one_out"),
            ("detached", "none"),
        )
    ]
    assert "Train with every estimator" not in labels(app), "there is nothing left to train"
    assert [bar.proto.text for bar in app.get("progress")] == [
        f"{title}: queued" for title in ESTIMATOR_TITLES.values()
    ]
    second = open_tab(open_page("the_trick.py", run=runs["all four"]), TRAINING)
    assert "Train with every estimator" not in labels(second)
    assert len(queued(stocked)) == 4


def test_a_second_click_queues_no_doubles(stocked: Store, runs: dict[str, str]) -> None:
    one, other = (open_tab(open_page("the_trick.py", run=runs["2-D"]), TRAINING) for _ in range(2))
    for app in (one, other):  # both have seen the button
        press(app, "Train with every estimator")
    assert len(queued(stocked)) == 4


def test_the_four_differ_only_in_their_estimator(stocked: Store, runs: dict[str, str]) -> None:
    wanted = estimator_comparison.configs(stocked.run(runs["2-D"]))
    assert {estimator: (config.estimator, config.baseline) for estimator, config in wanted.items()} == {
        "pathwise": ("pathwise", "none"),
        "score_function": ("score_function", "none"),
        "score_function_loo": ("score_function", "leave_one_out"),
        "detached": ("detached", "none"),
    }
    assert (
        len({config.model_copy(update={"estimator": "pathwise", "baseline": "none"}) for config in wanted.values()})
        == 1
    )


def test_only_what_is_missing_is_queued(stocked: Store, runs: dict[str, str]) -> None:
    wanted = estimator_comparison.configs(stocked.run(runs["2-D"]))
    done(stocked, wanted["detached"])
    press(open_tab(open_page("the_trick.py", run=runs["2-D"]), TRAINING), "Train with every estimator")
    assert queued(stocked) == [config for estimator, config in wanted.items() if estimator != "detached"]


@pytest.fixture
def compared(stocked: Store, runs: dict[str, str]) -> dict[str, str]:
    """Ids of the four runs, by estimator."""
    ids = {
        estimator: done(stocked, config)
        for estimator, config in estimator_comparison.configs(stocked.run(runs["2-D"])).items()
    }
    look_again()
    return ids


def the_races_notice(app: AppTest) -> str:
    (notice,) = (text for text in notices(app) if "of the mean image (seed" in text)
    return notice


def test_the_race_is_told_in_the_measured_order(stocked: Store, runs: dict[str, str], compared: dict[str, str]) -> None:
    app = open_tab(open_page("the_trick.py", run=runs["2-D"]), TRAINING)
    assert not app.error
    assert "Train with every estimator" not in labels(app)
    test = {estimator: row(stocked, run_id, "vae", "test") for estimator, run_id in compared.items()}
    listed = "; ".join(f"{title} {test[estimator]['loss']:.2f}" for estimator, title in ESTIMATOR_TITLES.items())
    notice = the_races_notice(app)
    assert f"Loss in nats / image (mean over 297 test images): {listed}. Expected from the article: " in notice
    for estimator in ("score_function", "score_function_loo", "detached"):
        above = test[estimator]["loss"] - test["pathwise"]["loss"]
        assert f"{ESTIMATOR_TITLES[estimator]}: {'as expected' if above > 0 else '**not as expected**'}" in notice
    assert notice.endswith("Only one seed: not enough to conclude.")
    table = app.dataframe[0].value
    assert list(table.index) == list(ESTIMATOR_TITLES.values())
    for estimator, title in ESTIMATOR_TITLES.items():
        numbers = [f"{test[estimator][name]:.4g}" for name in ("loss", "reconstruction", "kl", "active_units")]
        assert table.loc[title].tolist() == numbers
    assert test["detached"]["loss"] > test["pathwise"]["loss"]


@pytest.mark.parametrize("away", [3.25, -2.5])
def test_detached_is_compared_with_the_mean_image(
    stocked: Store, runs: dict[str, str], compared: dict[str, str], away: float
) -> None:
    floor = stocked.run(compared["detached"]).data["floor"]["test"]["bce"]
    with stocked.write() as connection:
        mine = (schema.metrics.c.run_id == compared["detached"], schema.metrics.c.split == "test")
        connection.execute(update(schema.metrics).where(*mine).values(reconstruction=floor + away))
    look_again()
    word = "above" if away > 0 else "below"
    notice = the_races_notice(open_tab(open_page("the_trick.py", run=runs["2-D"]), TRAINING))
    assert f"which ends {abs(away):.2f} {word} the {floor:.2f} of the mean image" in notice


def test_the_seeds_that_would_tell_are_queued_for_every_estimator(
    stocked: Store, runs: dict[str, str], compared: dict[str, str]
) -> None:
    done(stocked, estimator_comparison.configs(stocked.run(runs["2-D"]))["detached"].model_copy(update={"seed": 7}))
    look_again()
    app = press(open_tab(open_page("the_trick.py", run=runs["2-D"]), TRAINING), "Train 2 more seeds for a verdict")
    assert [config.seed for config in queued(stocked)] == [7, 7, 7, 1, 1, 1, 1], "a seed that was begun comes first"
    assert "Train 2 more seeds for a verdict" not in labels(app), "they are not queued twice"
    for run in stocked.runs(status=("queued",)):
        assert execute(stocked, run.id, Settings.from_environment()) == "done"
    look_again()
    notice = the_races_notice(open_tab(open_page("the_trick.py", run=runs["2-D"]), TRAINING))
    losses = {
        estimator: np.mean(
            [row(stocked, similar_runs.seeds_of(config)[seed].id, "vae", "test")["loss"] for seed in (0, 1, 7)]
        )
        for estimator, config in estimator_comparison.configs(stocked.run(runs["2-D"])).items()
    }
    listed = "; ".join(f"{title} {losses[estimator]:.2f}" for estimator, title in ESTIMATOR_TITLES.items())
    assert f": {listed}. Over 3 seeds, seed by seed: " in notice
    assert "not enough to conclude" not in notice


def test_the_race_names_the_images_it_is_measured_on(stocked: Store, runs: dict[str, str]) -> None:
    run = stocked.run(runs["training images"])
    done(stocked, estimator_comparison.configs(run)["pathwise"])
    look_again()
    shown = texts(open_tab(open_page("the_trick.py", run=run.id), TRAINING))
    assert "The dotted line is what predicting the mean training image costs." in shown
    assert "Validation images." not in shown, "this run has none"


# Two losses: without a run


def test_two_gaussians_are_compared_both_ways(shared: Store) -> None:
    app = open_tab(open_page("two_losses.py"), "The formulas")
    for key, value in (("area.mu", -1.5), ("area.std", 0.1), ("area.other_mu", 2.0), ("area.other_std", 3.0)):
        app.slider(key=key).set_value(value).run()
    shown = texts(app)
    assert f"KL(q ‖ p) = **{kl_gaussians(-1.5, 0.1, 2.0, 3.0):.3f}** nats" in shown
    assert f"KL(p ‖ q) = **{kl_gaussians(2.0, 3.0, -1.5, 0.1):.3f}**" in shown


@pytest.mark.parametrize(
    ("over_pixels", "over_dimensions", "expected"),
    [("sum", "sum", "2"), ("mean", "sum", "800"), ("sum", "mean", "0.25"), ("mean", "mean", "100")],
)
def test_the_converter(shared: Store, over_pixels: str, over_dimensions: str, expected: str) -> None:
    app = open_page("two_losses.py")
    assert "**β = 24.5**" in texts(app), "the preset's trap at first"
    for key, value in (("trap.pixels", 400), ("trap.latent_dim", 8), ("trap.beta", 2.0)):
        app.number_input(key=key).set_value(value).run()
    choose(app, "trap.over_pixels", over_pixels)
    choose(app, "trap.over_dimensions", over_dimensions)
    assert (
        f"The {over_pixels} over 400 pixels and the {over_dimensions} over 8 dimensions have the same minimum as both "
        f"sums with **β = {expected}**."
    ) in texts(app)
    (formula,) = (latex.value.strip("$\n") for latex in app.latex if "effective" in latex.value)
    parts = ["P" if over_pixels == "mean" else "1", "D" if over_dimensions == "mean" else "1"]
    assert formula.endswith(rf"\beta \cdot {parts[0]} / {parts[1]} = {expected}")


def test_the_trap_and_its_repair_are_trained_on_the_digits_without_mnist(shared: Store) -> None:
    app = open_page("two_losses.py")
    press(app, "Train a failing VAE and the fixed one")
    assert not app.exception, app.exception
    trap, repair = queued(shared)
    assert (trap.dataset, trap.latent_dim, trap.reconstruction, trap.beta) == ("digits", 32, "sse", 64 / 32)
    assert trap.differences(repair) == {"beta": (2.0, 1.0)}
    assert "Train a failing VAE and the fixed one" not in labels(app)
    train_queue(shared)
    app = open_tab(open_page("two_losses.py"), "Sum or mean?")
    assert [error.value for error in app.error if ": collapsed." not in error.value] == []
    for title, run in zip((reductions.AVERAGED, reductions.SUMMED), reversed(shared.runs()), strict=True):
        test, floor = row(shared, run.id, "vae", "test"), run.data["floor"]["test"]["mse"]
        assert (
            f"**{title}**, β = {run.config.beta:g}: KL **{test['kl']:.4f}** nats, **{test['active_units']}** of 32 "
            f"dimensions active, MSE {test['mse_from_sample']:.4f} from a sample (mean image {floor:.4f})"
        ) in texts(app)
        app.button(key=f"trap.look.{run.id}").click().run()
        assert not app.exception, app.exception
        assert app.selectbox(key="picked_run").value == run.id
        assert any("of what this model minimises" in text for text in notices(app)), "the first tab is open"
        open_tab(app, "Sum or mean?")


# Two losses: in a run


def test_the_terms_of_an_epoch_are_told(stocked: Store, runs: dict[str, str]) -> None:
    app = open_page("two_losses.py", run=runs["1-D"])
    now = row(stocked, runs["1-D"], "vae", "validation", 2)
    (notice,) = (text for text in notices(app) if "of what this model minimises" in text)
    assert f"reconstruction {now['reconstruction']:.2f} (a squared error, not nats), KL {now['kl']:.2f} nats" in notice
    share = 0.5 * now["kl"] / (now["reconstruction"] + 0.5 * now["kl"])
    assert f"β · KL with β = 0.5 is {share:.1%} of" in notice


@pytest.mark.parametrize("variant", ["noise_only", "kl_only", "vae"])
def test_a_variant_pays_its_own_kl(stocked: Store, runs: dict[str, str], variant: str) -> None:
    run_id = runs["all four"]
    app = choose(open_page("two_losses.py", run=run_id), "losses.variant", variant)
    now = row(stocked, run_id, variant, "validation", 1)
    (notice,) = (text for text in notices(app) if "of what this model minimises" in text)
    assert f"reconstruction {now['reconstruction']:.2f}, KL {now['kl']:.2f} nats" in notice
    paid = 0 if variant == "noise_only" else 1
    assert f"β · KL with β = {paid} is {paid * now['kl'] / now['loss']:.1%}" in notice
    again = Again.of(stocked, run_id, 1)
    mu, logvar = oracle.encode(oracle.as_float64(again.models[variant].state_dict()), np.float64(again.x), "relu")
    kl, active = oracle.kl(mu, logvar).mean(axis=0), mu.var(axis=0) > 0.01
    (notice,) = (text for text in notices(app) if "dimensions are active" in text)
    assert f"{active.sum()} of 3 dimensions are active" in notice
    assert f"and hold {kl[active].sum() / kl.sum():.1%} of the KL" in notice


def test_the_same_pictures_by_both_losses(stocked: Store, runs: dict[str, str]) -> None:
    app = open_tab(open_page("two_losses.py", run=runs["2-D"]), "BCE or squared error")
    again = Again.of(stocked, runs["2-D"])
    (table,) = (element.value for element in app.dataframe)
    vae = VARIANT_TITLES["vae"]
    assert table["Pictures"].tolist() == [VARIANT_TITLES["ae"], f"{vae}, from μ", f"{vae}, from a sample"]
    x = np.float64(again.x)
    for name, title in (("ae", VARIANT_TITLES["ae"]), ("vae", f"{vae}, from μ")):
        weights = oracle.as_float64(again.models[name].state_dict())
        logits = oracle.decode(weights, oracle.encode(weights, x, "relu")[0], "relu")
        (cells,) = table[table["Pictures"] == title].to_dict("records")
        assert cells["BCE (nats / image)"] == pytest.approx(oracle.bce(logits, x).mean(), rel=1e-5)
        assert cells["Squared error / image"] == pytest.approx(oracle.sse(logits, x).mean(), rel=1e-5)
        assert cells["MSE / pixel"] == pytest.approx(oracle.sse(logits, x).mean() / 64, abs=5.1e-5)
    (notice,) = (text for text in notices(app) if "BCE can't reach 0" in text)
    inside = np.where((x > 0) & (x < 1), x, 0.5)
    own = np.where((x > 0) & (x < 1), -inside * np.log(inside) - (1 - inside) * np.log(1 - inside), 0)
    assert f"even a perfect copy costs {own.sum(axis=1).mean():.2f} nats" in notice
    squared = np.square(again.train.mean(axis=0, dtype=np.float64) - x).sum(axis=1).mean()
    assert f"nats or {squared:.2f} squared error" in notice
    assert (table["BCE (nats / image)"] > own.sum(axis=1).mean()).all(), "nothing gets below it"
    assert "Over 200 validation images." in texts(app)


@pytest.mark.parametrize("beta", [1.0, 1000.0])
def test_the_alarm_rings_exactly_at_the_epochs_that_have_collapsed(shared: Store, beta: float) -> None:
    run_id = done(shared, RunConfig(epochs=8, beta=beta, reconstruction="sse", learning_rate=1e-2))
    app, rung = open_page("two_losses.py", run=run_id), {}
    (picker,) = (slider for slider in app.select_slider if slider.label == "Epoch")
    for epoch in map(int, picker.options):
        next(slider for slider in app.select_slider if slider.label == "Epoch").set_value(epoch).run()
        assert not app.exception, app.exception
        now = row(shared, run_id, "vae", "validation", epoch)
        rung[epoch] = errors(app)
        if epoch and now["kl"] < 0.1 and now["active_units"] == 0:
            assert rung[epoch] == [
                f"{VARIANT_TITLES['vae']}: collapsed. Its KL is {now['kl']:.4f} nats and none of 2 dimensions is "
                "active: the code says nothing about the image."
            ]
        else:
            assert rung[epoch] == []
    assert bool(rung[8]) == (beta == 1000.0), "both cases are seen"


@pytest.mark.parametrize(("kl", "active_units", "rings"), [(0.099, 0, True), (0.101, 0, False), (0.099, 1, False)])
def test_the_alarm_needs_both_a_kl_below_a_tenth_and_no_active_dimension(
    stocked: Store, runs: dict[str, str], kl: float, active_units: int, rings: bool
) -> None:
    with stocked.write() as connection:
        mine = (schema.metrics.c.run_id == runs["2-D"], schema.metrics.c.variant == "vae")
        connection.execute(update(schema.metrics).where(*mine).values(kl=kl, active_units=active_units))
    app = open_page("two_losses.py", run=runs["2-D"])
    assert [f"Its KL is {kl:.4f} nats" in error.value for error in app.error] == [True] * rings


# Two losses: other weights of the KL


def test_every_weight_is_queued_once_and_shown_as_far_as_it_is(stocked: Store, runs: dict[str, str]) -> None:
    app = open_tab(open_page("two_losses.py", run=runs["2-D"]), "Other β")
    assert "β = 0, 0.1, 1, 4, 20, all else the same, 5 still to train." in texts(app)
    press(app, "Train with every β")
    assert not app.exception, app.exception
    expected = [CONFIGS["2-D"].model_copy(update={"variants": ("vae",), "beta": beta}) for beta in similar_runs.BETAS]
    assert queued(stocked) == expected
    assert "Train with every β" not in labels(app)
    assert "Waiting for a worker" in [bar.proto.text for bar in app.get("progress")]
    ids = dict(zip(similar_runs.BETAS, stocked.queue(), strict=True))
    for beta in (0.0, 4.0):
        assert execute(stocked, ids[beta], Settings.from_environment()) == "done"
    look_again()
    app = open_tab(open_page("two_losses.py", run=runs["2-D"]), "Other β")
    assert not app.error
    rows = {beta: row(stocked, ids[beta], "vae", "validation", 2) for beta in (0.0, 4.0)}
    (notice,) = (text for text in notices(app) if "KL in nats" in text)
    on = "mean over 200 validation images"
    for name, start in (("kl", f"KL in nats / image ({on}): "), ("reconstruction", f"image ({on}, from a sample): ")):
        listed = "; ".join(f"β = {beta:g} {rows[beta][name]:.2f}" for beta in rows)
        assert f"{start}{listed}. Expected from the article: a larger β gives a" in notice
    grown = rows[4.0]["reconstruction"] - rows[0.0]["reconstruction"]
    said = "as expected" if grown > 0 else "**not as expected**"
    assert "a lower KL. In this one seed: from β = 0 to β = 4: as expected. " in notice
    assert notice.endswith(
        f"loss. In this one seed: from β = 0 to β = 4: {said}. Only one seed: not enough to conclude."
    )
    assert rows[0.0]["kl"] > rows[4.0]["kl"]


def test_a_vae_that_is_there_already_is_not_trained_again(stocked: Store, runs: dict[str, str]) -> None:
    own = done(stocked, CONFIGS["2-D"].model_copy(update={"variants": ("vae",)}))
    app = open_tab(open_page("two_losses.py", run=own), "Other β")
    assert "4 still to train." in texts(app)
    press(app, "Train with every β")
    assert [config.beta for config in queued(stocked)] == [0.0, 0.1, 4.0, 20.0]


# A queue that takes no more


def behind(label: str, run_id: str) -> AppTest:
    """The page with this button, on the tab where it is."""
    return open_tab(open_page(QUEUEING[label], run=run_id), TABS[label])


class FullQueue(QuietJobs):
    def submit(self, config: RunConfig, visitor: str | None = None) -> str:
        raise InputError("The queue is full: 20 runs are waiting.")


@pytest.mark.parametrize("label", QUEUEING)
def test_a_full_queue_is_told(
    stocked: Store, runs: dict[str, str], monkeypatch: pytest.MonkeyPatch, label: str
) -> None:
    monkeypatch.setattr(resources, "jobs", lambda: FullQueue(stocked))
    app = press(behind(label, runs["2-D"]), label)
    assert not app.exception, app.exception
    assert errors(app) == ["The queue is full: 20 runs are waiting."]
    assert queued(stocked) == []
    assert label in labels(app), "to be tried again"


@pytest.mark.parametrize("label", QUEUEING)
def test_what_came_before_a_full_queue_stays_in_it(
    stocked: Store, runs: dict[str, str], monkeypatch: pytest.MonkeyPatch, label: str
) -> None:
    class OneMore(QuietJobs):
        def submit(self, config: RunConfig, visitor: str | None = None) -> str:
            if queued(self.store):
                raise InputError("The queue is full: 1 run is waiting.")
            return super().submit(config, visitor)

    monkeypatch.setattr(resources, "jobs", lambda: OneMore(stocked))
    app = press(behind(label, runs["2-D"]), label)
    assert errors(app) == ["The queue is full: 1 run is waiting."]
    first = queued(stocked)
    assert len(first) == 1
    monkeypatch.setattr(resources, "jobs", lambda: QuietJobs(stocked))
    press(app, label)
    everything = queued(stocked)
    assert everything[:1] == first
    assert (
        len(everything)
        == len(set(map(repr, everything)))
        == {"the_trick.py": 4}.get(QUEUEING[label], 5 if "β" in label else 2)
    )
