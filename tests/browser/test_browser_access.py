"""Pages for those who use no mouse, hear instead of seeing, enlarge, or want no motion.

axe-core looks over every page in both themes; what it finds is ours unless OF_STREAMLIT says why it isn't.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from browsing import store_of
from playwright.sync_api import Browser, Page, TimeoutError, expect
from serving import Dashboard, open_page, settled
from staging import decoding

from pages._lessons import LESSONS
from vae.config import PRESETS
from vae.runs.execution import execute
from vae.settings import Settings

pytestmark = [pytest.mark.browser, pytest.mark.slow]

ADDRESSES = [lesson.file.removesuffix(".py") for lesson in LESSONS]
OF_STREAMLIT = {  # (rule, selector of the element or of one around it) → why no page of ours can mend it
    ("presentation-role-conflict", "[data-testid=stFileUploaderDropzone]"): "a drop zone is named, and has no role",
}
# Violations as (rule, number of the exemption or null, what and why).
LOOK = """async (exempt) => {
  const found = await axe.run({ resultTypes: ["violations"], elementRef: true })
  return found.violations.flatMap(({ id, nodes }) => nodes.map((node) => {
    const place = exempt.findIndex(([rule, selector]) => rule === id && node.element.closest(selector))
    return [id, place < 0 ? null : place, `${node.html.slice(0, 200)}: ${node.failureSummary}`]
  }))
}"""
# What passes the right edge: page, or a formula in it.
BEYOND = """() => {
  const shown = [document.documentElement, ...document.querySelectorAll(".stMain, .katex-display")]
  const beyond = shown.filter((element) => element.scrollWidth > element.clientWidth)
  return beyond.map((it) => `${it.className}: ${it.scrollWidth} px in ${it.clientWidth}`)
}"""
DEEP = """() => {
  let element = document.activeElement
  while (element?.shadowRoot?.activeElement) element = element.shadowRoot.activeElement
  return element
}"""
FOCUS = f"""() => {{
  const element = ({DEEP})()
  const {{ outlineStyle, outlineWidth, outlineColor }} = getComputedStyle(element)
  return [element.getAttribute("aria-label") ?? element.textContent ?? "", outlineStyle, outlineWidth, outlineColor]
}}"""


# What fades in has no contrast yet; what turns for ever isn't waited for.
AT_REST = """() => document.getAnimations().every(
  (motion) => motion.playState !== "running" || motion.effect.getTiming().iterations === Infinity)"""
each_theme = pytest.mark.parametrize("theme", ["light", pytest.param("dark", marks=pytest.mark.spare)])


@pytest.fixture(scope="module")
def run_id(app: Dashboard) -> str:
    """A run of the quick preset, trained here: nobody waits for workers."""
    store = store_of(app)
    made = store.create(PRESETS["quick"].config, "test")
    settings = Settings.from_environment({"VAE_DATA_DIR": str(app.folder), "VAE_DATABASE_URL": app.database_url})
    assert execute(store, made, settings) == "done"
    return made


@pytest.fixture(scope="module")
def visitors(app: Dashboard, browser: Browser, run_id: str) -> dict[str, Page]:
    """One in each theme."""
    address = f"{app.url}/?run={run_id}"
    return {theme: open_page(browser, address, height=720, dark=theme == "dark") for theme in ("light", "dark")}


@pytest.fixture
def visit(visitors: dict[str, Page]) -> Page:
    """Where both themes are alike."""
    return visitors["light"]


def go(page: Page, app: Dashboard, address: str, run_id: str) -> None:
    page.goto(f"{app.url}/{'' if address == 'start' else address}?run={run_id}")
    expect(page.locator("h1")).to_be_visible()
    settled(page)
    expect(page.get_by_test_id("stProgress")).to_have_count(0, timeout=60_000)  # a measurement is under way


def views(page: Page, app: Dashboard, run_id: str) -> Iterator[str]:
    """What each page is called, with each of its tabs open in turn."""
    for address in ADDRESSES:
        go(page, app, address, run_id)
        for tab in page.get_by_role("tab").all_inner_texts() or [""]:
            if tab:
                page.get_by_role("tab", name=tab, exact=True).click()
                settled(page)
            expect(page.locator(".figure:not([aria-label])")).to_have_count(0)  # they have begun
            page.wait_for_function(AT_REST)
            yield f"{address} {tab}".strip()


@each_theme
def test_axe_finds_nothing_that_is_ours_and_all_fits_at_200_per_cent(
    app: Dashboard, visitors: dict[str, Page], run_id: str, theme: str
) -> None:
    """1280 × 720 at 200 % is 640 × 360. Formulas go on in the next line; only tables and drawings scroll, inside."""
    page, ours, used = visitors[theme], [], set()
    for view in views(page, app, run_id):
        page.evaluate(AXE_SCRIPT)
        for rule, exemption, what in page.evaluate(LOOK, list(map(list, OF_STREAMLIT))):
            if exemption is None:
                ours.append(f"{view}: {rule}: {what}")
            else:
                used.add(list(OF_STREAMLIT)[exemption])
        page.set_viewport_size({"width": 640, "height": 360})
        with suppress(TimeoutError):  # tables take a moment to find their new width
            page.wait_for_function(f"({BEYOND})().length === 0", timeout=10_000)
        ours += [f"{view}: {what}" for what in page.evaluate(BEYOND)]
        page.set_viewport_size({"width": 1280, "height": 720})
    assert not ours, "\n".join(ours)
    assert used == set(OF_STREAMLIT), "an exemption that is no longer needed goes"
    assert page.complaints == []


def strips(page: Page, app: Dashboard, run_id: str) -> None:
    go(page, app, "perturbation", run_id)
    expect(page.locator(".tiles[aria-label*='Pixel RMSE']")).to_have_count(2)  # they are drawn


def focused(page: Page) -> str:
    """The name of the element that has the focus, which must be seen to have it."""
    name, style, width, colour = page.evaluate(FOCUS)
    assert (style, width) == ("solid", "2px"), name
    assert colour == page.evaluate("getComputedStyle(document.querySelector('h1')).color"), name
    return name


@each_theme
def test_a_group_of_choices_is_one_tab_stop_and_arrows_choose(
    app: Dashboard, visitors: dict[str, Page], run_id: str, theme: str
) -> None:
    visit = visitors[theme]
    strips(visit, app, run_id)
    units = visit.get_by_role("radiogroup", name="Unit of the nudge")
    images = visit.get_by_role("radiogroup", name="Image", exact=True)
    for group, count in ((units, 4), (images, 13)):  # twelve images, and all of them
        expect(group.get_by_role("radio")).to_have_count(count)
        expect(group.locator("[tabindex='0']")).to_have_count(1)

    def chosen(name: str) -> None:
        expect(images.get_by_role("radio", checked=True)).to_have_count(1)
        expect(images.get_by_role("radio", checked=True)).to_have_accessible_name(name)
        expect(images.locator("[tabindex='0']")).to_have_accessible_name(name)
        assert focused(visit) == name

    names = [radio.get_attribute("aria-label") for radio in images.get_by_role("radio").all()[:12]]
    assert [name.split(",")[0] for name in names] == [f"Image {place}" for place in range(1, 13)]
    labels = {f"Image {place}, class {label}" for place in range(1, 13) for label in range(10)}
    assert set(names) <= labels
    names.append("all 12")  # pictures at once, each nudged alike
    images.get_by_role("radio", checked=True).focus()
    for key, place in (("ArrowRight", 1), ("ArrowDown", 2), ("ArrowLeft", 1), ("End", 12), ("ArrowRight", 0)):
        visit.keyboard.press(key)
        chosen(names[place])
    visit.keyboard.press("ArrowUp")
    chosen(names[12])
    visit.keyboard.press("Home")
    chosen(names[0])

    visit.keyboard.press("Shift+Tab")
    assert focused(visit) == "Size of the nudge"
    visit.keyboard.press("Shift+Tab")
    assert focused(visit) == "× std of the codes"
    visit.keyboard.press("ArrowRight")
    assert focused(visit) == "× neighbour distance"
    expect(units.get_by_role("radio", checked=True)).to_have_text("× neighbour distance")
    expect(visit.locator(".size output")).to_contain_text("× neighbour distance")
    visit.keyboard.press("ArrowLeft")
    images.get_by_role("radio", name="all 12").click()
    expect(visit.locator(".tiles[aria-label*='12 images, nudged by']")).to_have_count(2)
    expect(visit.locator(".tiles[aria-label*='12 images, as they are']")).to_have_count(2)
    assert visit.complaints == []


def told(page: Page) -> str:
    """Wait for the next thing that is announced."""
    heard = page.locator(".heard")
    expect(heard).not_to_be_empty()
    return heard.text_content()


def test_what_the_strips_show_is_announced_once_it_rests(app: Dashboard, visit: Page, run_id: str) -> None:
    strips(visit, app, run_id)
    expect(visit.locator(".heard")).to_have_attribute("aria-live", "polite")
    expect(visit.locator(".heard")).to_be_empty()  # nobody has changed anything
    counted = "region => new MutationObserver(() => (window.announced = (window.announced ?? 0) + 1))"
    visit.locator(".heard").evaluate(f"(region) => ({counted})().observe(region, {{ childList: true }})")
    slider = visit.get_by_role("slider", name="Size of the nudge", exact=True).first
    # In one go, as a dragged slider sends them: a busy machine may pause for longer than a rest between key presses.
    slider.evaluate(
        """(slider) => {
          for (let i = 0; i < 8; i++) {
            slider.stepUp(5)
            slider.dispatchEvent(new Event("input", { bubbles: true }))
          }
        }"""
    )
    words = told(visit)
    amount = visit.locator(".size output").inner_text()
    assert slider.get_attribute("aria-valuetext") == amount
    for strip in visit.locator(".strip").all():
        changes = ", ".join(text.removeprefix("Δ ") for text in strip.locator(".tile div").all_inner_texts())
        title = strip.locator(".title").inner_text().split(":")[0]
        image = visit.get_by_role("radio", name="Image 1,").get_attribute("aria-label")
        name = f"{title}: {image}, nudged by 0 to {amount}. Pixel RMSE {changes}."
        assert strip.locator(".tiles").get_attribute("aria-label") == name
        assert name in words
    assert visit.evaluate("window.announced") == 1, "not at every step"


def test_what_the_stage_shows_is_named_and_announced_once_it_rests(app: Dashboard, visit: Page, run_id: str) -> None:
    go(visit, app, "latent_space", run_id)
    decoding(visit)
    expect(visit.locator("canvas.picture[aria-label*='nearest code']")).to_have_count(2)
    pictures = visit.locator("canvas.picture")
    before = [picture.get_attribute("aria-label") for picture in pictures.all()]
    expect(visit.locator(".heard")).to_be_empty()
    visit.locator("canvas.space").first.focus()
    assert focused(visit) == ("Codes of the Autoencoder, 200 images. Arrow keys move, with Shift further; Enter pins.")
    visit.keyboard.press("ArrowRight")
    words = told(visit)
    names = [picture.get_attribute("aria-label") for picture in pictures.all()]
    assert words == f"Epoch 60. {' '.join(names)}"
    assert all(now != then for now, then in zip(names, before, strict=True))
    for name, model in zip(names, visit.locator(".model").all(), strict=True):
        shown = model.locator(".words").inner_text().replace("\n", ", ")
        assert name == f"{model.locator('.name').inner_text()}: {shown}."
        assert "nearest code" in shown and "its class: " in shown
    history = store_of(app).history(run_id).query("split == 'validation' and epoch == 60").set_index("variant")
    for variant, title in (("ae", "Autoencoder"), ("vae", "Variational autoencoder")):
        name = visit.locator(f"canvas[aria-label^='{title}: losses by epoch.']").get_attribute("aria-label")
        assert f"reconstruction {history.loc[variant, 'reconstruction']:.1f} nats / image" in name
        rows = visit.locator(f"canvas[aria-label^='{title}: originals']").get_attribute("aria-label")
        assert "Pixel RMSE" in rows
    visit.keyboard.press("Enter")
    expect(visit.locator("img[alt^='Images whose codes are nearest']")).to_have_count(2)
    assert visit.complaints == []


def test_whoever_wants_less_motion_gets_none(app: Dashboard, visit: Page, run_id: str) -> None:
    go(visit, app, "train", run_id)
    replay = visit.get_by_role("button", name="Replay")
    moving = """() => [...document.querySelectorAll("*")].filter((element) => {
      const { transitionDuration, transitionProperty, animationName } = getComputedStyle(element)
      return animationName !== "none" || (transitionProperty !== "none" && /[1-9]/.test(transitionDuration))
    }).length"""
    expect(replay).to_be_visible()
    assert visit.evaluate(moving) > 0
    visit.emulate_media(reduced_motion="reduce")
    expect(replay).to_be_hidden()
    assert visit.evaluate(moving) == 0
    expect(visit.get_by_role("slider", name="Epoch")).to_be_visible()
    visit.emulate_media(reduced_motion="no-preference")
