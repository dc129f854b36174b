"""The lessons about a trained run, in a real browser: nudges, samples, estimators.

Times are measured, printed and written to reports/browser_lessons.json; nothing here asserts one, machines differ.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from browsing import store_of
from playwright.sync_api import Browser, Locator, Page, expect
from serving import PATIENCE, Dashboard, open_page, plots, settled
from staging import ROOT_OF

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def root_of(page: Page, name: str) -> object:
    page.locator(f".{name}").wait_for()
    return page.evaluate_handle(f"({ROOT_OF})('{name}')")


def lowest(element: Locator) -> float:
    """Where it ends, in pixels from the top of the page."""
    box = element.bounding_box()
    return box["y"] + box["height"]


def p95_of(clicks: list[Callable[[], None]], page: Page) -> float:
    """Milliseconds from a click to the next drawing of the strips, the 95th percentile over `clicks`."""
    page.evaluate(
        f"""() => {{
          window.drawings = []
          new MutationObserver(() => window.drawings.push(performance.now()))
            .observe(({ROOT_OF})('nudges'), {{ attributes: true, attributeFilter: ['data-drawn'] }})
          for (const kind of ['click', 'keydown', 'input'])
            document.addEventListener(kind, () => (window.clicked = performance.now()), true)
        }}"""
    )
    waits = []
    for click in clicks:
        click()
        page.wait_for_function("window.drawings.some((at) => at > window.clicked)")
        waits.append(page.evaluate("window.drawings.find((at) => at > window.clicked) - window.clicked"))
        page.wait_for_timeout(150)
    return float(np.quantile(waits, 0.95))


@pytest.mark.spare
def test_nudges_are_drawn_while_size_unit_and_image_change(
    mnist_app: tuple[Dashboard, str], browser: Browser, times: dict[str, float]
) -> None:
    app, run_id = mnist_app
    page = open_page(browser, f"{app.url}/perturbation?run={run_id}", height=1400)
    root_of(page, "nudges")
    page.wait_for_function(f"Number(({ROOT_OF})('nudges').dataset.drawn) > 0")
    started = time.perf_counter()
    expect(page.get_by_text("Only one seed: not enough to conclude.")).to_be_visible(timeout=60_000)
    times["perturbation: rest of the first measurement of 10,000 images, classifier included"] = (
        time.perf_counter() - started
    )
    settled(page)
    units = page.get_by_role("radiogroup", name="Unit of the nudge").get_by_role("radio")
    expect(units).to_have_count(4)
    clicks = [units.nth(i % 4).click for i in range(20)]
    times["perturbation: unit clicked to new pictures, ms, p95"] = p95_of(clicks, page)
    images = page.get_by_role("radiogroup", name="Image", exact=True).get_by_role("radio")
    clicks = [images.nth(i % 12).click for i in range(1, 21)]
    times["perturbation: image clicked to new pictures, ms, p95"] = p95_of(clicks, page)
    slider = page.get_by_role("slider", name="Size of the nudge", exact=True).first
    slider.focus()
    times["perturbation: size changed to new pictures, ms, p95"] = p95_of(
        [lambda: slider.press("ArrowRight") for _ in range(20)], page
    )
    assert page.complaints == []


@pytest.mark.spare
def test_bigger_nudges_change_pictures_more_and_many_images_show_at_once(
    app: Dashboard, browser: Browser, quick_run: str
) -> None:
    page = open_page(browser, f"{app.url}/perturbation?run={quick_run}", height=720)
    root_of(page, "nudges")
    strips = page.locator(".strip")
    expect(strips).to_have_count(2)
    slider = page.get_by_role("slider", name="Size of the nudge", exact=True)
    assert max(lowest(part) for part in (strips.nth(1), slider)) <= 720, "all of it is on the first screen"
    captions = strips.first.locator(".tile div")
    expect(captions).to_have_count(10)
    expect(captions.first).to_have_text("Δ 0.000")
    changes = [float(text.removeprefix("Δ ")) for text in captions.all_inner_texts()]
    assert changes == sorted(changes) and changes[-1] > 0.01
    page.get_by_role("radio", name="all 12").click()
    expect(page.locator(".strip").first.locator("canvas")).to_have_count(24)
    page.get_by_role("radio", name="× posterior σ").click()
    expect(page.locator(".strip").first).to_contain_text("has no such unit")
    assert page.complaints == []


def test_missing_seeds_are_trained_by_one_click_and_the_verdict_follows(
    app: Dashboard, browser: Browser, quick_run: str, times: dict[str, float]
) -> None:
    page = open_page(browser, f"{app.url}/perturbation?run={quick_run}", height=1800)
    expect(page.get_by_text("Only one seed: not enough to conclude.")).to_be_visible(timeout=60_000)
    started = time.perf_counter()
    page.get_by_role("button", name="Train 2 more seeds for a verdict").click()
    verdict = page.get_by_text("Verdict. 3 seeds.")
    expect(verdict).to_be_visible(timeout=90_000)
    times["perturbation: two more seeds trained and measured, quick preset"] = time.perf_counter() - started
    settled(page)
    assert lowest(verdict) <= 720 and lowest(page.get_by_test_id("stDataFrame")) <= 720, "on the first screen"
    page.get_by_role("tab", name="Every size").click()
    with page.expect_download() as download:
        page.get_by_role("button", name="CSV", exact=True).click()
    table = pd.read_csv(download.value.path())
    assert sorted(set(table["seed"])) == [0, 1, 2]
    assert {"variant", "unit", "size", "rmse", "class_change", "nearest_distance", "n", "seed"} <= set(table.columns)
    assert page.complaints == []


def test_samples_ways_and_dimensions(app: Dashboard, browser: Browser, quick_run: str, times: dict[str, float]) -> None:
    page = open_page(browser, f"{app.url}/sampling?run={quick_run}", height=2600)
    drawn = page.locator("img[alt='Autoencoder: pictures drawn']")
    expect(page.get_by_text("This test is unfair to")).to_be_visible()
    before = drawn.get_attribute("src")
    started = time.perf_counter()
    page.get_by_role("button", name="Draw again").click()
    expect(drawn).not_to_have_attribute("src", before)
    times["sampling: draw again to new pictures"] = time.perf_counter() - started
    page.get_by_text("a fitted mixture", exact=True).first.click()
    expect(page.get_by_text("This test is unfair to")).to_have_count(0)
    settled(page)
    page.get_by_role("tab", name="Between two images").click()
    way = page.locator("img[alt^='Autoencoder: 11 pictures']")
    before = way.get_attribute("src")
    page.get_by_text("geodesic (least change)").first.click()
    expect(way).not_to_have_attribute("src", before)
    page.get_by_role("tab", name="Each dimension by itself").click()
    expect(page.locator("img[alt='Autoencoder: every dimension moved by itself']")).to_be_visible()
    assert page.complaints == []


@pytest.mark.spare
def test_the_toys_sliders_answer(app: Dashboard, browser: Browser, quick_run: str, times: dict[str, float]) -> None:
    page = open_page(browser, f"{app.url}/the_trick?run={quick_run}", height=1600)
    for name, tab, slider, figure in (
        ("toy", "A toy with known answers", "σ", "One-sample estimates"),
        ("z by hand", "z by hand", "ε, drawn from N(0, 1)", "ε on its bell curve"),
    ):
        page.get_by_role("tab", name=tab).click()
        expect(page.locator(f"[aria-label^='{figure}']")).to_be_visible(timeout=PATIENCE)
        settled(page)
        expect(plots(page)).to_have_count(3, timeout=PATIENCE)  # no other tab's
        handle = page.locator(f"input[type=range][aria-label='{slider}']")
        page.evaluate(
            """(label) => {
              window.drawings = []
              const holder = document.querySelector(`[aria-label^="${label}"]`)
              holder.on('plotly_afterplot', () => window.drawings.push(performance.now()))
              document.addEventListener('keyup', () => (window.clicked = performance.now()), true)
            }""",
            figure,
        )
        waits = []
        handle.focus()
        for _ in range(20):
            handle.press("ArrowRight")
            page.wait_for_function("window.drawings.some((at) => at > window.clicked)")
            waits.append(page.evaluate("window.drawings.find((at) => at > window.clicked) - window.clicked"))
            page.wait_for_timeout(200)
        times[f"{name}: slider to new figure, ms, p95"] = float(np.quantile(waits, 0.95))
        times[f"{name}: slider to new figure, ms, median"] = float(np.median(waits))
    assert page.complaints == []


@pytest.mark.spare
def test_every_estimator_is_trained_by_one_click(
    app: Dashboard, browser: Browser, quick_run: str, times: dict[str, float]
) -> None:
    page = open_page(browser, f"{app.url}/the_trick?run={quick_run}", height=3000)
    page.get_by_role("tab", name="Train with each").click()
    started = time.perf_counter()
    page.get_by_role("button", name="Train with every estimator").click()
    expect(page.get_by_text("Expected from the article: training with the trick")).to_be_visible(timeout=120_000)
    times["the trick: four estimators trained, quick preset"] = time.perf_counter() - started
    page.get_by_role("tab", name="How noisy is each?").click()
    started = time.perf_counter()
    page.get_by_role("button", name="Measure the estimators").click()
    expect(page.get_by_text("To know as much as one pathwise sample")).to_be_visible(timeout=120_000)
    times["the trick: estimators measured on the encoder, quick preset"] = time.perf_counter() - started
    page.get_by_role("tab", name="A whole batch").click()
    page.get_by_role("radio", name="Detached", exact=True).click()
    expect(page.locator("svg[aria-label*='encoder_weights 0,']")).to_be_visible()
    assert page.complaints == []


@pytest.mark.spare
def test_the_trap_collapses_and_its_repair_does_not(
    mnist_app: tuple[Dashboard, str], browser: Browser, times: dict[str, float]
) -> None:
    app, run_id = mnist_app
    page = open_page(browser, f"{app.url}/two_losses?run={run_id}", height=2600)
    started = time.perf_counter()
    page.get_by_role("tab", name="Sum or mean?").click()
    page.get_by_role("button", name="Train a failing VAE and the fixed one").click()
    expect(page.get_by_text("dimensions active, MSE")).to_have_count(2, timeout=240_000)
    times["two losses: the collapse preset and its repair trained"] = time.perf_counter() - started
    runs = {run.config.beta: run for run in store_of(app).runs() if run.config.latent_dim == 32}
    found = {}
    for beta, run in runs.items():
        found[beta] = store_of(app).history(run.id).query("variant == 'vae' and split == 'test'").iloc[0]
    assert found[24.5].kl < 0.1 and found[24.5].active_units == 0
    assert found[1.0].kl > 1 and found[1.0].active_units > 0
    page.get_by_role("button", name="Look at it").first.click()
    expect(page.get_by_text("Variational autoencoder: collapsed.")).to_be_visible()
    page.get_by_role("tab", name="Sum or mean?").click()
    page.get_by_role("button", name="Look at it").nth(1).click()
    expect(page.get_by_text("Variational autoencoder: collapsed.")).to_have_count(0)
    assert page.complaints == []
