"""The quiet button on Start that loads the ready-trained runs."""

from __future__ import annotations

from pathlib import Path

import pytest
from lessons import labels, press
from paging import forget_everything, open_page, texts
from thorough import thorough

from pages._lessons import LESSONS
from vae.exports import examples
from vae.store.runs import Store

BUTTON = "Load ready-trained runs"


def test_one_click_shows_the_first_of_them(shared: Store) -> None:
    app = open_page("start.py")
    assert BUTTON in labels(app)
    press(app, BUTTON)
    assert not app.exception, app.exception
    loaded = examples.load(shared)
    assert loaded.new == ()
    assert loaded.runs["strokes"] in app.query_params["run"]
    assert BUTTON not in labels(app)
    assert {run.visitor for run in shared.runs()} == {shared.runs(1)[0].visitor} != {None}


def test_it_is_offered_until_all_are_there(shared: Store) -> None:
    loaded = examples.load(shared)
    assert BUTTON not in labels(open_page("start.py"))
    shared.delete([loaded.runs["shapes"]])
    forget_everything()
    app = press(open_page("start.py", run=loaded.runs["digits"]), BUTTON)
    assert not app.exception, app.exception
    assert len(shared.runs()) == 3


def test_what_goes_wrong_is_said(shared: Store, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    app = open_page("start.py")
    monkeypatch.setattr(examples, "FOLDER", tmp_path)
    examples._file.cache_clear()
    press(app, BUTTON)
    examples._file.cache_clear()
    assert "can't be read" in texts(app)
    assert shared.runs() == []


@pytest.mark.parametrize("lesson", thorough(LESSONS, LESSONS[::4]), ids=lambda lesson: lesson.file)
@pytest.mark.parametrize(
    "name", ["digits", *(pytest.param(name, marks=pytest.mark.slow) for name in ("strokes", "shapes"))]
)
def test_every_page_shows_them(shared: Store, lesson, name: str) -> None:
    app = open_page(lesson.file, run=examples.load(shared).runs[name])
    assert not app.exception, app.exception
    assert not app.error, texts(app)
