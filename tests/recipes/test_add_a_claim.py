"""CONTRIBUTING.md, "a claim": a rule, one entry of argument/claims.py, one of the experiments."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
import streamlit as st
from lessons import press, until
from paging import open_page, texts

from pages.claims.experiments import EXPERIMENTS, Experiment
from vae.argument.claims import CLAIMS, Claim
from vae.argument.evidence import Evidence
from vae.argument.findings import Finding
from vae.argument.picture import picture
from vae.argument.reading import badge, conclude, is_above, not_measured, number, turn
from vae.cli import main
from vae.store import rooms
from vae.store.runs import Run, Store


def certain(evidence: Evidence) -> Finding:
    """The VAE's σ beside the prior's, which is 1. Clearly below: holds. Clearly above: doesn't hold."""
    std = evidence.of("posterior_std", "vae")
    if not std:
        return not_measured(evidence, "the σ of a VAE with these settings")
    sigma = number("σ", std, "")
    above = is_above(sigma, 1.0)
    verdict = badge([None if above is None else not above])
    turned_by = turn(verdict, "σ were clearly below 1", "σ were clearly above 1")
    answer = {True: 1, False: 0, None: None}[above]
    return conclude(evidence, std, verdict, f"σ is {sigma.short}.", [sigma], turned_by, answer)


CERTAIN = Claim(
    "A VAE is surer of a code than its prior is.",
    "How wide is its distribution?",
    ("narrower than 1", "wider than 1"),
    "vae",
    certain,
    "latent_space.py",
    "The posteriors, drawn over the codes",
)


@pytest.fixture(autouse=True)
def _added(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(CLAIMS, 12, CERTAIN)
    monkeypatch.setitem(EXPERIMENTS, 12, Experiment(lambda run, epoch: st.markdown(f"Epoch {epoch} of {run.id}.")))


def test_the_page_asks_it_measures_and_tells(train: Callable[..., Run], shared: Store) -> None:
    runs = [train(seed=seed) for seed in range(3)]
    app = open_page("argument.py", asking=True, run=runs[0].id, claim="12")
    assert f"Epoch 2 of {runs[0].id}." in texts(app)
    assert app.pills[0].options == list(CERTAIN.choices)
    press(app, "Show me")
    until(app, lambda app: "σ is" in texts(app))


def test_the_command_line_and_the_overview_have_it(
    train: Callable[..., Run], capsys: pytest.CaptureFixture[str]
) -> None:
    run = train()
    assert main(["argument", run.id, "--json", "-"]) == 0
    (told,) = [claim for claim in json.loads(capsys.readouterr().out)["claims"] if claim["claim"] == 12]
    assert told["badge"] == "too_few" and told["numbers"][0]["title"] == "σ"
    assert CERTAIN.title in picture({12: Finding("holds", "σ is 0.5.")}, "toy")


def test_a_room_can_be_asked(shared: Store) -> None:
    code = rooms.open_room(shared, "teacher")
    rooms.ask(shared, code, 12, len(CERTAIN.choices))
    rooms.answer(shared, code, 12, "a phone", 1)
    assert rooms.tally(shared, code, 12, len(CERTAIN.choices)) == [0, 1]
