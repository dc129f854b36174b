"""The Server page: what is running, what is kept, who may clean up; and what a visitor reads when a page breaks off."""

from __future__ import annotations

import datetime as dt
import logging
import re
import time

import psutil
import pytest
import streamlit as st
from paging import QuietJobs, open_page, open_tab, texts
from sqlalchemy import insert, update
from streamlit.testing.v1 import AppTest

from pages._lessons import LESSONS
from pages.sections.server import cleanup, status
from pages.state import crash_reports, resources
from vae import logs
from vae.config import RunConfig
from vae.errors import InputError
from vae.runs.dispatcher import Jobs
from vae.runs.worker_survey import Worker, Workforce, survey
from vae.settings import Settings
from vae.store import schema
from vae.store.runs import Store, now

MB = 2**20
SPACE = "Free up space"


@pytest.fixture(autouse=True)
def _nothing_went_wrong_yet() -> None:
    logs._memory.events.clear()


def ended(store: Store, days_ago: float, size: int = 0, **values: object) -> str:
    run_id = store.create(RunConfig(), "test")
    at = now() - dt.timedelta(days=days_ago)
    said = {"status": "done", "created_at": at, "queued_at": at, "finished_at": at} | values
    with store.write() as connection:
        connection.execute(update(schema.runs).where(schema.runs.c.id == run_id).values(**said))
        if size:
            row = {"run_id": run_id, "variant": "vae", "epoch": 0, "payload": b"x" * size}
            connection.execute(insert(schema.weights).values(**row))
    return run_id


def table(app: AppTest, column: str):
    return next(element.value for element in app.dataframe if column in element.value.columns)


def tile(app: AppTest, label: str) -> str:
    return next(metric.value for metric in app.metric if metric.label == label)


def press(app: AppTest, label: str) -> AppTest:
    app = next(button for button in app.button if button.label.startswith(label)).click().run()
    assert not app.exception, app.exception
    return app


@pytest.mark.sqlite
def test_an_empty_server_says_so(shared: Store):
    app = open_page("server.py")
    said = texts(app)
    assert app.title[0].value == "What is running?"
    for sentence in (
        "No run is running.",
        "No run is queued.",
        "No workers yet.",
    ):
        assert sentence in said
    assert (tile(app, "Running"), tile(app, "Queued")) == ("0", "0")
    assert "No problem is known." in texts(open_tab(open_page("server.py"), "Problems"))
    assert re.search(r"streamlit 1\.\d+.*torch \d.*SQLite 3\.", said)


def test_what_runs_and_who_waits(shared: Store, monkeypatch: pytest.MonkeyPatch):
    running = ended(shared, 0, status="running", epoch=3, started_at=now(), finished_at=None)
    waiting = [shared.create(RunConfig(seed=seed), "test") for seed in range(2)]
    workers = (Worker("0", 4711, "127.0.0.1", 300 * MB, 97.0, running), Worker("1", None, "127.0.0.1", MB, 0.0, None))
    monkeypatch.setattr(QuietJobs, "workforce", lambda self: Workforce(now(), workers))
    app = open_page("server.py")
    assert (tile(app, "Running"), tile(app, "Queued")) == ("1 of 2", "2")
    row = table(app, "Epoch").iloc[0]
    assert (row["Id"], row["Epoch"]) == (running, f"3 of {RunConfig().epochs}")
    assert row["Done"] == pytest.approx(300 / RunConfig().epochs)
    queue = table(app, "Place")
    assert list(zip(queue["Place"], queue["Id"], strict=True)) == [(1, waiting[0]), (2, waiting[1])]
    of_workers = table(app, "Worker")
    assert list(of_workers["Runs"]) == [shared.run(running).name, "nothing"]
    assert list(of_workers["Memory"]) == ["300 MB", "1.0 MB"]
    assert list(of_workers["Process"]) == ["4711", "–"]


def test_a_long_queue_is_cut_and_says_so(shared: Store, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(status, "ROWS_SHOWN", 3)
    for seed in range(5):
        shared.create(RunConfig(seed=seed), "test")
    app = open_page("server.py")
    assert len(table(app, "Place")) == 3
    assert "And 2 runs more." in texts(app)


@pytest.mark.sqlite
def test_what_is_kept_and_with_what(shared: Store):
    ended(shared, 2, size=3 * MB)
    shared.delete([ended(shared, 3)])
    app = open_page("server.py")
    assert "1 done run. 1 deleted run can be restored. The disk has " in texts(app)
    sizes = table(app, "Share").set_index("What")["Size"]
    assert sizes["weights"] == "3.0 MB"


def test_names_and_errors_of_visitors_are_text(shared: Store, monkeypatch: pytest.MonkeyPatch):
    """In cells of tables, which read no Markdown; nowhere else."""
    nasty = "**bold** [link](http://example.org) :red[x] <b>"
    ended(shared, 0, status="running", finished_at=None, name=nasty)
    shared.create(RunConfig(), "test")
    ended(shared, 1, status="failed", error=nasty)
    app = open_page("server.py")
    assert nasty in list(table(app, "Epoch")["Run"])
    assert "example.org" not in texts(app)
    app = open_tab(open_page("server.py"), "Problems")
    assert nasty in list(table(app, "Message")["Message"])
    assert "example.org" not in texts(app)


def test_only_whoever_runs_it_sees_the_log_and_may_clean(shared: Store, monkeypatch: pytest.MonkeyPatch):
    logs.configure()
    logging.getLogger("vae.runs.dispatcher").warning("a secret of the server")
    ended(shared, 1, status="failed", error="The loss is no longer a number.")
    app = open_tab(open_page("server.py"), "Problems")
    assert {"a secret of the server", "The loss is no longer a number."} <= set(table(app, "Message")["Message"])
    assert SPACE in [tab.label for tab in app.tabs]

    monkeypatch.setattr(cleanup, "may_administer", lambda: False)
    st.cache_resource.clear()
    app = open_tab(open_page("server.py"), "Problems")
    assert list(table(app, "Message")["Message"]) == ["The loss is no longer a number."]
    assert SPACE not in [tab.label for tab in app.tabs]
    assert {button.label for button in app.button} <= {"Ask me before each verdict", "Present"}  # below every page


@pytest.mark.sqlite
def test_cleaning_up_says_first_what_would_go(shared: Store):
    old, young = ended(shared, 40, size=2 * MB), ended(shared, 3)
    app = open_tab(open_page("server.py"), SPACE)
    app.number_input(key="server.days").set_value(30).run()
    app = press(app, "Show what would be deleted")
    assert "**1 run** would be deleted, about 2.0 MB." in texts(app)
    assert {run.id for run in shared.runs()} == {old, young}
    app = press(app, "Delete 1 run for good")
    assert [run.id for run in shared.runs()] == [young]
    assert app.success[0].value == "1 run deleted, 2.0 MB."
    app = press(app, "Give ")
    assert app.success[0].value.startswith("The database is ")


def test_a_plan_for_other_numbers_is_no_plan(shared: Store):
    """The button says what it does: numbers that were changed since are looked at again first."""
    ended(shared, 40)
    app = open_tab(open_page("server.py"), SPACE)
    app.number_input(key="server.days").set_value(30).run()
    app = press(app, "Show what would be deleted")
    app.number_input(key="server.days").set_value(1).run()
    assert not [button for button in app.button if button.label.startswith("Delete")]


def test_nothing_to_clean_up_is_said(shared: Store):
    ended(shared, 3)
    app = press(open_tab(open_page("server.py"), SPACE), "Show what would be deleted")
    assert app.info[0].value == "Nothing would be deleted."


def test_every_page_leads_to_it(shared: Store):
    """The bar at the top is full; whatever isn't in it is linked below every page."""
    hidden = [lesson.title for lesson in LESSONS if not lesson.in_bar]
    assert "Server" in hidden
    for name in ("start.py", "data.py"):
        links = [link.proto.label for link in open_page(name).get("page_link")]
        assert "Server" in links
    assert "Server" not in [link.proto.label for link in open_page("server.py").get("page_link")]


def test_workers_are_told_apart_by_what_they_train():
    class Scheduler:
        async def identity(self, n_workers):
            measured = {"memory": 5 * MB, "cpu": 99.5}
            base = {"host": "10.0.0.1", "metrics": measured}
            return {"workers": {"tcp://a": base | {"name": 1}, "tcp://b": base | {"name": 0}}}

        async def processing(self, workers):
            return {"tcp://a": ("train-1",), "tcp://b": ("somebody-else's",)}

    class Client:
        scheduler = Scheduler()

        def sync(self, function, callback_timeout):
            import asyncio

            return asyncio.run(function())

    found = survey(Client(), {"train-1": "1a2b3c4d"})
    assert [(worker.name, worker.run, worker.memory, worker.pid) for worker in found.workers] == [
        ("0", None, 5 * MB, None),
        ("1", "1a2b3c4d", 5 * MB, None),
    ]


# A page that breaks off


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    written: list[str] = []
    monkeypatch.setattr(st, "error", lambda text, **_: written.append(text))
    return written


def test_a_page_that_breaks_off_gives_the_visitor_a_number_that_the_log_knows(said: list[str]):
    logs.configure()
    try:
        raise RuntimeError("at /home/somebody/secret")
    except RuntimeError as error:
        assert crash_reports.on_script_error(error) is True
    (sentence,) = said
    assert "secret" not in sentence
    number = re.search(r"failure ([0-9a-f]{6})\.", sentence)[1]
    event = logs.recent()[0]
    assert event.text.startswith("a page broke off")
    assert f"failure {number}" in event.text
    assert "RuntimeError: at /home/somebody/secret" in event.text


def test_what_a_person_can_put_right_is_said_as_it_is(said: list[str]):
    assert crash_reports.on_script_error(InputError("Lower one of them.")) is True
    assert said == ["Lower one of them."]


def test_it_stands_where_streamlit_says_nothing_more(shared: Store):
    """Streamlit calls it, and writes no traceback of its own beside ours."""
    record = logging.LogRecord("streamlit.error_util", logging.ERROR, "", 0, "Uncaught app execution", (), None)
    assert not logging.getLogger("streamlit.error_util").filter(record)
    import dashboard

    assert dashboard.app._on_script_error is crash_reports.on_script_error
    assert resources.settings().log == "text"


@pytest.mark.slow
def test_a_real_worker_is_seen_at_work(store: Store, settings: Settings):
    jobs = Jobs(store, settings).start()
    try:
        run_id = jobs.submit(RunConfig(epochs=1000))
        deadline = time.monotonic() + 60
        # Dask measures a worker now and then, the first time before it has imported torch.
        while not any(worker.run == run_id and worker.memory > 200 * MB for worker in jobs.workforce().workers):
            assert time.monotonic() < deadline
            time.sleep(0.2)
        (worker,) = jobs.workforce().workers
        process = psutil.Process(worker.pid)
        assert worker.memory == pytest.approx(process.memory_info().rss, rel=0.5)
        jobs.stop(run_id)
    finally:
        jobs.close()
    assert jobs.workforce().workers == ()
