"""The tab Likelihood in a real browser: what is measured appears by itself, of this run and then of other seeds."""

from __future__ import annotations

import pytest
from browsing import store_of
from playwright.sync_api import Browser, expect
from serving import Dashboard, open_page, settled

from vae.config import RunConfig
from vae.runs.execution import execute
from vae.settings import Settings

pytestmark = [pytest.mark.browser, pytest.mark.slow]

TINY = RunConfig(epochs=2, hidden=(16,), reconstruction="bernoulli", binarisation="static", variants=("vae",))


def test_nobody_has_to_press_a_button_twice(app: Dashboard, browser: Browser) -> None:
    """A panel that did not poll would stay where it was when the measurement began."""
    store, settings = store_of(app), Settings.from_environment({"VAE_DATABASE_URL": app.database_url})
    ids = [store.create(TINY.model_copy(update={"seed": seed}), "test") for seed in range(3)]
    for run_id in ids:
        assert execute(store, run_id, settings) == "done"
    page = open_page(browser, f"{app.url}/yardsticks?run={ids[0]}")
    page.get_by_role("tab", name="Likelihood").click()
    page.get_by_role("button", name="Measure the likelihood").click()
    expect(page.get_by_text("What to notice.")).to_be_visible(timeout=60_000)
    expect(page.get_by_text("Only one seed: not enough to conclude.")).to_be_visible()
    page.get_by_role("button", name="Measure 2 more seeds").click()
    expect(page.get_by_text("95 % interval over 3 seeds")).to_be_visible(timeout=60_000)
    settled(page)
    assert page.complaints == []
