"""The Argument page: every claim asked before it is told, measured from one run on, and what is lacking trained."""

from __future__ import annotations

import json
import re

import pytest
from lessons import CONFIGS, done, labels, press, until
from paging import open_page, texts
from streamlit.testing.v1 import AppTest
from thorough import thorough

from pages.claims.experiments import EXPERIMENTS
from vae.argument import kept
from vae.argument.claims import ARTICLE, CLAIMS
from vae.argument.findings import BADGES, Finding
from vae.store.runs import Store

TRAIN = re.compile(r"Train (\d+) more runs? for a verdict")
each_claim = pytest.mark.parametrize("number", CLAIMS)


def claim(number: int, run: str, asking: bool = True) -> AppTest:
    return open_page("argument.py", asking, run=run, claim=str(number))


def markup(app: AppTest) -> str:
    return "\n".join(element.proto.body for element in app.get("html"))


def found(store: Store, run: str, number: int) -> Finding:
    return kept.findings(kept.read(store, store.run(run).config, (number,)), (number,))[number]


def test_every_claim_has_an_experiment() -> None:
    assert set(EXPERIMENTS) == set(CLAIMS)


@pytest.mark.parametrize("number", thorough(CLAIMS, (3, 6)))
def test_a_claim_is_asked_before_it_is_told(stocked: Store, runs: dict[str, str], number: int) -> None:
    app = claim(number, runs["all four"])
    (asked,) = app.pills
    assert (asked.label, tuple(asked.options)) == (f"**Predict:** {CLAIMS[number].question}", CLAIMS[number].choices)
    assert CLAIMS[number].title.split("²")[0] in markup(app)
    assert 'class="badge"' not in markup(app)


@pytest.mark.parametrize("number", thorough(CLAIMS, (3, 6)))
def test_what_was_measured_is_what_the_store_keeps(stocked: Store, runs: dict[str, str], number: int) -> None:
    """One quick run gives numbers, or says what is lacking; three seeds alone give a verdict."""
    app = press(claim(number, runs["all four"]), "Show me")
    until(app, lambda app: not app.get("progress"))
    finding = found(stocked, runs["all four"], number)
    assert finding.said in [element.value for element in app.markdown]
    assert BADGES[finding.badge].title in markup(app) and not BADGES[finding.badge].verdict
    assert all(one.short in markup(app) for one in finding.numbers)
    assert CLAIMS[number].deeper in [link.proto.label for link in app.get("page_link")]
    assert any(TRAIN.fullmatch(label) for label in labels(app))


def test_an_answer_is_held_against_the_measurement(stocked: Store, runs: dict[str, str]) -> None:
    app = claim(10, runs["2-D"])
    app.pills[0].set_value(0).run()
    assert "You predicted: below 0.1. These numbers do not decide it." in texts(app)  # of one seed


def test_what_a_verdict_lacks_is_trained_by_one_button(stocked: Store, runs: dict[str, str]) -> None:
    """The page looks again at once: it says what is under way, and offers it no second time."""
    app = press(claim(10, runs["2-D"]), "Show me")
    until(app, lambda app: not app.get("progress"))
    (label,) = [label for label in labels(app) if TRAIN.fullmatch(label)]
    press(app, label)
    assert not app.exception
    assert {run.config.seed for run in stocked.runs(10, ("queued",))} == {1, 2}
    (progress,) = app.get("progress")
    assert progress.proto.text == "Waiting for a worker (2 to go)"
    assert not [label for label in labels(app) if TRAIN.fullmatch(label)]


def test_three_seeds_make_a_verdict(stocked: Store, runs: dict[str, str]) -> None:
    for seed in (1, 2):
        done(stocked, CONFIGS["2-D"].model_copy(update={"seed": seed}))
    app = claim(10, runs["2-D"])
    app.pills[0].set_value(1).run()
    until(app, lambda app: "does not hold here" in markup(app))
    assert "You predicted: about 0.7. That is what was measured." in texts(app)
    assert not [label for label in labels(app) if TRAIN.fullmatch(label)]


def test_all_claims_are_one_picture_with_what_is_lacking(stocked: Store, runs: dict[str, str]) -> None:
    app = open_page("argument.py", run=runs["2-D"])
    until(app, lambda app: not app.get("progress"))
    given = [json.loads(component.proto.json) for component in app.get("bidi_component") if component.proto.json]
    (drawing,) = [data["svg"] for data in given if "svg" in data]
    assert all(claim.title in drawing for claim in CLAIMS.values())
    assert "Picture (SVG)" in [button.proto.label for button in app.get("download_button")]
    (label,) = [label for label in labels(app) if TRAIN.fullmatch(label)]
    press(app, label)
    assert not app.exception
    queued = stocked.runs(100, ("queued",))
    assert len(queued) == int(TRAIN.fullmatch(label)[1])
    assert [bar.proto.text for bar in app.get("progress")] == [f"Waiting for a worker ({len(queued)} to go)"]


def test_the_article_is_named_and_linked_once(stocked: Store, runs: dict[str, str]) -> None:
    for query in ({}, {"claim": "3"}):
        app = open_page("argument.py", run=runs["2-D"], **query)
        assert len([element for element in app.markdown if ARTICLE.address in element.value]) == 1


def test_a_claim_that_is_none_is_all_claims(stocked: Store, runs: dict[str, str]) -> None:
    app = open_page("argument.py", run=runs["2-D"], claim="12")
    assert not app.exception and "claim" not in app.query_params


def test_without_a_run_one_button_trains(shared: Store) -> None:
    app = press(open_page("argument.py"), "Train both now")
    assert not app.exception
    (queued,) = shared.runs(10, ("queued",))
    assert queued.config.variants == ("ae", "vae")
