"""A teacher's link: what it tells of a page, what another session makes of it, and what it says that it can't use."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from lessons import labels, press, until
from paging import errors, texts, unescaped
from streamlit.testing.v1 import AppTest
from test_links import MARKUP, NASTY, visit
from thorough import thorough

from pages._lessons import LESSONS
from pages.components.present import HIDDEN
from pages.links.fixed_values import FIXED, PIN, Fixed
from pages.shared import nudges
from vae.config import RunConfig
from vae.runs.execution import execute
from vae.settings import Settings
from vae.store.runs import Store

CONFIG = RunConfig(epochs=3, latent_dim=3, train_limit=100, validation_size=50, seed=7)
PIN_AT = {"ae": [0.5, -1.25], "vae": [1e-05, 3.0]}
# What a visitor has chosen on each page, as the page keeps it in the session.
CHOSEN: dict[str, dict[str, Any]] = {
    "latent_space.py": {"latent_space.across": "3", "latent_space.up": "1", "latent_space.tab": "Take home"},
    "perturbation.py": {
        nudges.CHOSEN: ("absolute", 0.25),
        "perturbation.direction": "towards",
        "perturbation.page": 2,
        "perturbation.tab": "Every size",
    },
    "the_trick.py": {"trick.way": "score_function", "trick.tabs": "z by hand"},
    "reconstructions.py": {"reconstructions.tab": "One image, many samples"},
}


@pytest.fixture
def run_id(shared: Store) -> str:
    run_id = shared.create(CONFIG, "test")
    assert execute(shared, run_id, Settings.from_environment()) == "done"
    return run_id


def link_of(app: AppTest) -> dict[str, str]:
    """Parameters of the link that the button makes."""
    app.session_state["links.slides"] = True
    app.run()
    assert not app.exception, app.exception
    return dict(parse_qsl(urlsplit(app.code[-1].value).query, keep_blank_values=True))


def opened(page: str, link: dict[str, str]) -> AppTest:
    """In a session of its own."""
    return visit(page, link)


def said(app: AppTest) -> str:
    return " ".join(element.value for element in app.warning)


OF_A_RUN = [lesson.file for lesson in LESSONS if lesson.of_a_run]


@pytest.mark.parametrize("page", thorough(OF_A_RUN, OF_A_RUN[::3]))
def test_what_was_chosen_on_a_page_is_there_again(shared: Store, run_id: str, page: str) -> None:
    chosen = dict(CHOSEN.get(page, {}))
    if page == "latent_space.py":
        chosen[PIN] = {"place": (run_id, (2, 0)), "at": PIN_AT}
    app = visit(page, {"run": run_id, "epoch": "1"})
    for key, value in chosen.items():
        app.session_state[key] = value
    app.run()
    link = link_of(app)
    assert link.items() >= {"run": run_id, "epoch": "1", **CONFIG.query()}.items()
    again = opened(page, link)
    assert "link" not in said(again)
    assert {key: again.session_state[key] for key in chosen} == chosen
    assert again.session_state[f"epoch.{run_id}"] == 1
    assert link_of(again) == link


def test_a_link_tells_what_is_hidden_and_whether_questions_are_asked(shared: Store, run_id: str) -> None:
    app = visit("perturbation.py", {"run": run_id, "hide": "verdicts,controls", "questions": "off", "present": "1"})
    assert "display: none" in next(html.proto.body for html in app.get("html") if "verdict" in html.proto.body)
    assert app.session_state["predict.always"] is True
    link = link_of(app)
    assert (link["hide"], link["questions"], link["present"]) == ("controls,verdicts", "off", "1")
    plain = link_of(visit("perturbation.py", {"run": run_id}))
    assert not plain.keys() & {"hide", "questions", "present", "epoch"}


def test_the_pages_own_parameters_are_kept(shared: Store, run_id: str) -> None:
    link = link_of(visit("compare.py", {"runs": run_id, "hide": "captions"}))
    assert link == {"runs": run_id, "hide": "captions"}
    assert link_of(visit("data.py", {"dataset": "shapes"})) == {"dataset": "shapes"}
    assert link_of(visit("server.py", {})) == {}


@pytest.mark.parametrize("page", ["latent_space.py", "start.py"])
def test_elsewhere_it_says_what_it_needs_and_trains_it(shared: Store, page: str) -> None:
    """Nothing is trained before the click; then the page waits until the run is done, and shows what the link fixes."""
    link = {"run": "0123abcd", **CONFIG.query(), "epoch": "1", "pin": "ae,0.5,1;vae,2,3"}
    app = opened(page, link)
    assert "The link asks for a run that is not in this database" in texts(app) and not shared.runs()
    assert [title.value for title in app.title] == [next(each.question for each in LESSONS if each.file == page)]
    press(app, "Train this run")
    (queued,) = shared.runs()
    assert queued.config == CONFIG
    assert PIN not in app.session_state, "it is read once the page is shown"
    assert dict(app.query_params)["run"] in (queued.id, [queued.id])
    assert execute(shared, queued.id, Settings.from_environment()) == "done"
    until(app, lambda app: f"epoch.{queued.id}" in app.session_state)
    assert app.session_state[f"epoch.{queued.id}"] == 1
    if page == "latent_space.py":
        assert app.session_state[PIN] == {"place": (queued.id, None), "at": {"ae": [0.5, 1], "vae": [2, 3]}}


def test_the_same_run_under_another_name_is_opened(shared: Store, run_id: str) -> None:
    app = opened("perturbation.py", {"run": "0123abcd", **CONFIG.query(), "epoch": "2", "nudge": "absolute,0.1"})
    assert dict(app.query_params)["run"] in (run_id, [run_id]) and len(shared.runs()) == 1
    assert app.session_state[nudges.CHOSEN] == ("absolute", 0.1)
    assert app.session_state[f"epoch.{run_id}"] == 2


def test_on_train_the_link_opens_the_run_or_offers_it_as_ever(shared: Store) -> None:
    app = opened("train.py", {"run": "0123abcd", **CONFIG.query()})
    assert "Train this run" in labels(app) and "There is no run" not in texts(app)


def test_a_data_set_that_somebody_brought_elsewhere(shared: Store) -> None:
    app = opened("sampling.py", CONFIG.query() | {"dataset": "cats-of-ours"})
    assert "The link needs a data set that isn't here." in unescaped(errors(app)[0])
    assert "Train this run" not in labels(app)


def test_settings_that_cannot_be_are_told_and_the_page_is_shown(shared: Store, run_id: str) -> None:
    app = opened("sampling.py", CONFIG.query() | {"latent_dim": "0"})
    assert "The settings in the link were not used." in unescaped(said(app))
    assert "Draw codes from" in [group.label for group in app.get("button_group")]


# Each of these says nothing that the page could use.
JUNK = {
    "pin": [
        *("ae,1;vae,2,3", "ae,1,2", "ae,nan,1;vae,1,1", "ae,1e9,1;vae,1,1", "9,1;ae,1,1;vae,1,1", ";;;"),
        *("1,1;ae,1,1;vae,1,1", "0,1;ae,1,1;vae,1,1", "ae,1,2;vae,1,2;kl_only,1,2", "ae,1_0,1;vae,1,1"),
        "ae,٣,1;vae,1,1",
    ],
    "across": ["0", "4", "pc", "principal components", "-1", "1.0", "٣"],
    "up": ["99999"],
    "nudge": ["absolute", "absolute,", "absolute,0", "absolute,-1", "absolute,1e99", "absolute,inf", "yards,1", ",1"],
    "direction": ["up", "Random"],
    "images": ["-1", "10001", "1e3", "²"],
    "draw": ["x"],
    "way": ["best"],
    "tab": ["x" * 81, "a\0b"],
}


@pytest.mark.parametrize("entry", thorough(FIXED, FIXED[::3]), ids=lambda entry: f"{entry.page}-{entry.parameter}")
def test_junk_is_refused_by_name_and_nothing_is_lost(entry: Fixed, shared: Store, run_id: str) -> None:
    run = shared.run(run_id)
    for text in [*JUNK[entry.parameter], "", MARKUP, "1e309", "9" * 5000]:
        if entry.parameter == "tab" and text in ("", MARKUP, "1e309"):
            continue  # a title that no tab has: passed over by the tabs
        with pytest.raises(ValueError):
            entry.parse(text, run)
    app = visit(entry.page, {"run": run_id, entry.parameter: JUNK[entry.parameter][0], "hide": f"verdicts,{MARKUP}"})
    assert f"was not used: `{entry.parameter}`, `hide`." in said(app)
    assert dict(app.query_params)["run"] in (run_id, [run_id])
    assert entry.parameter == "tab" or entry.key not in app.session_state or app.session_state[entry.key] != MARKUP


@pytest.mark.parametrize("page", thorough([lesson.file for lesson in LESSONS], ("latent_space.py", "perturbation.py")))
def test_every_page_takes_any_value_of_every_parameter(shared: Store, run_id: str, page: str) -> None:
    """`visit` fails where a page breaks, or shows what a link says as anything but text."""
    names = sorted({entry.parameter for entry in FIXED} | {"hide", "questions", "present", "claim"})
    values = [value for value in NASTY.values() if len(value) < 1000]
    for start in range(0, len(values), 4):
        visit(page, {"run": run_id} | {name: values[(start + i) % len(values)] for i, name in enumerate(names)})


def test_what_was_chosen_later_is_not_overwritten_by_the_link(shared: Store, run_id: str) -> None:
    app = visit("perturbation.py", {"run": run_id, "nudge": "absolute,0.1"})
    app.session_state[nudges.CHOSEN] = ("absolute", 0.5)
    app.run()
    assert app.session_state[nudges.CHOSEN] == ("absolute", 0.5)


def test_parameters_are_ours_alone() -> None:
    """None of them says something else in an address, and each page reads each name once."""
    others = {*RunConfig.model_fields, "run", "epoch", "runs", "sweep", "spec", "claim", "hide", "questions", "present"}
    assert not {entry.parameter for entry in FIXED} & others
    places = [(entry.page, entry.parameter) for entry in FIXED]
    assert len(set(places)) == len(places)
    assert {entry.page for entry in FIXED} <= {lesson.file for lesson in LESSONS}
    assert set(HIDDEN) == {"controls", "verdicts", "captions"}
