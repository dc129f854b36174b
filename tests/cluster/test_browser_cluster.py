"""A dashboard on PostgreSQL and a remote cluster, in a real browser: from the big button to a comparison."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import postgres
import pytest
from browsing import run_in_link, store_of
from playwright.sync_api import Browser, expect
from remote import Cluster
from serving import Dashboard, expect_status, open_page, settled
from staging import on_stage

from vae.config import RunConfig
from vae.settings import Settings

pytestmark = [pytest.mark.browser, pytest.mark.cluster]


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[tuple[Dashboard, Cluster]]:
    app = Dashboard(tmp_path)
    there = {
        "VAE_DATA_DIR": str(tmp_path),
        "VAE_DATABASE_URL": app.database_url,
        "VAE_WORKERS": "1",
        "VAE_THREADS": "1",
    }
    cluster = Cluster(tmp_path, Settings.from_environment(there)).start(workers=2)
    app.environment["VAE_SCHEDULER"] = cluster.address
    try:
        cluster.await_workers(2)
        app.start()
        yield app, cluster
        app.stop()
    finally:
        cluster.stop()
        postgres.drop(app.database_url)


def test_a_run_is_trained_elsewhere_watched_here_and_compared(lab: tuple[Dashboard, Cluster], browser: Browser) -> None:
    app, _ = lab
    page = open_page(browser, app.url)
    page.get_by_role("button", name="Train both now").click()
    on_stage(page)
    expect_status(page, "done")
    settled(page)
    first = run_in_link(page)
    store = store_of(app)
    second = store.create(RunConfig(epochs=3, seed=1), "nobody")  # its owner shows no pulse: it must be resumable
    page.goto(f"{app.url}/train?run={second}")
    expect_status(page, "interrupted")
    page.get_by_role("button", name="Resume").click()
    expect_status(page, "done")
    assert {store.run(run_id).status for run_id in (first, second)} == {"done"}
    page.goto(f"{app.url}/compare?runs={first},{second}")
    expect(page.get_by_test_id("stDataFrame").first).to_be_visible()
    expect(page.locator(".js-plotly-plot").first).to_be_visible(timeout=60_000)
    settled(page)
    assert page.complaints == []
    log = app.log.read_text()
    assert "Traceback" not in log
    assert "anyone who reaches the scheduler can run any program" in log
