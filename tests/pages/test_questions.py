"""The questions of the lessons: which choice the numbers give, turned every way, and that the pages ask them."""

import math

import pandas as pd
import pytest
from lessons import labels, press, until
from paging import open_page, open_tab, texts

from pages.shared import similar_runs
from pages.shared.predict.questions import (
    QUESTIONS,
    both_terms,
    how_many,
    least_moved,
    who_passes,
    whose_last_step,
    whose_picture,
)
from pages.state import resources
from vae.analysis.comparing import Difference
from vae.choices.estimators import ESTIMATOR_SETUPS
from vae.config import RunConfig
from vae.runs.execution import execute
from vae.settings import ROOT, Settings
from vae.sweeps import stored
from vae.sweeps.driver import advance
from vae.sweeps.spec import SweepSpec

MORE, LESS, OPEN = (1.5, 1.2, 1.8, 3), (0.6, 0.5, 0.7, 3), (1.1, 0.8, 1.4, 3)
FEW, NONE = (1.5, math.nan, math.nan, 2), (math.nan, math.nan, math.nan, 3)


@pytest.mark.parametrize(
    ("units", "choice"),
    [
        ([MORE, MORE], 0),
        ([LESS, LESS], 1),
        ([MORE, LESS, OPEN], 2),
        ([MORE, NONE], 0),
        ([MORE, OPEN], None),
        ([OPEN, OPEN], None),
        ([FEW, FEW], None),
    ],
)
def test_whose_picture_changes_more(units, choice):
    rows = [(f"unit {number}", 0.5, *ratio) for number, ratio in enumerate(units)]
    assert whose_picture(pd.DataFrame(rows, columns=["unit", "size", "ratio", "low", "high", "seeds"])) == choice


def nudged(by_unit, seeds=3):
    """Rows of `sensitivity.table`: RMSE by unit and variant, seeds a little apart."""
    rows = [
        (variant, unit, 0.5, rmse + 0.001 * seed, seed)
        for unit, by_variant in by_unit.items()
        for variant, rmse in zip(("noise_only", "kl_only", "vae", "ae"), (*by_variant, 0.01), strict=True)
        for seed in range(seeds)
    ]
    return pd.DataFrame(rows, columns=["variant", "unit", "size", "rmse", "seed"])


@pytest.mark.parametrize(
    ("by_unit", "choice"),
    [
        ({"a": (0.1, 0.2, 0.3), "b": (0.2, 0.4, 0.3)}, 0),
        ({"a": (0.2, 0.1, 0.3)}, 1),
        ({"a": (0.3, 0.2, 0.1), "b": (0.2, 0.3, 0.1)}, 2),
        ({"a": (0.3, 0.2, 0.1), "b": (0.1, 0.2, 0.3)}, 3),
        ({"a": (0.1, 0.1, 0.3)}, None),  # two alike
        ({"a": (0.3, 0.2, 0.1), "b": (0.1, 0.1, 0.1)}, None),  # clear in one unit only
    ],
)
def test_who_moves_least_of_the_ingredients(by_unit, choice):
    assert least_moved(nudged(by_unit)) == choice


def test_two_seeds_do_not_say_who_moves_least():
    assert least_moved(nudged({"a": (0.1, 0.2, 0.3)}, seeds=2)) is None


@pytest.mark.parametrize(
    ("passing", "choice"),
    [
        ({"pathwise"}, 0),
        ({"pathwise", "score_function", "score_function_loo"}, 1),
        (set(ESTIMATOR_SETUPS), 2),
        (set(), None),  # the decoder answers every code alike
        ({"score_function", "score_function_loo"}, None),
    ],
)
def test_which_estimators_reach_the_encoder(passing, choice):
    assert who_passes({name: 0.3 if name in passing else 0.0 for name in ESTIMATOR_SETUPS}) == choice


FALLS, RISES, UNCLEAR = Difference(-1, -1.2, -0.8, 3), Difference(1, 0.8, 1.2, 3), Difference(1, -1, 3, 3)


@pytest.mark.parametrize(
    ("kl", "reconstruction", "choice"),
    [
        (FALLS, FALLS, 0),
        (FALLS, RISES, 1),
        (RISES, RISES, 2),
        (RISES, FALLS, 3),
        (FALLS, UNCLEAR, None),
        (Difference(-1, -1.2, -0.8, 2), Difference(1, 0.8, 1.2, 2), None),  # two seeds
    ],
)
def test_what_beta_does_to_both_terms(kl, reconstruction, choice):
    assert both_terms({"kl": kl, "reconstruction": reconstruction}) == choice


@pytest.mark.parametrize(("active", "choice"), [(0, 0), (1, 1), (31, 1), (32, 2)])
def test_how_many_dimensions_are_used(active, choice):
    assert how_many((active, 32)) == choice


@pytest.mark.parametrize(
    ("ae", "vae", "choice"),
    [
        ("falls", "falls", 0),
        ("falls", "open", 1),
        ("rises", "falls", 2),
        ("open", "rises", 3),
        ("falls", "too few seeds", None),
    ],
)
def test_whose_measure_falls_at_the_last_step(ae, vae, choice):
    rows = [("ae", 2, 8, "rises"), ("ae", 8, 32, ae), ("vae", 2, 8, "rises"), ("vae", 8, 32, vae)]
    assert whose_last_step(pd.DataFrame(rows, columns=["variant", "start", "end", "said"])) == choice


def test_every_question_is_a_page_s_and_has_two_to_four_choices():
    for question in QUESTIONS.values():
        assert (ROOT / "pages" / question.page).exists()
        assert 2 <= len(question.choices) <= 4
        assert question.text.endswith("?")


def look_again():
    """Reads are shared for a second: what comes after is read anew."""
    resources.forget()
    similar_runs.known.clear()


def asked(app):
    """What is asked on a page."""
    return [group.label for group in app.pills if group.label.startswith("**Predict:**")]


def test_perturbation_asks_before_its_verdict_and_keeps_the_way_to_more_seeds(stocked, runs):
    app = until(open_page("perturbation.py", asking=True, run=runs["3-D"]), asked)
    assert asked(app) == [f"**Predict:** {QUESTIONS['claim 3'].text}"]
    assert "Verdict" not in texts(app) and not app.dataframe
    assert "Train 2 more seeds for a verdict" in labels(app)
    open_tab(app, "Every size")
    assert asked(app) and "What to notice" not in texts(app), "it is the same question"
    app.pills[0].set_value(1).run()
    assert "What to notice" in texts(app)
    open_tab(app, "One size")
    assert "**Verdict.**" in texts(app)
    assert "You predicted: the VAE's, in every unit. These numbers do not decide it." in texts(app)


def test_the_ingredients_have_a_question_of_their_own(stocked, runs):
    app = until(open_page("perturbation.py", asking=True, run=runs["all four"]), asked)
    press(app, "Show me")
    open_tab(app, "Which ingredient does it?")
    assert asked(app) == [f"**Predict:** {QUESTIONS['claim 6'].text}"]
    assert "Pixel RMSE of a nudge" not in texts(app)
    press(app, "Show me")
    assert "Pixel RMSE of a nudge" in texts(app) and "You predicted" not in texts(app)


def test_a_run_of_one_model_is_measured_without_a_question(stocked, runs):
    app = until(open_page("perturbation.py", asking=True, run=runs["vae only"]), lambda app: app.dataframe)
    assert not asked(app)


def drawn(app):
    """Whether one image's step is."""
    return any(component.key and component.key.startswith("one_step.") for component in app.get("bidi_component"))


def test_the_trick_shows_its_own_step_and_asks_before_the_others(stocked, runs):
    app = open_page("the_trick.py", asking=True, run=runs["2-D"])
    assert not asked(app) and drawn(app)
    ways = next(group for group in app.get("button_group") if group.key == "trick.way")
    ways.set_value("detached").run()
    assert asked(app) == [f"**Predict:** {QUESTIONS['claim 11'].text}"]
    assert not drawn(app)
    assert next(group for group in app.get("button_group") if group.key == "trick.way").value == "detached"
    next(group for group in app.pills if group.label.startswith("**Predict:**")).set_value(1).run()
    assert not app.exception, app.exception
    assert drawn(app)
    assert "You predicted: the trick and the score function. That is what was measured." in texts(app)


def test_two_losses_asks_what_beta_does_once_nothing_is_under_way(stocked, runs):
    app = press(open_tab(open_page("two_losses.py", asking=True, run=runs["2-D"]), "Other β"), "Train with every β")
    ids = stocked.queue()
    for run_id in ids[:2]:
        assert execute(stocked, run_id, Settings.from_environment()) == "done"
    look_again()
    app = open_tab(open_page("two_losses.py", asking=True, run=runs["2-D"]), "Other β")
    assert not asked(app) and "KL in nats" in texts(app), "three are under way"
    for run_id in ids[2:]:
        assert execute(stocked, run_id, Settings.from_environment()) == "done"
    look_again()
    app = open_tab(open_page("two_losses.py", asking=True, run=runs["2-D"]), "Other β")
    assert asked(app) == ["**Predict:** From β = 0 to β = 20: what happens to the KL and to the reconstruction loss?"]
    assert "KL in nats" not in texts(app)
    assert "Train 2 more seeds for a verdict" in labels(app)
    app.pills[0].set_value(1).run()
    assert "KL in nats" in texts(app)
    assert "You predicted: the KL falls, the reconstruction loss rises. These numbers do not decide it." in texts(app)


def test_sum_or_mean_asks_how_many_dimensions_are_left(shared):
    app = press(
        open_tab(open_page("two_losses.py", asking=True), "Sum or mean?"), "Train a failing VAE and the fixed one"
    )
    assert not asked(app)
    for run_id in shared.queue():
        short = shared.run(run_id).config.latent_dim
        assert execute(shared, run_id, Settings.from_environment()) == "done"
    look_again()
    app = open_tab(open_page("two_losses.py", asking=True), "Sum or mean?")
    question = f"Averages instead of sums: how many of the {short} dimensions does this VAE still use?"
    assert asked(app) == [f"**Predict:** {question}"]
    assert "dimensions active" not in texts(app)
    next(group for group in app.pills if group.label.startswith("**Predict:**")).set_value(2).run()
    averaged = next(text.value for text in app.markdown if text.value.startswith("**Averages**"))
    active = int(averaged.split("nats, **")[1].split("**")[0])
    given = QUESTIONS["reduction"].choices[how_many((active, short))]
    said = "That is what was measured." if given == "all" else f"Measured: {given}."
    assert f"You predicted: all. {said}" in texts(app)


def test_a_sweep_asks_about_its_last_step_and_keeps_its_controls(shared):
    config = RunConfig(hidden=(8,), train_limit=100, validation_size=20, epochs=1)
    asked_for = SweepSpec.parse(config, {"latent_dim": [1, 2]}, seeds=3)
    sweep_id = stored.create(shared, asked_for, "mine", "test")
    while advance(shared, stored.find(shared, sweep_id), Settings.from_environment(), room=100) == "running":
        for member in stored.members(shared, sweep_id):
            if member.status == "queued":
                assert execute(shared, member.run_id, Settings.from_environment()) == "done"
    app = open_page("sweeps.py", asking=True, sweep=sweep_id)
    measure = app.selectbox(key=f"sweep.measure.{sweep_id}").options[0]
    assert asked(app) == [
        f"**Predict:** Latent dimensions, from 1 to 2: whose {measure} still falls at the last step, from 1 to 2?"
    ]
    assert "What to notice" not in texts(app) and not app.get("plotly_chart")
    next(group for group in app.pills if group.label.startswith("**Predict:**")).set_value(0).run()
    assert "What to notice" in texts(app)
    assert "You predicted: both." in texts(app)
    open_tab(app, "Points")
    assert not asked(app)
