"""A teacher's link, copied on one server and opened on another that lacks its run."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from browsing import store_of, wait_for_workers
from playwright.sync_api import Browser, Page, expect
from serving import Dashboard, open_page, settled

from vae.config import RunConfig
from vae.runs.execution import execute
from vae.settings import Settings

pytestmark = pytest.mark.browser

CONFIG = RunConfig(epochs=5, train_limit=100, validation_size=50, seed=3)


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dashboard]:
    dashboard = Dashboard(tmp_path_factory.mktemp("elsewhere"))
    dashboard.start()
    yield dashboard
    dashboard.stop()


def nudge(page: Page) -> tuple[str, str]:
    """The unit and the size that the strips say."""
    unit = page.locator(".units [aria-checked=true]")
    expect(unit).to_be_visible()
    return unit.inner_text(), page.locator(".size output").inner_text()


@pytest.mark.slow
def test_a_link_opens_the_same_page_on_a_server_that_trains_its_run(
    app: Dashboard, elsewhere: Dashboard, browser: Browser
) -> None:
    run_id = store_of(app).create(CONFIG, "test")
    assert execute(store_of(app), run_id, Settings.from_environment()) == "done"
    page = open_page(browser, f"{app.url}/perturbation?run={run_id}&epoch=2&questions=off")
    page.locator(".units").get_by_text("absolute", exact=True).click()
    settled(page)
    page.locator(".size input").focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_timeout(1000)  # until the strips have told what they rest on
    settled(page)
    here = nudge(page)
    page.get_by_role("button", name="Link for slides").click()
    page.get_by_role("radio", name="Controls").or_(page.get_by_role("button", name="Controls")).click()
    code = page.get_by_test_id("stPopoverBody").get_by_test_id("stCode")
    expect(code).to_contain_text("hide=controls")
    link = urlsplit(code.inner_text())
    assert link.path == "/perturbation"

    there = open_page(browser, f"{elsewhere.url}{link.path}?{link.query}")
    wait_for_workers(there, elsewhere)
    expect(there.get_by_text("The link asks for a run that is not in this database")).to_be_visible()
    there.get_by_role("button", name="Train this run").click()
    expect(there.locator(".units")).to_be_visible(timeout=60_000)
    settled(there)
    assert nudge(there) == here and here[0] == "absolute"
    assert there.evaluate("new URL(location).searchParams.get('epoch')") == "2"
    (trained,) = store_of(elsewhere).runs()
    assert trained.config == CONFIG
    control = there.get_by_role("button", name="Direction, images, epoch", include_hidden=True)
    expect(control).to_be_attached()
    expect(control).to_be_hidden()
    there.get_by_role("button", name="Show everything").click()
    expect(control).to_be_visible()
    assert page.complaints == there.complaints == []
