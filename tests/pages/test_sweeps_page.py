"""The page of sweeps: asking for one, looking at it live and ended, and links that carry one."""

from __future__ import annotations

import pandas as pd
import pytest
from lessons import labels, press
from paging import open_page, open_tab, texts
from streamlit.testing.v1 import AppTest

from pages.sections.sweeps import points
from pages.sections.sweeps.form import link_to
from pages.shared.share_link import address
from pages.state import resources
from vae.config import RunConfig
from vae.runs.execution import execute
from vae.settings import Settings
from vae.store.runs import Store
from vae.sweeps import stored
from vae.sweeps.driver import advance
from vae.sweeps.spec import READY, Range, SweepSpec
from vae.sweeps.study import study_of

DIVERGING = RunConfig(hidden=(8,), train_limit=100, validation_size=20, epochs=3, learning_rate=1.0)  # with a large β
TINY = RunConfig(hidden=(8,), train_limit=100, validation_size=20, epochs=1)


def spec(**options) -> SweepSpec:
    return SweepSpec.parse(TINY, options.pop("over", {"latent_dim": [1, 2]}), **options)


def swept(store: Store, asked: SweepSpec, runs: int | None = None, ends: tuple[str, ...] = ("done",)) -> str:
    """The id of a sweep whose first `runs` runs are trained; all of them, and it is over, unless told."""
    settings, done = Settings.from_environment(), 0
    sweep_id = stored.create(store, asked, "mine", "test")
    while advance(store, stored.find(store, sweep_id), settings, room=100) == "running":
        waiting = [member for member in stored.members(store, sweep_id) if member.status == "queued"]
        for member in waiting:
            if runs is not None and done >= runs:
                return sweep_id
            assert execute(store, member.run_id, settings) in ends
            done += 1
    return sweep_id


def take(app: AppTest, name: str) -> AppTest:
    """Press a ready-made question, which fills in the form."""
    app.get("button_group")[0].set_value(name).run()
    assert not app.exception, app.exception
    return app


def test_without_a_sweep_the_page_offers_three(shared: Store) -> None:
    app = open_page("sweeps.py")
    assert "No sweep yet" in texts(app)
    questions = app.get("button_group")[0]
    assert questions.options == [title for title, _, _ in READY.values()]
    assert labels(app).count("Run this sweep") == 1
    assert "7 points × 3 seeds = 21 runs" in texts(app), "the first one is in the form"


@pytest.mark.parametrize("name", READY)
def test_a_ready_made_sweep_fills_in_the_form_and_is_asked_for(shared: Store, name: str) -> None:
    app = press(take(open_page("sweeps.py"), name), "Run this sweep")
    (sweep,) = stored.listed(shared)
    assert (sweep.status, sweep.owner, sweep.spec) == ("running", "test", READY[name][2])
    assert sweep.name == READY[name][0]
    assert f"0 of {sweep.spec.size * 3} runs done" in texts(app)
    assert app.query_params["sweep"] == sweep.id


def test_a_ready_made_question_is_lit_while_the_form_asks_it(shared: Store) -> None:
    app = open_page("sweeps.py")
    assert app.session_state["sweep_form.ready"] == "dimensions"
    app.number_input(key="sweep_form.seeds").set_value(2).run()
    assert app.session_state["sweep_form.ready"] is None
    app.number_input(key="sweep_form.seeds").set_value(3).run()
    assert app.session_state["sweep_form.ready"] == "dimensions"


def test_a_form_asks_for_any_fields(shared: Store) -> None:
    app = open_page("sweeps.py")
    app.multiselect(key="sweep_form.fields").set_value(["latent_dim", "hidden"]).run()
    app.text_input(key="sweep_form.values.latent_dim").set_value("2, 3").run()
    app.text_input(key="sweep_form.values.hidden").set_value("16, 16-8").run()
    app.number_input(key="sweep_form.seeds").set_value(2).run()
    app.button(key="own.start").click().run()
    (sweep,) = stored.listed(shared)
    assert sweep.spec.over == {"latent_dim": (2, 3), "hidden": ("16", "16,8")}
    assert (sweep.spec.size, sweep.spec.seeds) == (4, 2)


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ("", "beta is ''"),
        ("a, b", "beta is 'a'"),
        ("1, 1", "each only once"),
        ("0.1..10", "which a grid can't list"),
        ("-1", "beta is '-1'"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_asked_for(shared: Store, values: str, sentence: str) -> None:
    app = open_page("sweeps.py")
    app.multiselect(key="sweep_form.fields").set_value(["beta"]).run()
    app.text_input(key="sweep_form.values.beta").set_value(values).run()
    assert sentence in texts(app)
    assert "own.start" not in [button.key for button in app.button]
    assert app.text_input(key="sweep_form.values.beta").value == values, "what was typed stays"
    assert stored.listed(shared) == []


def test_more_epochs_than_the_server_allows_are_refused(shared: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VAE_MAX_EPOCHS", "10")
    resources.settings.cache_clear()
    app = press(open_page("sweeps.py"), "Run this sweep")
    assert "this server allows 10" in texts(app)
    assert stored.listed(shared) == []


def test_an_ended_sweep_shows_effects_points_and_optunas_plots(shared: Store) -> None:
    sweep_id = swept(shared, spec(seeds=2))
    app = open_page("sweeps.py", sweep=sweep_id)
    assert "4 of 4 runs done" in texts(app)
    assert "What to notice" in texts(app)
    assert any("1 → 2" in element.value for element in app.markdown)
    open_tab(app, "Points")
    (points_table,) = (table.value for table in app.dataframe)
    assert list(points_table["Latent dimensions"]) == ["1", "2"]
    assert list(points_table["Status"]) == ["done", "done"]
    assert list(points_table[""]).count("★") == 1
    best = points_table["Reconstruction"].astype(float).idxmin()
    assert points_table.loc[best, ""] == "★"
    assert not app.exception


def test_a_running_sweep_shows_what_is_there(shared: Store) -> None:
    app = open_page("sweeps.py", sweep=swept(shared, spec(seeds=2), runs=3))
    assert "3 of 4 runs done" in texts(app)
    assert "Stop" in labels(app)
    open_tab(app, "Points")
    (points_table,) = (table.value for table in app.dataframe)
    assert sorted(points_table["Status"]) == ["done", "running"] or list(points_table["Status"]) == [
        "running",
        "running",
    ]


def test_a_sweep_is_stopped_and_goes_on(shared: Store) -> None:
    sweep_id = swept(shared, spec(seeds=2), runs=1)
    app = press(open_page("sweeps.py", sweep=sweep_id), "Stop")
    assert stored.find(shared, sweep_id).status == "stopped"
    assert {member.status for member in stored.members(shared, sweep_id)} == {"done", "interrupted"}
    press(app, "Resume")
    assert stored.find(shared, sweep_id).status == "running"
    advance(shared, stored.find(shared, sweep_id), Settings.from_environment(), room=100)
    assert {member.status for member in stored.members(shared, sweep_id)} == {"done", "queued"}


def test_two_objectives_have_a_front(shared: Store) -> None:
    asked = spec(over={"beta": [0, 4]}, seeds=1, objectives=("reconstruction", "kl"))
    app = open_tab(open_page("sweeps.py", sweep=swept(shared, asked)), "Optuna's plots")
    choices = next(group for group in app.get("button_group") if group.key == "sweep.plot")
    assert "Pareto front" in choices.options
    open_tab(app, "Points")
    assert "We look for low reconstruction loss and low KL of the variational autoencoder" in texts(app)
    (points_table,) = (table.value for table in app.dataframe)
    assert {"Reconstruction", "KL"} <= set(points_table.columns)
    marked, none_better = "★" in list(points_table[""]), "so none is marked" in texts(app)
    assert marked != none_better


def test_losses_that_cannot_be_compared_are_not_offered(shared: Store) -> None:
    asked = spec(over={"reconstruction": ["bce", "sse"]}, seeds=1, objectives=("mse",))
    app = open_page("sweeps.py", sweep=swept(shared, asked))
    measure = next(box for box in app.selectbox if box.label == "Measure")
    assert "Reconstruction" not in measure.options
    assert "MSE, from μ (per pixel)" in measure.options


def test_drawn_points_are_shown(shared: Store) -> None:
    asked = spec(over={"learning_rate": Range(low=1e-4, high=1e-2, log=True)}, sampler="random", points=2, seeds=1)
    app = open_page("sweeps.py", sweep=swept(shared, asked))
    assert not app.exception
    assert "2 of 2 runs done" in texts(app)


def test_a_link_to_a_sweep_that_is_gone_is_told(shared: Store) -> None:
    assert "There is no sweep 'nowhere'" in texts(open_page("sweeps.py", sweep="nowhere"))


# Links


@pytest.mark.parametrize(
    "asked",
    [
        READY["dimensions"][2],
        READY["beta"][2],
        spec(over={"learning_rate": Range(low=1e-4, high=1e-2, log=True)}, sampler="tpe", points=7, seeds=2),
        spec(over={"hidden": ["", "16-8"]}, objectives=("mse", "kl"), of="vae"),
    ],
)
def test_a_link_carries_the_whole_sweep(shared: Store, asked: SweepSpec) -> None:
    app = open_page("sweeps.py", spec=link_to(asked))
    app.button(key="linked.start").click().run()
    (sweep,) = stored.listed(shared)
    assert sweep.spec == asked


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "null",
        "7",
        '{"over": {}}',
        '{"over": {"beta": [1]}, "sampler": "magic"}',
        '{"over": {"x": [1]}}',
        '{"over": {"beta": [1]}, "base": 3}',
        '{"over": {"beta": 1}}',
        '{"over": {"beta": [1]}, "more": 1}',
    ],
)
def test_a_link_that_holds_no_sweep_is_told(shared: Store, text: str) -> None:
    app = open_page("sweeps.py", spec=text)
    if text:
        assert "The sweep in the link was not used." in texts(app)
    assert stored.listed(shared) == []
    assert "linked.start" not in [button.key for button in app.button]


def test_an_address_keeps_what_stands_before_the_page(monkeypatch: pytest.MonkeyPatch) -> None:
    for url, expected in (
        ("http://a:1/", "http://a:1/train?seed=3"),
        ("http://a:1/train", "http://a:1/train?seed=3"),
        ("https://b/lab/twins/sweeps", "https://b/lab/twins/train?seed=3"),
    ):
        monkeypatch.setattr("streamlit.context", type("Context", (), {"url": url})())
        assert address("train", {"seed": "3"}) == expected


def test_of_two_objectives_none_is_marked_where_none_is_beaten(shared: Store) -> None:
    """Every β trades one for the other: a star at all of them would say nothing."""
    asked = spec(over={"beta": [0, 1, 4]}, seeds=1, objectives=("reconstruction", "kl"))
    sweep = stored.find(shared, stored.create(shared, asked, "mine", "test"))
    study = study_of(shared, sweep)
    for values in ([1, 3], [2, 2], [3, 1]):
        study.tell(study.ask(), values)
    assert points._marks(sweep, study.trials, pd.DataFrame()) == {}
    assert "so none is marked" in points._meaning(sweep.spec, {})
    study.enqueue_trial({})
    study.tell(study.ask(), [4, 4])
    assert points._marks(sweep, study.trials, pd.DataFrame()) == {0: "★", 1: "★", 2: "★"}


def test_those_like_the_best_are_marked_as_such(shared: Store) -> None:
    """Of one objective and three seeds: the best mean, and what can't be told from it, seed by seed."""
    asked = spec(over={"latent_dim": [1, 2, 3]}, seeds=3)
    sweep = stored.find(shared, stored.create(shared, asked, "mine", "test"))
    study, rows = study_of(shared, sweep), []
    for number, values in enumerate(([5.0, 6.0, 7.0], [4.9, 6.2, 6.8], [9.0, 10.0, 11.1])):
        study.tell(study.ask(), sum(values) / 3)
        rows += [(number, "vae", "validation", seed, value) for seed, value in enumerate(values)]
    results = pd.DataFrame(rows, columns=["number", "variant", "split", "seed", "reconstruction"])
    assert points._marks(sweep, study.trials, results) == {1: "★", 0: "≈"}
    assert "≈ no clear difference" in points._meaning(asked, {1: "★", 0: "≈"})


def test_the_autoencoder_is_not_compared_over_beta(shared: Store) -> None:
    app = open_page("sweeps.py", sweep=swept(shared, spec(over={"beta": [0, 1, 4]}, seeds=3)))
    assert "Autoencoder: β, the weight of the KL is no part of its loss." in texts(app)


def test_points_that_failed_are_listed_with_their_reasons(shared: Store) -> None:
    asked = SweepSpec.parse(DIVERGING, {"beta": [1, 1000]}, seeds=1)
    sweep_id = swept(shared, asked, ends=("done", "failed"))
    app = open_page("sweeps.py", sweep=sweep_id)
    assert stored.find(shared, sweep_id).status == "done"
    assert [expander.label for expander in app.expander if "failed" in expander.label] == [
        "1 of 2 points failed or were stopped early"
    ]
    assert "Point 1 (β, the weight of the KL 1000): Seed 0: The ae diverged" in texts(app) or "vae diverged" in texts(
        app
    )
    (points_table,) = (table.value for table in open_tab(app, "Points").dataframe)
    assert points_table["Status"].iloc[0] == "done" and points_table["Status"].iloc[1].startswith(
        "failed: Seed 0: The "
    )


def test_a_sweep_of_which_nothing_succeeded_has_failed(shared: Store) -> None:
    asked = SweepSpec.parse(DIVERGING, {"beta": [900, 1000]}, seeds=1)
    sweep_id = swept(shared, asked, ends=("failed",))
    app = open_page("sweeps.py", sweep=sweep_id)
    sweep = stored.find(shared, sweep_id)
    assert (sweep.status, sweep.error.startswith("No point ended well. Seed 0: The ")) == ("failed", True)
    assert "Resume" not in labels(app), "there is nothing to go on with"
    assert not app.exception
