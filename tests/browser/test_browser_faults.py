"""Faults while somebody watches: what the page says, what was lost (nothing), how long until work goes on."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from browsing import run_in_link, store_of, wait_for_workers
from playwright.sync_api import Browser, Page, expect
from serving import PATIENCE, Dashboard, expect_status, open_page, settled

from vae.config import RunConfig
from vae.store.runs import Store

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.sqlite]
AWAY = 10  # seconds
LONG = RunConfig(epochs=600)  # about half a minute
COMPARED_COLUMNS = ["variant", "split", "epoch", "loss", "reconstruction", "kl", "mse_from_mean"]


def train(page: Page, app: Dashboard, config: RunConfig) -> str:
    """Press Train with settings from a link."""
    page.goto(f"{app.url}/train?{'&'.join(f'{name}={value}' for name, value in config.query().items())}")
    settled(page)
    page.get_by_role("button", name="Train", exact=True).click()
    page.wait_for_url("**run=*", timeout=PATIENCE)
    return run_in_link(page)


def epochs_of(store: Store, run_id: str) -> list[int]:
    history = store.history(run_id)
    return list(history[(history["variant"] == "ae") & (history["split"] == "validation")]["epoch"])


def reached(store: Store, run_id: str, epoch: int, within: float = 60) -> None:
    deadline = time.monotonic() + within
    while store.run(run_id).epoch < epoch:
        assert time.monotonic() < deadline, "the run did not go on"
        time.sleep(0.05)


@contextmanager
def second(first: Dashboard, folder: Path) -> Iterator[Dashboard]:
    """Another dashboard on the same database."""
    other = Dashboard(folder)
    other.database_url = first.database_url
    other.start()
    yield other
    other.stop()


@pytest.mark.spare
def test_the_database_is_gone_for_ten_seconds_and_back(
    app: Dashboard, browser: Browser, times: dict[str, float]
) -> None:
    page = open_page(browser, app.url)
    wait_for_workers(page, app)
    run_id, store = train(page, app, LONG), store_of(app)
    reached(store, run_id, 20)
    before = store.run(run_id).epoch
    file = Path(app.database_url.removeprefix("sqlite:///"))
    folder, away = file.parent, file.parent.with_name("unmounted")
    folder.rename(away)
    gone = time.perf_counter()
    expect(page.get_by_text("The database can't be reached at the moment").first).to_be_visible()
    times["database gone: until the page says so"] = time.perf_counter() - gone
    fresh = browser.new_page()
    fresh.goto(f"{app.url}/compare")
    expect(fresh.get_by_text("The database can't be reached at the moment").first).to_be_visible(timeout=PATIENCE)
    page.wait_for_timeout(max(0.0, AWAY - (time.perf_counter() - gone)) * 1000)
    away.rename(folder)
    back = time.perf_counter()
    reached(store, run_id, before + 20)
    times["database back: until epochs are recorded again"] = time.perf_counter() - back
    expect(page.get_by_text("The database can't be reached at the moment")).to_have_count(0)
    expect(fresh.get_by_test_id("stDataFrame").first).to_be_visible(timeout=PATIENCE)
    times["database back: until both pages show it"] = time.perf_counter() - back
    expect_status(page, "done", within=120)
    run = store.run(run_id)
    assert (run.status, run.error, run.attempt) == ("done", None, 1), "nobody took it for dead"
    assert epochs_of(store, run_id) == list(range(LONG.epochs + 1))
    assert page.complaints == []


@pytest.mark.spare
def test_two_dashboards_on_one_database(
    app: Dashboard, browser: Browser, tmp_path: Path, times: dict[str, float]
) -> None:
    """Both train, each its own; one is killed: the other says so, and its visitor goes on with the run."""
    store, mine, theirs = store_of(app), LONG.model_copy(update={"seed": 1}), LONG.model_copy(update={"seed": 2})
    with second(app, tmp_path) as other:
        page = open_page(browser, app.url)
        run_id = train(page, app, mine)
        far = open_page(browser, other.url)
        wait_for_workers(far, other)
        far_id = train(far, other, theirs)
        reached(store, run_id, 10)
        reached(store, far_id, 10)
        other.kill()
        killed = time.perf_counter()
        page.goto(f"{app.url}/train?run={far_id}")
        expect_status(page, "interrupted", within=60)
        times["the other dashboard killed: until this one says so"] = time.perf_counter() - killed
        assert store.run(run_id).status in ("running", "done"), "the living one's run is not touched"
        reached_before = store.run(far_id).epoch
        page.get_by_role("button", name="Resume").click()
        resumed = time.perf_counter()
        reached(store, far_id, reached_before + 1, within=120)
        times["its run resumed here: until the next epoch"] = time.perf_counter() - resumed
        for which in (run_id, far_id):
            page.goto(f"{app.url}/train?run={which}")
            expect_status(page, "done", within=180)
            assert epochs_of(store, which) == list(range(LONG.epochs + 1))
    undisturbed = train(page, app, LONG.model_copy(update={"seed": 2, "epochs": 600, "device": "cpu"}))
    expect_status(page, "done", within=180)
    assert store.history(undisturbed)[COMPARED_COLUMNS].equals(store.history(far_id)[COMPARED_COLUMNS]), (
        "not in any number"
    )
