"""The lessons about a trained run, in a real browser: decoders under the pointer, nudges, samples.

Times are measured, printed and written to reports/browser_lessons.json; nothing here asserts one, machines differ.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from browsing import store_of
from playwright.sync_api import Browser, Locator, Page, expect
from serving import Dashboard, open_page, plots, settled

from vae.analysis.geometry import decode
from vae.config import PRESETS
from vae.measuring import models_of
from vae.runs.execution import execute
from vae.settings import Settings
from vae.store.runs import Store

pytestmark = pytest.mark.browser
HOVERED = 120  # frames

# Finds a component's root inside whatever shadow roots there are, and keeps it at hand.
ROOT_OF = """(name) => {
  const find = (node) => {
    for (const element of node.querySelectorAll("*")) {
      if (element.classList.contains(name)) return element
      const inside = element.shadowRoot && find(element.shadowRoot)
      if (inside) return inside
    }
  }
  return find(document)
}"""


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


def root_of(page: Page, name: str) -> object:
    page.locator(f".{name}").wait_for()
    return page.evaluate_handle(f"({ROOT_OF})('{name}')")


def decoding(page: Page) -> None:
    """Wait until the pad has drawn something with its decoders."""
    root_of(page, "pad")
    # A small decoder may take less than the browser's clock can tell: 0 ms is a drawing, too.
    page.wait_for_function(f"({ROOT_OF})('pad').dataset.decode !== undefined")


def spaces(page: Page) -> Locator:
    return page.locator("canvas.space")


def move_to(page: Page, space: Locator, right: float, down: float) -> None:
    """The pointer to a place of a canvas, in shares of its size."""
    box = space.bounding_box()
    page.mouse.move(box["x"] + right * box["width"], box["y"] + down * box["height"])


def drawn_there(page: Page) -> list[dict]:
    """Of every panel: its variant, the code under the pointer, and the grey levels on its canvas."""
    return page.evaluate(
        f"""() => ({ROOT_OF})('pad').pad.panels.map((panel) => {{
          const {{ width, height }} = panel.picture
          const pixels = panel.picture.getContext('2d').getImageData(0, 0, width, height).data
          return {{ variant: panel.variant, at: panel.at, z: [...panel.z], centre: panel.centre, spread: panel.spread,
                    grey: [...pixels].filter((_, i) => i % 4 === 0) }}
        }})"""
    )


def test_under_the_pointer_both_decoders_draw_what_pytorch_draws(
    mnist_app: tuple[Dashboard, str], browser: Browser, times: dict[str, float]
) -> None:
    app, run_id = mnist_app
    store = store_of(app)
    models = models_of(store, store.run(run_id), 2)
    page = open_page(browser, f"{app.url}/latent_space?run={run_id}", height=1000)
    decoding(page)
    worst = 0.0
    for right, down in ((0.5, 0.5), (0.3, 0.6), (0.8, 0.2), (0.02, 0.98), (0.99, 0.01), (0.6, 0.4)):
        move_to(page, spaces(page).first, right, down)
        page.wait_for_timeout(50)
        for panel in drawn_there(page):
            expected = 255 * decode(models[panel["variant"]], np.array([panel["z"]], dtype=np.float32))[0]
            worst = max(worst, np.abs(np.array(panel["grey"]) - expected).max())
    times["hover: largest difference from PyTorch's picture (of 255)"] = worst
    assert worst <= 2
    assert page.complaints == []


def test_hovering_draws_at_display_rate_without_asking_the_server(
    mnist_app: tuple[Dashboard, str], browser: Browser, times: dict[str, float]
) -> None:
    app, run_id = mnist_app
    page = open_page(browser, f"{app.url}/latent_space?run={run_id}", height=1000)
    decoding(page)
    page.wait_for_timeout(1000)
    before = len(page.messages)
    # One pointer event for each frame of the display, as a mouse gives them, and one decode of both models for each.
    found = page.evaluate(
        f"""async (count) => {{
          const root = ({ROOT_OF})('pad'), space = root.pad.panels[0].space, box = space.getBoundingClientRect()
          const next = () => new Promise(requestAnimationFrame), decodes = []
          for (let i = 0; i < 30; i++) await next()
          const frames = root.pad.frames, started = await next()
          let last = started
          for (let i = 0; i < count; i++) {{
            const [x, y] = [Math.cos(i / 9), Math.sin(i / 9)].map((c) => 0.5 + 0.4 * c)
            space.dispatchEvent(new PointerEvent('pointermove',
              {{ clientX: box.left + x * box.width, clientY: box.top + y * box.height }}))
            last = await next()
            decodes.push(Number(root.dataset.decode))
          }}
          return {{ drawn: root.pad.frames - frames, seconds: (last - started) / 1000, decodes }}
        }}""",
        HOVERED,
    )
    times["hover: frames per second"] = found["drawn"] / found["seconds"]
    times["hover: decode of both models, ms, median"] = float(np.median(found["decodes"]))
    times["hover: decode of both models, ms, p95"] = float(np.quantile(found["decodes"], 0.95))
    assert found["drawn"] >= HOVERED - 1, "every pointer event is drawn"
    for i in range(20):  # and with a real mouse
        move_to(page, spaces(page).first, 0.3 + i / 50, 0.4)
    assert len(page.messages) == before


def test_both_pointers_stand_at_the_same_place_relative_at_own_and_absolute_at_the_same_scale(
    app: Dashboard, browser: Browser, quick_run: str
) -> None:
    page = open_page(browser, f"{app.url}/latent_space?run={quick_run}", height=1000)
    decoding(page)
    move_to(page, spaces(page).first, 0.7, 0.4)
    page.wait_for_timeout(100)
    ae, vae = drawn_there(page)
    places = [(np.array(panel["at"]) - panel["centre"]) / panel["spread"] for panel in (ae, vae)]
    np.testing.assert_allclose(*places, atol=1e-9)
    assert not np.allclose(ae["at"], vae["at"])
    page.locator(".scales").get_by_text("same scale").click()
    page.wait_for_timeout(100)
    ae, vae = drawn_there(page)
    assert ae["at"] == vae["at"]


def test_a_click_pins_a_point_and_shows_the_nearest_real_images(
    app: Dashboard, browser: Browser, quick_run: str, times: dict[str, float]
) -> None:
    page = open_page(browser, f"{app.url}/latent_space?run={quick_run}", height=1400)
    decoding(page)
    move_to(page, spaces(page).nth(1), 0.6, 0.5)
    started = time.perf_counter()
    page.mouse.down()
    page.mouse.up()
    expect(page.get_by_role("heading", name="At the pin")).to_be_visible()
    expect(page.locator("img[alt^='Images whose codes are nearest']")).to_have_count(2)
    times["latent space: click to the nearest real images"] = time.perf_counter() - started
    # The other way, by keyboard: the pin moves, so other images are nearest.
    settled(page)
    before = page.locator("img[alt='Autoencoder: decoded here']").get_attribute("src")
    spaces(page).first.focus()
    for _ in range(5):
        page.keyboard.press("Shift+ArrowLeft")
    page.keyboard.press("Enter")
    expect(page.locator("img[alt='Autoencoder: decoded here']")).not_to_have_attribute("src", before)
    assert page.complaints == []


def test_a_finger_works_like_a_mouse(app: Dashboard, browser: Browser, quick_run: str) -> None:
    page = open_page(browser, f"{app.url}/latent_space?run={quick_run}", 390, 1400, touch=True)
    decoding(page)
    before = drawn_there(page)[0]["at"]
    box = spaces(page).first.bounding_box()
    page.touchscreen.tap(box["x"] + 0.7 * box["width"], box["y"] + 0.3 * box["height"])
    expect(page.get_by_role("heading", name="At the pin")).to_be_visible()
    assert drawn_there(page)[0]["at"] != before


def test_other_backgrounds_and_planes_are_drawn(app: Dashboard, browser: Browser, quick_run: str) -> None:
    page = open_page(browser, f"{app.url}/latent_space?run={quick_run}", height=1400)
    decoding(page)
    page.mouse.move(5, 5)
    picture = "canvas => canvas.toDataURL()"
    plain = spaces(page).first.evaluate(picture)
    page.get_by_label("Background").select_option("area")
    expect(page.locator(".legend")).to_contain_text("per standard deviation of the codes")
    page.wait_for_timeout(200)
    coloured = spaces(page).first.evaluate(picture)
    page.get_by_label("posteriors").check()
    page.wait_for_timeout(200)
    with_ellipses = spaces(page).nth(1).evaluate(picture)
    page.get_by_label("prior").uncheck()
    page.wait_for_timeout(200)
    assert len({plain, coloured, with_ellipses, spaces(page).nth(1).evaluate(picture)}) == 4
    assert page.complaints == []


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


@pytest.mark.slow
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


def test_the_toys_sliders_answer(app: Dashboard, browser: Browser, quick_run: str, times: dict[str, float]) -> None:
    page = open_page(browser, f"{app.url}/the_trick?run={quick_run}", height=1600)
    for name, tab, count, slider, figure in (
        ("toy", "A toy with known answers", 3, "σ", "One-sample estimates"),
        ("z by hand", "z by hand", 6, "ε, drawn from N(0, 1)", "ε on its bell curve"),
    ):
        page.get_by_role("tab", name=tab).click()
        expect(plots(page)).to_have_count(count)
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


@pytest.mark.slow
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


@pytest.mark.slow
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
