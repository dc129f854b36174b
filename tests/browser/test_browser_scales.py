"""Own and same scale in a browser: lengths are measured where they are drawn, in pixels of the SVG and the canvas."""

from __future__ import annotations

import numpy as np
import pytest
from playwright.sync_api import Browser, Page, expect
from serving import PATIENCE, Dashboard, open_page, plots, settled
from test_browser_lessons import ROOT_OF, decoding, drawn_there

from vae.config import RunConfig
from vae.figures.windows import RINGS
from vae.runs.execution import execute
from vae.settings import Settings
from vae.store.runs import Store

pytestmark = pytest.mark.browser
EXACT = 1.5  # pixels: lines are 1.5 wide, and begin and end on whole ones


@pytest.fixture(scope="module")
def spread_run(app: Dashboard) -> str:
    """A run whose autoencoder spreads while its VAE has collapsed."""
    settings = Settings.from_environment({"VAE_DATA_DIR": str(app.folder), "VAE_DATABASE_URL": app.database_url})
    store = Store(app.database_url)
    run_id = store.create(RunConfig(epochs=20, beta=30.0, device="cpu"), "test")
    assert execute(store, run_id, settings) == "done"
    return run_id


def choose(page: Page, scale: str) -> None:
    page.locator(".scales").get_by_text(f"{scale} scale", exact=True).click()
    page.wait_for_function(
        "(scale) => [...document.querySelectorAll('.js-plotly-plot')].filter((it) => it.layout?.meta?.scales)"
        ".every((it) => it.layout.uirevision.endsWith(scale))",
        arg=scale,
    )


# What plotly has drawn: of each space, widths of the shapes in pixels, by name, and where codes lie.
SPACES = """() => [...document.querySelectorAll('.js-plotly-plot')]
  .filter((it) => it.layout.meta?.scales)
  .map((it) => {
    const shapes = Object.fromEntries(it._fullLayout.shapes.map((shape, i) => {
      const box = it.querySelector(`.shapelayer path[data-index="${i}"]`).getBoundingClientRect()
      return [shape.name, { width: box.width, length: shape.x1 - shape.x0 }]
    }))
    const points = [...it.querySelectorAll('.scatterlayer .trace')[0].querySelectorAll('.point')].map((point) => {
      const box = point.getBoundingClientRect()
      return [box.x + box.width / 2, box.y + box.height / 2]
    })
    const codes = Array.from(it._fullData[0].x, (x, i) => [x, it._fullData[0].y[i]])
    return { shapes, points, codes, words: it._fullLayout.annotations.map(({ text }) => text) }
  })"""


def pixels_per_unit(space: dict) -> tuple[float, float]:
    """Across and up, from all points of the scatter."""
    codes, points = np.array(space["codes"]), np.array(space["points"])
    assert len(codes) == len(points) > 100
    across, up = (np.polyfit(codes[:, axis], points[:, axis], 1)[0] for axis in range(2))
    return across, -up


def drawn_spaces(page: Page) -> list[dict]:
    expect(plots(page).nth(1)).to_be_visible(timeout=PATIENCE)
    page.wait_for_function(
        "[...document.querySelectorAll('.js-plotly-plot')].filter((it) => it.layout?.meta?.scales).length >= 2"
    )
    page.wait_for_timeout(500)
    return page.evaluate(SPACES)


@pytest.mark.parametrize(("width", "dark"), [(1280, False), pytest.param(390, True, marks=pytest.mark.slow)])
def test_on_train_a_distance_is_as_long_in_both_spaces_at_the_same_scale(
    app: Dashboard, browser: Browser, spread_run: str, width: int, dark: bool
) -> None:
    page = open_page(browser, f"{app.url}/train?run={spread_run}", width, 2000, dark)
    expect(page.locator(".scales")).to_contain_text("Each picture fits its own codes")
    ae, vae = drawn_spaces(page)
    own = [pixels_per_unit(space) for space in (ae, vae)]
    assert own[1][0] > 1.8 * own[0][0], "at its own scale the small space is enlarged"
    spread = np.ptp(np.array(vae["points"]), axis=0).max()
    assert spread < 0.1 * vae["shapes"]["prior 2"]["width"], "and yet a collapsed code is a dot in the prior's circle"

    before = len(page.messages)
    choose(page, "same")
    expect(page.locator(".scales")).to_contain_text("A unit of code is equally long in all pictures")
    ae, vae = drawn_spaces(page)
    same = [pixels_per_unit(space) for space in (ae, vae)]
    np.testing.assert_allclose(same[0], same[1], rtol=2e-3)
    np.testing.assert_allclose(same[0][0], same[0][1], rtol=2e-3, err_msg="and as long up as across")
    assert len(page.messages) == before, "the browser does it"
    for space, (unit, _) in zip((ae, vae), same, strict=True):
        for ring in RINGS:
            assert space["shapes"][f"prior {ring:g}"]["width"] == pytest.approx(2 * ring * unit, abs=EXACT)
        bar = space["shapes"]["scale bar"]
        assert bar["width"] == pytest.approx(bar["length"] * unit, abs=EXACT)
        assert f"{bar['length']:g} unit" in space["words"][-1]
    assert ae["shapes"]["scale bar"] == pytest.approx(vae["shapes"]["scale bar"], abs=EXACT)
    assert page.complaints == []


@pytest.mark.slow
def test_a_replay_keeps_its_axes(app: Dashboard, browser: Browser, spread_run: str) -> None:
    page = open_page(browser, f"{app.url}/train?run={spread_run}", 1280, 2000)
    ends = [space["shapes"]["prior 2"]["width"] for space in drawn_spaces(page)]
    slider = page.get_by_role("slider", name="Epoch")
    slider.focus()
    slider.press("Home")
    settled(page)
    first = drawn_spaces(page)
    assert [space["shapes"]["prior 2"]["width"] for space in first] == pytest.approx(ends, abs=0.01)
    assert page.complaints == []


# Of every panel: pixels to a unit of code, where the prior and the codes are drawn, and its bar, read from the picture.
PANELS = f"""() => ({ROOT_OF})('pad').pad.panels.map((panel) => {{
  const draw = panel.still.getContext('2d'), scale = panel.still.width / panel.size
  const row = draw.getImageData(0, Math.round((panel.size - 20) * scale), panel.still.width, 1).data
  let bar = 0
  for (let x = panel.still.width - Math.ceil(11 * scale); x >= 0 && row[4 * x + 3] === 255; x--) bar++
  return {{ variant: panel.variant, unit: panel.length(1), prior: [panel.x(panel.prior[0]), panel.y(panel.prior[1])],
    size: panel.size, bar: bar / scale, length: panel.window.bar, words: panel.window.words, reach: panel.length(2) }}
}})"""


@pytest.mark.parametrize(("width", "dark"), [(1280, True), pytest.param(390, False, marks=pytest.mark.slow)])
def test_on_latent_space_a_distance_is_as_long_in_both_canvases_at_the_same_scale(
    app: Dashboard, browser: Browser, spread_run: str, width: int, dark: bool
) -> None:
    page = open_page(browser, f"{app.url}/latent_space?run={spread_run}", width, 1600, dark)
    decoding(page)
    ae, vae = page.evaluate(PANELS)
    assert vae["unit"] > 1.8 * ae["unit"]
    for panel in (ae, vae):
        for place in panel["prior"]:
            assert panel["reach"] <= place <= panel["size"] - panel["reach"], "the whole circle is in the picture"
    before = len(page.messages)
    choose(page, "same")
    ae, vae = page.evaluate(PANELS)
    assert ae["unit"] == pytest.approx(vae["unit"])
    assert ae["prior"] == pytest.approx(vae["prior"]), "and the prior lies at the same place"
    for panel in (ae, vae):
        assert panel["bar"] == pytest.approx(panel["length"] * panel["unit"], abs=EXACT)
        assert panel["words"].startswith(f"{panel['length']:g} unit")
    places = [panel["at"] for panel in drawn_there(page)]
    assert places[0] == places[1], "the pointers stand at the same code"
    assert len(page.messages) == before, "the browser does it"
    assert page.complaints == []


def test_the_choice_goes_with_the_visitor_from_page_to_page(app: Dashboard, browser: Browser, spread_run: str) -> None:
    page = open_page(browser, f"{app.url}/train?run={spread_run}", 1280, 2000)
    drawn_spaces(page)
    choose(page, "same")
    page.get_by_role("link", name="Latent space").first.click()
    settled(page)
    decoding(page)
    expect(page.locator(".scales input[value=same]")).to_be_checked()
    ae, vae = page.evaluate(PANELS)
    assert ae["unit"] == pytest.approx(vae["unit"])
    page.locator(".scales input[value=same]").focus()
    page.keyboard.press("ArrowLeft")  # one of two radio buttons, as any
    expect(page.locator(".scales input[value=own]")).to_be_checked()
    ae, vae = page.evaluate(PANELS)
    assert vae["unit"] > 1.8 * ae["unit"]
    page.get_by_role("link", name="Train").first.click()
    settled(page)
    ae, vae = drawn_spaces(page)
    assert pixels_per_unit(vae)[0] > 1.8 * pixels_per_unit(ae)[0]
    page.reload()
    settled(page)
    expect(page.locator(".scales input[value=own]")).to_be_checked()
    assert page.complaints == []
