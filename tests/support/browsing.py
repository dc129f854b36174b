"""A dashboard, a browser and a trained run for each file of tests that look at pages as a person does."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect
from serving import ROOT, Dashboard, chromium, expect_status, open_page, settled
from staging import on_stage

from vae.config import PRESETS
from vae.runs.execution import execute
from vae.settings import Settings
from vae.store.runs import Store

REPORTS = ROOT / "reports"


@pytest.fixture(scope="module")
def times(request: pytest.FixtureRequest) -> Iterator[dict[str, float]]:
    """Seconds, or what the name says, by what was done; kept in reports/, one file for each test file."""
    measured: dict[str, float] = {}
    yield measured
    REPORTS.mkdir(exist_ok=True)
    name = request.module.__name__.removeprefix("test_")
    report = REPORTS / f"{name}.json"  # quick and slow tests of a file run apart: each keeps what the other measured
    before = json.loads(report.read_text()) if report.exists() else {}
    report.write_text(json.dumps(before | measured, indent=2))
    print("\n" + "\n".join(f"{value:9.3f}  {what}" for what, value in measured.items()))


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dashboard]:
    dashboard = Dashboard(tmp_path_factory.mktemp("app"))
    dashboard.start()
    yield dashboard
    dashboard.stop()


@pytest.fixture(scope="module")
def mnist_app(tmp_path_factory: pytest.TempPathFactory, mnist_dir: Path) -> Iterator[tuple[Dashboard, str]]:
    """A dashboard with a 2-D MNIST run of the preset's network, and the run's id."""
    app = Dashboard(tmp_path_factory.mktemp("mnist"), VAE_DATA_DIR=str(mnist_dir))
    settings = Settings.from_environment({"VAE_DATA_DIR": str(mnist_dir), "VAE_DATABASE_URL": app.database_url})
    store = Store(app.database_url)
    run_id = store.create(PRESETS["two_d"].config.model_copy(update={"epochs": 2}), "test")
    assert execute(store, run_id, settings) == "done"
    app.start()
    yield app, run_id
    app.stop()


@pytest.fixture(scope="module")
def quick_run(app: Dashboard, browser: Browser, times: dict[str, float]) -> str:
    """The id of a run of the quick preset, trained by pressing the button."""
    started = time.perf_counter()
    page = open_page(browser, f"{app.url}/train")
    times["first page painted and at rest, from the first request"] = time.perf_counter() - started
    wait_for_workers(page, app)

    page.get_by_role("button", name="Train", exact=True).click()
    started = time.perf_counter()
    on_stage(page)
    times["click to first live pictures, quick preset"] = time.perf_counter() - started
    expect(page.get_by_text("Variational autoencoder", exact=True).first).to_be_visible()
    expect_status(page, "done")
    times["click to done, quick preset"] = time.perf_counter() - started
    settled(page)
    assert page.complaints == []
    return run_in_link(page)


def wait_for_workers(page: Page, app: Dashboard) -> None:
    """A class comes in minutes after the start; a test comes in at once, while workers still import torch."""
    deadline = time.monotonic() + 60
    while "worker ready" not in app.log.read_text() and time.monotonic() < deadline:
        page.wait_for_timeout(200)


def run_in_link(page: Page) -> str:
    return page.evaluate("new URL(location).searchParams.get('run')")


def store_of(app: Dashboard) -> Store:
    return Store(app.database_url)
