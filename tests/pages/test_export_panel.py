"""Downloads of runs, and capsules brought along, as Streamlit's own test runner sees them."""

import io
import json
import zipfile

import pytest
from paging import TIMEOUT, open_page, open_tab, texts
from streamlit.testing.v1 import AppTest

from pages.shared import export_panel
from pages.shared.export_panel import RUN_FILE
from pages.state import resources
from pages.text.escape_markdown import JOINER, escape_markdown
from vae import naming
from vae.config import RunConfig
from vae.exports.capsule import capsule, checksum, dumps, read
from vae.runs.execution import execute
from vae.settings import Settings

CONFIG = RunConfig(hidden=(16,), train_limit=200, validation_size=50, epochs=2, device="cpu")
EVIL = "![x](http://evil.example/a.png) :red[x] <b>"


@pytest.fixture
def run_id(shared):
    found = shared.create(CONFIG, "test")
    assert execute(shared, found, Settings.from_environment()) == "done"
    return found


@pytest.fixture
def sealed(shared, run_id):
    return capsule(shared, [run_id])


def panel():
    from pages.shared.export_panel import reproduce_panel

    reproduce_panel()


def uploaded(contents):
    """The panel with a capsule in it."""
    text = contents if isinstance(contents, str) else dumps(contents)
    app = AppTest.from_function(panel, default_timeout=TIMEOUT).run()
    app.file_uploader(key="capsule_file").set_value(("capsule.json", text.encode(), "application/json")).run()
    assert not app.exception, app.exception
    return app


def again(app):
    app.button(key="reproduce").click().run()
    assert not app.exception, app.exception
    return app


def train_all(store):
    """What the workers would do."""
    for run_id in store.queue():
        execute(store, run_id, Settings.from_environment())
    resources.forget()


def doctored(sealed, **test):
    raw = json.loads(dumps(sealed))
    raw["runs"][0]["metrics"]["vae"]["test"] |= test
    raw["runs"][0]["name"] = EVIL
    return raw | {"checksum": checksum(raw)}


def test_a_finished_run_offers_its_downloads_on_the_train_page(shared, run_id):
    app = open_tab(open_page("train.py", run=run_id), "Take home")
    labels = [button.label for button in app.get("download_button")]
    assert [label for label in labels if label in (RUN_FILE, "Folder", "Report")] == [RUN_FILE, "Folder", "Report"]
    queued = open_page("train.py", run=shared.create(CONFIG, "test"))
    assert RUN_FILE not in [button.label for button in queued.get("download_button")]


def test_downloads_are_made_when_asked_for_and_hold_the_run(shared, run_id, monkeypatch):
    made = {}
    monkeypatch.setattr(
        export_panel.st,
        "download_button",
        lambda label, data, *rest, **options: made.update({label: (data, rest, options)}),
    )
    waiting = shared.create(CONFIG, "test")
    export_panel.take_home([shared.run(run_id), shared.run(waiting)])
    assert read(made[RUN_FILE][0]()).runs[0].config == CONFIG
    with zipfile.ZipFile(io.BytesIO(made["Folder"][0]())) as archive:
        assert f"run-{run_id}/weights.safetensors" in archive.namelist()
    assert made["Report"][0]().startswith("<!doctype html>")
    assert [rest[0] for _, rest, _ in made.values()] == [
        f"capsule-run-{run_id}.json",
        f"run-{run_id}.zip",
        f"report-run-{run_id}.html",
    ]
    monkeypatch.setattr(export_panel, "MANY", 0)
    export_panel.take_home([shared.run(run_id)])
    assert {label: options["disabled"] for label, (_, _, options) in made.items()} == {
        RUN_FILE: False,
        "Folder": True,
        "Report": True,
    }
    made.clear()
    export_panel.take_home([shared.run(waiting)])
    assert made == {}


def test_a_capsule_is_shown_trained_by_the_workers_and_judged(shared, run_id, sealed):
    app = uploaded(sealed)
    assert "torch" in app.caption[0].value
    assert app.dataframe[0].value["Run"].tolist() == [naming.name(CONFIG)]
    assert len(shared.queue()) == 0, "nothing is trained before the click"
    again(app)
    (queued,) = shared.queue()
    assert shared.run(queued).config == CONFIG
    assert not app.success and not app.error
    train_all(shared)
    app.run()
    assert "bit for bit" in app.success[0].value
    app.run()
    assert len(shared.runs()) == 2, "looking again trains nothing"


def test_a_doctored_capsule_differs_and_its_words_stay_words(shared, sealed):
    app = again(uploaded(doctored(sealed, kl=25.9)))
    train_all(shared)
    app.run()
    assert "25\\.9" in app.error[0].value
    assert "\\!\\[x\\]\\(http" in app.error[0].value, "no picture is fetched for it"
    table = app.dataframe[1].value
    assert table["What"].tolist() == ["vae test kl"]
    assert table["In the file"].tolist() == ["25.9"]


def test_what_was_changed_or_is_no_capsule_is_told(shared, sealed):
    raw = doctored(sealed, kl=25.9) | {"checksum": "0" * 64}
    assert "changed after it was written" in texts(uploaded(raw))
    app = uploaded("{}")
    assert "no capsule" in app.error[0].value
    assert not app.button


def test_what_can_not_be_repeated_here_says_why_and_the_rest_is_trained(shared, sealed):
    raw = json.loads(dumps(sealed))
    other = json.loads(json.dumps(raw["runs"][0]))
    other["dataset"]["hash"] = "0" * 64
    raw["runs"].append(other)
    app = again(uploaded(raw | {"checksum": checksum(raw)}))
    assert "Can\\'t be repeated" in app.warning[0].value
    assert len(shared.queue()) == 1
    train_all(shared)
    app.run()
    assert len(app.success) == len(app.warning) == 1


def test_more_runs_than_a_page_watches_are_left_to_the_command_line(shared, sealed, monkeypatch):
    monkeypatch.setattr(export_panel, "MANY", 0)
    app = uploaded(sealed)
    assert app.button(key="reproduce").disabled
    assert "python -m vae reproduce" in texts(app)


def test_a_rerun_that_was_stopped_is_no_verdict(shared, sealed):
    app = again(uploaded(sealed))
    shared.request_stop(shared.queue()[0])
    resources.forget()
    app.run()
    assert "stopped" in app.warning[0].value
    assert not app.success and not app.error


@pytest.mark.parametrize("text", [EVIL, "a_b*c*", "$x$", "`code`", "# title", "1. one", ":smile:"])
def test_escape_markdown_leaves_no_mark_with_a_meaning(text):
    """Without its backslashes and what nobody sees it is what it was; every ASCII mark has a backslash."""
    escaped = escape_markdown(text)
    marks = [i for i, letter in enumerate(escaped) if letter.isascii() and not letter.isalnum() and letter not in " \\"]
    assert all(escaped[i - 1] == "\\" for i in marks)
    assert escaped.replace("\\", "").replace(JOINER, "") == text
