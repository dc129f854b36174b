"""A sweep as a practitioner meets it: one click, live results, a stop, and the same again."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from urllib.parse import quote

import pytest
from browsing import store_of, wait_for_workers
from playwright.sync_api import Browser, Page, expect
from serving import Dashboard, open_page, settled

from pages.sections.sweeps.form import link_to
from vae.config import RunConfig
from vae.sweeps import stored
from vae.sweeps.driver import points
from vae.sweeps.spec import SweepSpec
from vae.sweeps.study import study_of

pytestmark = [pytest.mark.browser, pytest.mark.slow]
TWO_MINUTES = 120_000


def ask_for_a_new_one(page: Page) -> None:
    """The form stands alone until there is a sweep, then in a tab: this test may run first or after another."""
    if (tab := page.get_by_role("tab", name="New sweep")).count():
        tab.click()


@pytest.mark.spare
def test_how_many_latent_dimensions(app: Dashboard, browser: Browser, times: dict[str, float]) -> None:
    page = open_page(browser, f"{app.url}/sweeps")
    wait_for_workers(page, app)
    started = time.perf_counter()
    page.get_by_role("button", name="Run this sweep").click()
    expect(page.get_by_role("img", name="MSE, from μ (per pixel) against Latent dimensions")).to_be_visible(
        timeout=TWO_MINUTES
    )
    times["click to the first point of a sweep"] = time.perf_counter() - started
    expect(page.get_by_role("button", name="Stop", exact=True)).to_be_visible()
    expect(page.get_by_text("21 of 21 runs done")).to_be_visible(timeout=2 * TWO_MINUTES)
    times["click to done: 7 sizes × 3 seeds on digits"] = time.perf_counter() - started
    settled(page)
    expect(page.get_by_text("What to notice.")).to_be_visible()
    assert page.complaints == []
    (sweep,) = stored.listed(store_of(app))
    members = stored.members(store_of(app), sweep.id)
    assert sorted((member.number, member.seed) for member in members) == [(n, s) for n in range(7) for s in range(3)]
    assert {member.status for member in members} == {"done"}
    assert f"sweep={sweep.id}" in page.url


def test_a_sweep_outlives_its_dashboard(app: Dashboard, browser: Browser, times: dict[str, float]) -> None:
    """Killed in the midst and started again, without a click: every point and seed once, none lost."""
    page = open_page(browser, f"{app.url}/sweeps")
    wait_for_workers(page, app)
    ask_for_a_new_one(page)
    page.get_by_test_id("stButtonGroup").get_by_text("Which loss?").click()
    expect(page.get_by_text("6 points × 3 seeds = 18 runs")).to_be_visible()
    page.get_by_role("button", name="Run this sweep").click()
    expect(page.get_by_text("4 of 18 runs done")).to_be_visible(timeout=TWO_MINUTES)
    app.kill()
    started = time.perf_counter()
    app.start()
    page = open_page(browser, page.url)
    expect(page.get_by_text("18 of 18 runs done")).to_be_visible(timeout=2 * TWO_MINUTES)
    times["a killed dashboard's sweep: start to done"] = time.perf_counter() - started
    store = store_of(app)
    sweep = next(sweep for sweep in stored.listed(store) if sweep.name == "Which loss?")
    members = stored.members(store, sweep.id)
    assert sorted((member.number, member.seed) for member in members) == [(n, s) for n in range(6) for s in range(3)]
    assert sweep.status == "done"
    for member in members:
        assert len(store.history(member.run_id)) == 2 * 61 + 2, "every epoch of both models once, and the test"


@pytest.mark.parametrize(
    ("objective", "changes", "best", "sought"),
    [
        ("probe_accuracy", {}, max, "We look for a high accuracy of a linear probe of the variational autoencoder"),
        (
            "nll",
            {"reconstruction": "bernoulli", "binarisation": "static"},
            min,
            "We look for low negative log-likelihood of the variational autoencoder",
        ),
    ],
)
def test_a_yardstick_chooses_from_click_to_chosen_point(
    app: Dashboard,
    browser: Browser,
    times: dict[str, float],
    objective: str,
    changes: dict[str, str],
    best: Callable[[Iterable[float]], float],
    sought: str,
) -> None:
    base = RunConfig(epochs=4, hidden=(16,), train_limit=400, validation_size=100, **changes)
    spec = SweepSpec.parse(base, {"latent_dim": (1, 4)}, objectives=(objective,))
    page = open_page(browser, f"{app.url}/sweeps?spec={quote(link_to(spec))}")
    wait_for_workers(page, app)
    started = time.perf_counter()
    page.get_by_role("button", name="Run this sweep").click()
    expect(page.get_by_text(sought)).to_be_visible(timeout=TWO_MINUTES)
    expect(page.get_by_text("★ best mean.")).to_be_visible(timeout=TWO_MINUTES)
    times[f"click to the point chosen by {objective}: 2 sizes × {spec.seeds} seed(s)"] = time.perf_counter() - started
    settled(page)
    assert page.complaints == []
    store = store_of(app)
    sweep = next(sweep for sweep in stored.listed(store) if sweep.spec.objectives == (objective,))
    found = {trial.number: trial.value for trial in points(store, sweep)}
    assert study_of(store, sweep).best_value == best(found.values()) and len(set(found.values())) == 2
