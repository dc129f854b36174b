"""The page Data in a real browser: a zip of ten thousand pictures, from the file to a finished run.

Times are measured, printed and written to reports/browser_data.json; nothing here asserts one, machines differ.
"""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest
from browsing import REPORTS, run_in_link, store_of, wait_for_workers
from files import grey, picture, pictures, zipped
from PIL import Image
from playwright.sync_api import Browser, Page, expect
from serving import PATIENCE, Dashboard, expect_status, open_page, plots, settled

from pages.text.escape_markdown import JOINER
from vae.store import uploaded_images

pytestmark = pytest.mark.browser


def open_own(browser: Browser, app: Dashboard, width: int = 1280, height: int = 1800, dark: bool = False) -> Page:
    """The page, with the tab for images of one's own open."""
    page = open_page(browser, f"{app.url}/data", width, height, dark)
    page.get_by_role("tab", name="Your own images").click()
    page.get_by_test_id("stFileUploaderDropzone").wait_for()
    settled(page)
    return page


def choose(page: Page, content: bytes) -> None:
    file = {"name": "a.zip", "mimeType": "application/zip", "buffer": content}
    page.get_by_test_id("stFileUploaderDropzoneInput").set_input_files(file)


@pytest.mark.spare
@pytest.mark.slow
def test_ten_thousand_pictures_are_uploaded_kept_and_trained_on(
    app: Dashboard, browser: Browser, times: dict[str, float], tmp_path: Path
) -> None:
    draw = np.random.default_rng(0)
    stripes = (np.indices((28, 28)).sum(0) // 4 % 2 * 200)[None] + draw.integers(0, 50, (5000, 28, 28))
    files = pictures(stripes.astype(np.uint8), "mine/stripes/{}.png") | pictures(
        grey(5000, 28, 28), "mine/noise/{}.png"
    )
    page = open_own(browser, app)
    wait_for_workers(page, app)
    file = tmp_path / "my stripes.zip"
    file.write_bytes(zipped(files))
    started = time.perf_counter()
    page.get_by_test_id("stFileUploaderDropzoneInput").set_input_files(file)
    page.get_by_text("Reading pictures:").wait_for()
    times["10,000 pictures: file chosen to progress bar"] = time.perf_counter() - started
    page.get_by_text("10,000 images").wait_for()
    times["10,000 pictures: file chosen to preview"] = time.perf_counter() - started
    assert uploaded_images.listed(store_of(app)) == []
    page.get_by_role("button", name="Keep these images").click()
    started = time.perf_counter()
    page.get_by_text("my stripes is kept").wait_for()
    times["10,000 pictures: kept"] = time.perf_counter() - started
    (upload,) = uploaded_images.listed(store_of(app))
    page.get_by_role("button", name="Train on them").click()
    page.get_by_role("heading", name="What do both learn, and how do they differ?").wait_for()
    settled(page)
    assert upload.name in page.url and "validation_size=200" in page.url
    page.get_by_role("button", name="Settings").click()
    page.get_by_label("Epochs", exact=True).fill("1")
    page.get_by_label("Epochs", exact=True).press("Enter")
    page.get_by_role("button", name="Train", exact=True).click()
    expect_status(page, "done")
    run = store_of(app).run(run_in_link(page))
    assert (run.config.dataset, run.data["hash"]) == (upload.name, upload.hash)
    assert page.complaints == []


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "side"), [("PNG", 32), ("JPEG", 28)])
def test_ten_thousand_coloured_pictures_stand_in_the_preview(
    app: Dashboard, browser: Browser, times: dict[str, float], tmp_path: Path, kind: str, side: int
) -> None:
    base = np.random.default_rng(0).integers(0, 256, (10_000, 4, 4, 3), dtype=np.uint8)
    smooth = [Image.fromarray(image).resize((side, side), Image.Resampling.BICUBIC) for image in base]
    file = tmp_path / "colours.zip"
    file.write_bytes(zipped({f"{i % 10}/{i}.{kind.lower()}": picture(image, kind) for i, image in enumerate(smooth)}))
    page = open_own(browser, app)
    started = time.perf_counter()
    page.get_by_test_id("stFileUploaderDropzoneInput").set_input_files(file)
    page.get_by_text(f"of {side}×{side} pixels in colour").wait_for(timeout=4 * PATIENCE)
    times[f"10,000 coloured pictures ({kind}, {side}×{side}): file chosen to preview"] = time.perf_counter() - started
    assert page.complaints == []


PICTURE = """image => {
  const canvas = document.createElement("canvas")
  canvas.width = image.naturalWidth
  canvas.height = image.naturalHeight
  const context = canvas.getContext("2d")
  context.drawImage(image, 0, 0)
  return [...context.getImageData(canvas.width / 2, canvas.height / 2, 1, 1).data]
}"""  # red, green, blue and opacity in the middle of an <img>


@pytest.mark.slow
def test_coloured_pictures_are_shown_as_they_will_be_kept(app: Dashboard, browser: Browser) -> None:
    colours = {"red": (250, 20, 30), "blue": (10, 40, 240)}
    files = {
        f"{name}/{place}.png": picture(np.full((8, 8, 3), colour, np.uint8) - np.uint8(place % 2))
        for name, colour in colours.items()
        for place in range(12)
    }
    page = open_own(browser, app)
    choose(page, zipped(files))
    page.get_by_text("of 8×8 pixels in colour").wait_for()

    def shown() -> set[tuple[int, ...]]:
        settled(page)
        tiles = page.locator(".labelled-tiles img")
        return {tuple(tile.evaluate(PICTURE)[:3]) for tile in tiles.all()}

    expected = {tuple(level - odd for level in colour) for colour in colours.values() for odd in (0, 1)}
    assert shown() == expected
    page.get_by_test_id("stRadio").get_by_text("grey", exact=True).click()
    page.get_by_text("Colours became grey levels").wait_for()
    assert {len(set(pixel)) for pixel in shown()} == {1}
    page.get_by_test_id("stRadio").get_by_text("kept", exact=True).click()
    page.get_by_text("of 8×8 pixels in colour").wait_for()
    assert shown() == expected
    assert page.complaints == []


MARKUP = (
    "<img src=x onerror=alert(1)> **b** _i_ $x$ `c` :red[g].svg",
    "[d](http://e.org) ![f](http://e.org) https://e.org.svg",
    "www.e.org a@e.org :material/home: :smile: # h.svg",
)


@pytest.mark.slow
def test_a_refused_name_is_text_whatever_it_says(app: Dashboard, browser: Browser) -> None:
    """Markup in names from outside is neither run, nor loaded, nor formatted."""
    page = open_own(browser, app)
    alert = page.get_by_test_id("stAlert")
    for name in MARKUP:
        choose(page, zipped({name: b"<svg/>"}))
        expect(alert).to_contain_text(name[-7:], timeout=PATIENCE)
        assert (
            alert.inner_text()
            .replace(JOINER, "")
            .strip()
            .endswith(f"“{name}” is neither .png nor .jpg; only such pictures may be in the archive.")
        )
        for tag in (
            "img",
            "strong",
            "em",
            "code",
            "a",
            "h1",
            ".katex",
            "[data-testid=stIconMaterial]",
            "[style*=color]",
        ):
            expect(alert.locator("p").locator(tag)).to_have_count(0)
    assert page.complaints == []


@pytest.mark.parametrize(
    ("width", "height", "dark"),
    [
        pytest.param(1280, 2600, False, id="wide-light", marks=pytest.mark.slow),
        pytest.param(390, 4400, True, id="narrow-dark", marks=(pytest.mark.slow, pytest.mark.spare)),
        pytest.param(1280, 2600, True, id="wide-dark", marks=(pytest.mark.slow, pytest.mark.spare)),
        pytest.param(390, 4400, False, id="narrow-light", marks=pytest.mark.slow),
    ],
)
def test_the_page_fits_the_window(app: Dashboard, browser: Browser, width: int, height: int, dark: bool) -> None:
    page = open_own(browser, app, width, height, dark)
    images = np.random.default_rng(1).integers(0, 200, (40, 20, 30, 3), dtype=np.uint8)
    folders = ("apples and pears", "cats", "dogs")
    choose(page, zipped({f"{folders[i % 3]}/{i}.png": picture(image) for i, image in enumerate(images)}))
    page.get_by_role("button", name="Keep these images").wait_for()
    expect(plots(page)).to_have_count(1, timeout=PATIENCE)
    assert page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") <= 0
    page.wait_for_timeout(500)  # figures fade in
    REPORTS.mkdir(exist_ok=True)
    page.screenshot(path=REPORTS / f"data-{width}-{'dark' if dark else 'light'}.png")
    assert page.complaints == []
