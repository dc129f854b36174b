"""A link may say anything: each page answers in a sentence or passes over it, and what it repeats is text."""

import json
import re

import pytest
from paging import TIMEOUT
from streamlit.testing.v1 import AppTest
from thorough import thorough

from pages._lessons import LESSONS
from vae.config import RunConfig
from vae.runs.execution import execute
from vae.settings import ROOT, Settings
from vae.sweeps.spec import READY

MARKUP = "<script>alert(1)</script> **bold** [x](javascript:alert(1)) $x^2$ :red[r]"
SPEC = READY["dimensions"][2].model_dump(mode="json", exclude_defaults=True)
NASTY = {
    "empty": "",
    "blank": " \t\n",
    "markup": MARKUP,
    "path": "../../etc/passwd",
    "NUL": "a\0b",
    "unicode": "𝔸é\u202egnp.exe\u2069",
    "negative": "-1",
    "infinite": "1e309",
    "not a number": "nan",
    "a quote": "' OR 1=1 --",
    "many digits": "9" * 5000,
    "10 kB": "x" * 10_000,
    "10,000 ids": ",".join(f"{i:08x}" for i in range(10_000)),
    "repeated": ["a", "b", MARKUP],
}
SPECS = {
    "no JSON": "{",
    "another kind": "[1]",
    "nothing over": "{}",
    "null": "null",
    "over text": '{"over":"beta"}',
    "over null": '{"over":{"beta":null}}',
    "over markup": json.dumps({"over": {MARKUP: [1]}}),
    "markup for a value": json.dumps({"over": {"beta": [MARKUP]}}),
    "NaN": '{"over":{"beta":[NaN,1]}}',
    "a range without an end": '{"over":{"beta":{"low":0}},"sampler":"random"}',
    "a range beyond all": '{"over":{"epochs":{"low":1,"high":1e999}},"sampler":"random"}',
    "many values": json.dumps({"over": {"seed": list(range(5000))}}),
    "many combinations": json.dumps({"over": {name: [0, 1] for name in RunConfig.model_fields}}),
    "base of another kind": '{"base":[],"over":{"beta":[1]}}',
    "wrong base": json.dumps({"base": {"dataset": MARKUP}, "over": {"beta": [1]}}),
    "unknown dataset": json.dumps({"base": {"dataset": "nowhere"}, "over": {"beta": [1]}}),
    "option of another kind": json.dumps(SPEC | {"seeds": {}}),
    "infinite seeds": '{"over":{"beta":[1]},"seeds":1e999}',
    "deep": "[" * 50_000,
    "half a character": '{"over":{"\\ud800":[1]}}',
    "too dear": json.dumps({"base": {"dataset": "shapes"}, "over": {"hidden": ["4096,4096,4096,4096"]}}),
}
SHOWN_AS_MARKDOWN = ("markdown", "caption", "error", "warning", "info", "success")
PAGES = [lesson.file for lesson in LESSONS]


@pytest.fixture
def some(shared):
    """A database with something to show, and the link's neighbours."""
    run_id = shared.create(RunConfig(epochs=1, latent_dim=3, train_limit=100), "test")
    assert execute(shared, run_id, Settings.from_environment()) == "done"
    return run_id


def visit(name, query):
    app = AppTest.from_file(str(ROOT / "pages" / "_navigation.py"), default_timeout=TIMEOUT)
    if name != "start.py":
        app.switch_page(name)
    for key, value in query.items():
        app.query_params[key] = value
    app.run()
    assert not app.exception, f"{name}?{query}"[:200] + f": {app.exception[0].message} {app.exception[0].stack_trace}"
    for kind in SHOWN_AS_MARKDOWN:
        for element in app.get(kind):
            marks = re.sub(r"\\.", "", element.value)  # what is escaped is text
            assert not any(mark in marks for mark in ("<script", "**bold", "](javascript", "$x", ":red[r")), (
                element.value
            )
    for element in app.get("html"):
        assert "<script" not in element.proto.body
    return app


def said(app):
    return " ".join(element.value for element in [*app.warning, *app.error])


@pytest.mark.parametrize("page", PAGES)
def test_every_page_takes_any_run_and_any_other_parameter(some, page):
    """Every value for every parameter, four values in each visit."""
    values = list(NASTY.values())
    names = ("run", "runs", "sweep", "dataset")
    for start in range(0, len(values), 3 if page in ("start.py", "train.py", "sweeps.py", "compare.py") else 6):
        visit(page, {name: values[(start + place) % len(values)] for place, name in enumerate(names)} | {"epoch": "-1"})


@pytest.mark.parametrize("kind", NASTY)
def test_settings_of_a_link_are_taken_or_refused_in_a_sentence(some, kind):
    value = NASTY[kind]
    fields = list(RunConfig.model_fields)[: 4 if kind == "10,000 ids" else None]  # Streamlit reads 512 kB of a link
    app = visit("train.py", dict.fromkeys(fields, value))
    assert "The settings in the link were not used" in said(app).replace("\\", "")
    assert len(said(app)) < 3000
    assert app.session_state["config.seed"] == 0


FIELDS = list(RunConfig.model_fields)


@pytest.mark.parametrize("name", thorough(FIELDS, FIELDS[::4]))
def test_one_setting_of_a_link(some, name):
    visit("train.py", {name: MARKUP})


@pytest.mark.parametrize("kind", SPECS)
def test_a_sweep_in_a_link_is_taken_or_refused_in_a_sentence(some, kind):
    app = visit("sweeps.py", {"spec": SPECS[kind]})
    refused = "The sweep in the link was not used" in said(app).replace("\\", "")
    assert refused or kind == "too dear"
    if not refused:  # it is when somebody presses the button
        app.button(key="linked.start").click().run()
        assert not app.exception and said(app)


def test_a_sound_link_is_taken(some):
    """Or nothing above would be more than a refusal of everything."""
    assert visit("train.py", {"run": some, "latent_dim": "7"}).session_state["config.latent_dim"] == 7
    app = visit("sweeps.py", {"spec": json.dumps(SPEC)})
    assert app.button(key="linked.start") and not app.warning
    assert visit("compare.py", {"runs": f"{some},x"}).query_params["runs"] in (some, [some])
