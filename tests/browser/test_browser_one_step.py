"""One step in slow motion, as a lecture hall sees it: keys, redrawn noise, sizes of type, and the numbers shown."""

from __future__ import annotations

import re

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from browsing import store_of
from playwright.sync_api import Browser, Page, expect
from serving import PATIENCE, Dashboard, open_page

from pages.components.one_step.stages import STAGES, norm, written
from vae.analysis.one_step import OneStep, one_step
from vae.choices.estimators import ESTIMATOR_SETUPS
from vae.choices.variants import VARIANTS
from vae.config import RunConfig
from vae.measuring import images_of, models_of, watched_of
from vae.runs.execution import execute
from vae.settings import Settings

pytestmark = [pytest.mark.browser, pytest.mark.slow]

CONFIG = RunConfig(epochs=3)
TYPE = {(1280, 720): 16, (1920, 1080): 22}  # pixels, at least
SMALLEST = """() => {
  const root = document.querySelector("[data-testid=stMain]")
  const inside = (it) => (it.shadowRoot ? find(it.shadowRoot) : [])
  const find = (place) => [...place.querySelectorAll("*")].flatMap((it) => [it, ...inside(it)])
  const steps = find(root).find((it) => it.className === "steps")
  const texts = [...steps.querySelectorAll("*")].filter((it) => it.innerText?.trim() && it.className !== "heard")
  return Math.min(...texts.map((it) => parseFloat(getComputedStyle(it).fontSize)))
}"""


@pytest.fixture(scope="module")
def run_id(app: Dashboard) -> str:
    made = store_of(app).create(CONFIG, "test")
    assert execute(store_of(app), made, settings_of(app)) == "done"
    return made


def settings_of(app: Dashboard) -> Settings:
    return Settings.from_environment({"VAE_DATA_DIR": str(app.folder), "VAE_DATABASE_URL": app.database_url})


@pytest.fixture
def page(app: Dashboard, browser: Browser, run_id: str) -> Page:
    return open_page(browser, f"{app.url}/the_trick?run={run_id}", height=720)


def measured(app: Dashboard, run_id: str, setup: str, image: int = 0, draw: int = 0) -> dict[str, OneStep]:
    store = store_of(app)
    run = store.run(run_id)
    x = watched_of(store, run, images_of(store, run, settings_of(app)), 8)[image]
    return {
        name: one_step(
            model, VARIANTS[name], x, "bce", 1.0, CONFIG.learning_rate, setup=ESTIMATOR_SETUPS[setup], draw=draw
        )
        for name, model in models_of(store, run, CONFIG.epochs).items()
    }


def shown(page: Page, variant: str, name: str) -> list[str]:
    return page.locator(f".row.{variant} .code.{name} .box:not(.later):not(.over) .numbers span").all_inner_texts()


def gradients(page: Page, variant: str) -> list[str]:
    return [re.sub(r"\s+", " ", text) for text in page.locator(f".row.{variant} .flow .label").all_inner_texts()]


def as_written(values: object) -> list[str]:
    return [written(value) for value in values]


def told(page: Page, words: str) -> None:
    """Wait for another picture: while the page is drawn again the one before may stand beside it."""
    expect(page.locator(".said").filter(has_text=words)).to_be_visible()
    expect(page.locator(".said")).to_have_count(1)


def test_what_is_shown_is_what_was_measured(app: Dashboard, page: Page, run_id: str) -> None:
    steps = measured(app, run_id, "pathwise")
    expect(page.locator(".steps")).to_have_attribute("data-stage", "weights")
    for variant, step in steps.items():
        assert shown(page, variant, "mu") == as_written(step.before.mu)
        assert shown(page, variant, "z") == as_written(step.before.z[0])
    vae, of_vae = steps["vae"], gradients(page, "vae")
    there, kl = vae.gradients["reconstruction"], vae.gradients["kl"]
    assert f"μ {written(norm(there.mu))}" in of_vae
    assert f"log σ² {written(norm(there.logvar))}" in of_vae
    assert f"z {written(norm(there.z))} weights {written(there.decoder)}" in of_vae
    assert f"weights {written(there.encoder)}" in of_vae
    assert f"KL: μ {written(norm(kl.mu))} log σ² {written(norm(kl.logvar))}" in of_vae
    page.get_by_role("radio", name="Detached", exact=True).click()
    told(page, "exactly 0 reaches the encoder's weights")
    assert "weights 0" in gradients(page, "vae")
    page.get_by_role("radio", name="Score function", exact=True).click()
    told(page, "the gradient goes around the random step")
    around = measured(app, run_id, "score_function")["vae"].gradients["reconstruction"]
    words = f"score function, around z: μ {written(norm(around.mu))} log σ² {written(norm(around.logvar))}"
    assert words in gradients(page, "vae")
    assert page.complaints == []


def test_keys_go_through_every_stage_and_each_is_told(app: Dashboard, page: Page, run_id: str) -> None:
    page.wait_for_timeout(700)  # what a page shows when it opens is not news, and rests first
    page.get_by_role("button", name="From the start").click()
    at = page.locator(".steps")
    expect(at).to_have_attribute("data-stage", "x")
    expect(page.locator(".row.vae .code.mu .numbers").first).not_to_be_visible()
    for stage in STAGES[1:]:
        page.keyboard.press("ArrowRight")
        expect(at).to_have_attribute("data-stage", stage)
    page.keyboard.press("ArrowRight")
    expect(at).to_have_attribute("data-stage", "step")
    after = measured(app, run_id, "pathwise")["vae"].after
    assert shown(page, "vae", "mu") == as_written(after.mu)
    expect(page.locator(".row.vae .term.changed").last).to_contain_text(f"→ {written(after.loss)}")
    said = page.locator(".said").inner_text()
    expect(page.locator(".heard")).to_have_text(f"Step 11 of 11. {said}")
    page.keyboard.press("ArrowLeft")
    expect(at).to_have_attribute("data-stage", "weights")
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("ArrowLeft")  # with no focus, too: a lecturer's remote control
    expect(at).to_have_attribute("data-stage", "code")
    assert page.complaints == []


def test_redrawn_noise_moves_z_and_another_image_moves_all(app: Dashboard, page: Page, run_id: str) -> None:
    once = measured(app, run_id, "pathwise", draw=1)["vae"].before
    mu, of_ae = shown(page, "vae", "mu"), shown(page, "ae", "z")
    page.get_by_role("button", name="Redraw ε").click()
    expect(page.locator(".row.vae .code.eps .numbers span").first).to_have_text(
        written(once.eps[0, 0]), timeout=PATIENCE
    )
    assert shown(page, "vae", "z") == as_written(once.z[0])
    assert (shown(page, "vae", "mu"), shown(page, "ae", "z")) == (mu, of_ae), "only what noise reaches"
    page.get_by_role("radio", name="Image 3").click()
    other = measured(app, run_id, "pathwise", image=2, draw=1)["ae"].before
    expect(page.locator(".row.ae .code.z .numbers span").first).to_have_text(written(other.z[0, 0]), timeout=PATIENCE)
    assert page.complaints == []


@pytest.mark.parametrize("size", TYPE)
def test_a_lecture_hall_can_read_it_on_one_screen(
    app: Dashboard, browser: Browser, run_id: str, size: tuple[int, int]
) -> None:
    width, height = size
    page = open_page(browser, f"{app.url}/the_trick?run={run_id}", width, height)
    expect(page.locator(".steps")).to_have_attribute("data-stage", "weights")
    assert page.evaluate(SMALLEST) >= TYPE[size]
    box = page.locator(".steps").bounding_box()
    assert box["y"] + box["height"] <= height, "all stations, and what they were measured on"
    rows = page.locator(".steps .rows")
    assert rows.evaluate("(rows) => rows.scrollWidth - rows.clientWidth") <= 0


@pytest.mark.parametrize("dark", [False, True])
def test_axe_finds_nothing_in_the_figure(app: Dashboard, browser: Browser, run_id: str, dark: bool) -> None:
    page = open_page(browser, f"{app.url}/the_trick?run={run_id}", 390, 844, dark)
    expect(page.locator(".steps")).to_have_attribute("data-stage", "weights")
    page.evaluate(AXE_SCRIPT)
    found = page.evaluate("async () => (await axe.run()).violations.map(({ id, nodes }) => [id, nodes[0].html])")
    assert found == []
    assert page.complaints == []
