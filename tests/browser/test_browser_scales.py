"""Own and same scale in a browser: lengths are measured where they are drawn, in pixels of the canvas."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, Page, expect
from serving import Dashboard, open_page, settled
from staging import STAGE, decoding, drawn_there, move_to, on_stage, spaces

from vae.config import RunConfig
from vae.runs.execution import execute
from vae.settings import Settings
from vae.store.runs import Store

pytestmark = [pytest.mark.browser, pytest.mark.slow]
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
    page.get_by_role("radio", name=f"{scale} scale").click()
    page.wait_for_function(f"{STAGE}.scale === '{scale}'")
    page.wait_for_timeout(100)


# Of every panel: pixels to a unit of code, where the prior and the codes are drawn, and its bar, read from the picture.
PANELS = f"""() => {STAGE}.models.map(({{ space }}) => {{
  const {{ canvas, size, stage }} = space, draw = canvas.getContext('2d'), scale = canvas.width / size
  const row = draw.getImageData(0, Math.round((size - stage.type - 8) * scale), canvas.width, 1).data
  let bar = 0
  for (let x = canvas.width - Math.ceil(11 * scale); x >= 0 && row[4 * x + 3] === 255; x--) bar++
  const prior = space.film.prior(space.variant, stage.t)
  return {{ variant: space.variant, unit: space.length(1), prior: [space.x(prior[0]), space.y(prior[1])], size,
    bar: bar / scale, length: space.window.bar, words: space.window.words, reach: space.length(2) }}
}})"""


@pytest.mark.spare
@pytest.mark.parametrize(("width", "dark"), [(1280, True), (390, False)])
def test_a_distance_is_as_long_in_both_spaces_at_the_same_scale(
    app: Dashboard, browser: Browser, spread_run: str, width: int, dark: bool
) -> None:
    page = open_page(browser, f"{app.url}/train?run={spread_run}", width, 720, dark)
    decoding(page)
    ae, vae = page.evaluate(PANELS)
    assert vae["unit"] > 1.8 * ae["unit"], "at its own scale the small space is enlarged"
    spread = page.evaluate(f"""() => {{
      const {{ codes, size }} = {STAGE}.models[1].space
      return Math.max(...codes) - Math.min(...codes)
    }}""")
    assert spread < 0.4, "and yet a collapsed code is a dot in the prior's circle of 2"
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
    move_to(page, spaces(page).first, 0.6, 0.3)
    page.wait_for_timeout(100)
    places = [model["at"] for model in drawn_there(page)]
    assert places[0] == places[1], "the pointers stand at the same code"
    assert len(page.messages) == before, "the browser does it"
    ends = ae["reach"]
    page.get_by_role("slider", name="Epoch").press("Home")
    page.wait_for_timeout(200)
    assert page.evaluate(PANELS)[0]["reach"] == ends, "a replay keeps its axes"
    assert page.complaints == []


def test_the_choice_goes_with_the_visitor_from_page_to_page(app: Dashboard, browser: Browser, spread_run: str) -> None:
    page = open_page(browser, f"{app.url}/train?run={spread_run}")
    on_stage(page)
    choose(page, "same")
    page.get_by_role("link", name="Latent space").first.click()
    expect(page.locator("h1")).to_have_text("How are codes laid out?")
    settled(page)
    on_stage(page)
    expect(page.get_by_role("radio", name="same scale")).to_be_checked()
    ae, vae = page.evaluate(PANELS)
    assert ae["unit"] == pytest.approx(vae["unit"])
    page.get_by_role("radio", name="same scale").focus()
    page.keyboard.press("ArrowLeft")  # one of two radio buttons, as any
    expect(page.get_by_role("radio", name="own scale")).to_be_checked()
    page.reload()
    settled(page)
    on_stage(page)
    expect(page.get_by_role("radio", name="own scale")).to_be_checked()
    ae, vae = page.evaluate(PANELS)
    assert vae["unit"] > 1.8 * ae["unit"]
    assert page.complaints == []
