"""Pages as Streamlit's own test runner sees them: fixtures and readers that all tests of pages share."""

from __future__ import annotations

import re
import string
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import postgres
import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from pages.shared import predict
from pages.state import background_measurements, memory_cache, resources
from pages.text.escape_markdown import JOINER
from vae.config import RunConfig
from vae.runs.execution import execute
from vae.runs.worker_survey import Workforce
from vae.settings import ROOT, Settings
from vae.store.runs import Store

TIMEOUT = 60


class QuietJobs:
    """Takes the place of the dispatcher: what a page submits stays queued, so nothing races with the assertions."""

    trouble = None  # what a page tells of the dispatcher's

    def __init__(self, store: Store) -> None:
        self.store, self.owner, self.workers = store, "test", 1

    def submit(self, config: RunConfig, visitor: str | None = None) -> str:
        return self.store.create(config, "test", visitor)

    def stop(self, run_id: str) -> None:
        self.store.request_stop(run_id)

    def resume(self, run_id: str) -> bool:
        return self.store.requeue(run_id, "test")

    def workforce(self) -> Workforce:
        return Workforce()

    def waiting(self) -> list[str]:
        return self.store.queue()

    def position(self, run_id: str) -> int:
        return self.waiting().index(run_id) + 1


def forget_everything() -> None:
    """What a process keeps between visits, so that a test starts as a new server does."""
    background_measurements._worker.submit(lambda: None).result(
        TIMEOUT
    )  # measurements that a page began belong to its test
    background_measurements._under_way.clear()
    resources.settings.cache_clear()
    resources.store.cache_clear()
    st.cache_data.clear()
    st.cache_resource.clear()
    memory_cache.clear()


@pytest.fixture
def shared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    """The pages' shared resources, on a database of this test's own."""
    with postgres.database(tmp_path) as url, shared_resources(tmp_path, url, monkeypatch) as store:
        yield store


@contextmanager
def shared_resources(folder: Path, url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    monkeypatch.setenv("VAE_DATA_DIR", str(folder))
    monkeypatch.setenv("VAE_DATABASE_URL", url)
    # Streamlit looks for components in every installed package, for each AppTest; ours are in no package of their own.
    monkeypatch.setattr("streamlit.components.v2.manifest_scanner.scan_component_manifests", lambda: [])
    # The test runner has a mock where a browser's headers and address would be; here is somebody at this computer.
    monkeypatch.setattr("streamlit.runtime.context._get_client_context", lambda: None)
    forget_everything()
    store = resources.store()
    monkeypatch.setattr(resources, "jobs", lambda: QuietJobs(store))
    yield store
    forget_everything()


@pytest.fixture
def finished(shared: Store) -> str:
    run_id = shared.create(RunConfig(epochs=2, latent_dim=3), "test")
    assert execute(shared, run_id, Settings.from_environment()) == "done"
    return run_id


def open_page(name: str, asking: bool = False, **query: str) -> AppTest:
    """A page, in a session that has turned the questions off; with `asking` verdicts come after them."""
    app = AppTest.from_file(str(ROOT / "pages" / "_navigation.py"), default_timeout=TIMEOUT)
    app.session_state[predict.OFF] = not asking
    for key, value in query.items():
        app.query_params[key] = value
    app.run()
    if name != "start.py":
        app.switch_page(name).run()
    assert not app.exception, app.exception
    return app


def tabs(app: AppTest) -> dict[str, str]:
    """The key of the group, by the title of each tab."""
    # "$$ID-…-key"; those of a page that makes all its tabs at once have none
    groups = [(group.proto.id.split("-", 2)[2], group) for group in app.get("tab_container") if group.proto.id]
    return {tab.label: key for key, group in groups for tab in group.children.values()}


def open_tab(app: AppTest, title: str) -> AppTest:
    """Open the tab with this title, as a click on it does."""
    app.session_state[tabs(app)[title]] = title
    app.run()
    assert not app.exception, app.exception
    return app


def every_tab(app: AppTest) -> Iterator[AppTest]:
    """The page with each of its tabs open, one after the other; as it is where it has none."""
    if not tabs(app):
        yield app
    for title in tabs(app):
        yield open_tab(app, title)


def texts(app: AppTest) -> str:
    """What a visitor reads: without the marks that keep somebody's words from being Markdown."""
    told = [*app.markdown, *app.caption, *app.error, *app.warning, *app.info]
    return "\n".join(unescaped(element.value) for element in told)


def errors(app: AppTest) -> list[str]:
    """What a page complains of, as it is read."""
    return [unescaped(told.value) for told in app.error]


def unescaped(markdown: str) -> str:
    """The text that `plain` was given, white space aside."""
    return re.sub(rf"\\([{re.escape(string.punctuation)}])", r"\1", markdown).replace(JOINER, "")
