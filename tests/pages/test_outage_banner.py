"""Pages while the database or the workers are away: a sentence instead of a traceback, and back by themselves."""

from __future__ import annotations

from pathlib import Path

import pytest
from paging import QuietJobs, errors, open_page

from pages.state import resources
from vae.store import outages
from vae.store.runs import Store

# Those that ask the database themselves; what fails in a fragment is handled by the app, see test_browser_faults.py.
PAGES = ["train.py", "reconstructions.py", "latent_space.py", "sweeps.py"]


@pytest.mark.parametrize("name", ["start.py", "compare.py"])
def test_what_keeps_runs_from_being_trained_is_told(shared: Store, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    assert [told.value for told in open_page(name).warning] == []
    monkeypatch.setattr(QuietJobs, "trouble", "The workers can't be reached.")
    assert [told.value for told in open_page(name).warning] == ["The workers can't be reached."]


@pytest.mark.sqlite
@pytest.mark.parametrize("name", PAGES)
def test_a_page_says_that_the_database_is_gone_and_comes_back(shared: Store, finished: str, name: str) -> None:
    app = open_page(name, run=finished)
    file = Path(shared.engine.url.database)
    resources.forget()
    file.rename(file.with_suffix(".away"))
    app.run()
    assert not app.exception
    gone = errors(app)
    file.with_suffix(".away").rename(file)
    app.run()
    assert not app.exception and errors(app) == []
    assert gone == [f"{outages.AWAY} This page looks again by itself."]


def test_a_database_that_can_not_be_opened_is_told_and_tried_again(shared: Store, tmp_path: Path, monkeypatch) -> None:
    folder = tmp_path / "a file, not a folder"
    folder.touch()
    monkeypatch.setenv("VAE_DATABASE_URL", f"sqlite:///{folder / 'runs.db'}")
    resources.settings.cache_clear()
    resources.store.cache_clear()
    app = open_page("start.py")
    assert len(errors(app)) == 1 and "can't be opened for writing" in errors(app)[0]
    folder.unlink()
    app.run()
    assert errors(app) == []
