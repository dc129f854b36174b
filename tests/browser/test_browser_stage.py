"""The stage in a real browser: sizes, play and scrub, decoders under the pointer, a run while it learns, drawing.

Times are measured, printed and written to reports/browser_stage.json; nothing here asserts one, machines differ.
"""

from __future__ import annotations

import threading
import time

import numpy as np
import pytest
from browsing import run_in_link, store_of, wait_for_workers
from playwright.sync_api import Browser, Page, expect
from serving import Dashboard, expect_status, open_page, settled, shown_epoch
from staging import ROOT_OF, STAGE, decoding, drawn_there, move_to, on_stage, shown, spaces

from vae.analysis.codes import encode
from vae.analysis.geometry import decode
from vae.config import RunConfig
from vae.measuring import models_of
from vae.runs.execution import execute
from vae.settings import Settings
from vae.store.runs import Store
from vae.store.tensor_bytes import unpack

pytestmark = pytest.mark.browser
HOVERED = 120  # frames
LETTERS = f"""() => Math.min(...[...({ROOT_OF})('stage').querySelectorAll('*')]
  .filter((element) => element.textContent.trim() && element.checkVisibility())
  .map((element) => parseFloat(getComputedStyle(element).fontSize)))"""


def made(app: Dashboard, **changes: object) -> str:
    """A run, trained without the dashboard's workers."""
    settings = Settings.from_environment({"VAE_DATA_DIR": str(app.folder), "VAE_DATABASE_URL": app.database_url})
    store = Store(app.database_url)
    run_id = store.create(RunConfig(**{"epochs": 2, "device": "cpu"} | changes), "test")
    execute(store, run_id, settings)
    return run_id


# Sizes


@pytest.mark.parametrize("dark", [False, pytest.param(True, marks=pytest.mark.slow)])
@pytest.mark.parametrize(
    ("window", "space", "picture", "letters"),
    [((1280, 720), 300, 150, 16), pytest.param((1920, 1080), 520, 300, 22, marks=pytest.mark.slow)],
)
def test_a_room_sees_all_of_it_on_one_screen(
    app: Dashboard,
    browser: Browser,
    quick_run: str,
    window: tuple[int, int],
    space: int,
    picture: int,
    letters: int,
    dark: bool,
    times: dict[str, float],
) -> None:
    for path in ("", "train", "latent_space"):
        page = open_page(browser, f"{app.url}/{path}?run={quick_run}", *window, dark)
        on_stage(page)
        page.wait_for_timeout(300)
        sizes = {
            what: min(box.bounding_box()["width"] for box in page.locator(selector).all())
            for what, selector in (("space", "canvas.space"), ("picture", "canvas.picture"))
        }
        row = page.locator(".stage .row").bounding_box()
        sizes["bottom"] = row["y"] + row["height"]
        sizes["letters"] = page.evaluate(LETTERS)
        assert sizes["letters"] == pytest.approx(page.evaluate(f"{STAGE}.type"), abs=1.5), "in canvases, too"
        for what, size in sizes.items():
            times[f"{path or 'start'} at {window[0]}: {what}, px"] = size
        assert sizes["space"] >= space and sizes["picture"] >= picture
        assert page.evaluate(f"{STAGE}.type") >= letters
        assert sizes["bottom"] <= window[1], "the slider is on the first screen"
        assert page.complaints == []
        page.context.close()


# Through time


def rebuilt_rows(page: Page, place: int) -> np.ndarray:
    """Grey levels of a model's rows of images, (rows, images, P)."""
    rows, columns, side, grey = page.evaluate(
        f"""(place) => {{
          const {{ film, models }} = {STAGE}, {{ canvas, columns }} = models[place].rebuilt
          const pixels = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data
          return [canvas.height / film.shape[1], columns, film.shape[1], [...pixels].filter((_, i) => i % 4 === 0)]
        }}""",
        place,
    )
    whole = np.array(grey).reshape(int(rows), side, columns, -1)
    return whole.transpose(0, 2, 1, 3).reshape(int(rows), columns, -1)


@pytest.mark.slow
def test_scrub_and_replay_ask_nothing_of_the_server_and_show_what_was_recorded(
    app: Dashboard, browser: Browser, quick_run: str, times: dict[str, float]
) -> None:
    store, page = store_of(app), open_page(browser, f"{app.url}/train?run={quick_run}", height=720)
    decoding(page)
    page.wait_for_timeout(1500)
    before, epochs = len(page.messages), store.run(quick_run).config.epochs
    assert shown_epoch(page) == epochs == shown(page)
    slider, worst = page.get_by_role("slider", name="Epoch"), 0
    slider.focus()
    slider.press("Home")
    for epoch in range(12):
        page.wait_for_function(f"Number(({ROOT_OF})('stage').dataset.epoch) === {epoch}")
        for place, variant in enumerate(("ae", "vae")):
            snapshot, rows = unpack(store.snapshots(quick_run, epoch)[variant]), rebuilt_rows(page, place)
            recorded = [snapshot["from_mean"], *([snapshot["from_sample"]] if variant == "vae" else [])]
            for shown_row, row in zip(rows[1:], recorded, strict=True):
                worst = max(worst, np.abs(shown_row - row[: len(shown_row)].astype(int)).max())
            codes = page.evaluate(f"(place) => [...{STAGE}.models[place].space.codes]", place)
            np.testing.assert_allclose(codes, snapshot["codes"].astype(float).ravel(), atol=2e-3)
            large = np.array(drawn_there(page)[place]["levels"])
            worst = max(worst, np.abs(large - snapshot["from_mean"][0].astype(int)).max())
        slider.press("ArrowRight")
    times["scrub: largest difference from the recorded pictures, of 255"] = float(worst)
    assert worst <= 1
    page.wait_for_function("new URL(location).searchParams.get('epoch') === '12'")

    found = page.evaluate(
        f"""async () => {{
          const stage = {STAGE}, next = () => new Promise(requestAnimationFrame)
          stage.scrubber.go(stage.film.first)
          stage.scrubber.play()
          for (let i = 0; i < 10; i++) await next()
          const frames = stage.frames, seen = new Set(), started = await next()
          let last = started
          while (stage.scrubber.playing) {{
            last = await next()
            seen.add(stage.film.nearest(stage.t).epoch)
          }}
          return {{ drawn: stage.frames - frames, seconds: (last - started) / 1000, seen: seen.size, t: stage.t }}
        }}"""
    )
    times["replay: frames per second"] = found["drawn"] / found["seconds"]
    assert found["t"] == epochs and found["seen"] > epochs - 12, "all epochs glide by"
    page.wait_for_function("!new URL(location).searchParams.has('epoch')")
    page.wait_for_timeout(600)
    assert len(page.messages) == before
    assert page.complaints == []


def test_the_epoch_at_rest_goes_with_the_visitor(app: Dashboard, browser: Browser, quick_run: str) -> None:
    page = open_page(browser, f"{app.url}/train?run={quick_run}")
    on_stage(page)
    slider = page.get_by_role("slider", name="Epoch")
    slider.fill("7")
    page.wait_for_function("new URL(location).searchParams.get('epoch') === '7'")
    page.wait_for_timeout(300)
    page.get_by_role("link", name="Latent space").first.click()
    expect(page.locator("h1")).to_have_text("How are codes laid out?")
    settled(page)
    on_stage(page)
    assert shown(page) == 7
    expect(page.get_by_text("What to notice at epoch 7.")).to_be_visible()
    page.get_by_role("slider", name="Epoch").fill("9")
    expect(page.get_by_text("What to notice at epoch 9.")).to_be_visible()
    assert page.complaints == []


@pytest.mark.slow
def test_a_run_that_learns_is_followed(
    app: Dashboard, browser: Browser, quick_run: str, times: dict[str, float]
) -> None:
    """From the moment an epoch is stored to the moment its frame is drawn; clocks are this machine's."""
    page = open_page(browser, f"{app.url}/train?seed=4&epochs=150", height=720)
    wait_for_workers(page, app)
    page.evaluate(
        f"""() => {{
          window.drawn = {{}}
          const look = () => {{
            const root = ({ROOT_OF})('stage')
            for (let epoch = root?.stage?.t ?? -1; epoch >= 0; epoch--) window.drawn[Math.floor(epoch)] ??= Date.now()
            requestAnimationFrame(look)
          }}
          look()
        }}"""
    )
    page.get_by_role("button", name="Train", exact=True).click()
    page.wait_for_function("new URL(location).searchParams.has('run')")
    run_id, store, stored, over = run_in_link(page), store_of(app), {}, threading.Event()

    def watch() -> None:
        while not over.wait(0.002):
            status, epoch = store.reached(run_id)
            stored.setdefault(epoch, 1000 * time.time())
            if status == "done":
                return

    watcher = threading.Thread(target=watch)
    watcher.start()
    expect_status(page, "done")
    over.set()
    watcher.join()
    page.wait_for_function(f"{STAGE}.t === 150")
    drawn = {int(epoch): at for epoch, at in page.evaluate("window.drawn").items()}
    waits = [at - stored[epoch] for epoch, at in drawn.items() if 0 < epoch < 150 and epoch in stored]
    times["live: stored to drawn, ms, median"] = float(np.median(waits))
    times["live: stored to drawn, ms, p95"] = float(np.quantile(waits, 0.95))
    assert len(waits) > 5 and len(page.evaluate(f"{STAGE}.film.frames.map(({{ epoch }}) => epoch)")) == 151
    assert page.complaints == []


# Under the pointer


def test_under_the_pointer_both_decoders_draw_what_pytorch_draws(
    mnist_app: tuple[Dashboard, str], browser: Browser, times: dict[str, float]
) -> None:
    app, run_id = mnist_app
    store = store_of(app)
    models = models_of(store, store.run(run_id), 2)
    page = open_page(browser, f"{app.url}/latent_space?run={run_id}", height=720)
    decoding(page)
    worst = 0.0
    for right, down in ((0.5, 0.5), (0.3, 0.6), (0.8, 0.2), (0.02, 0.98), (0.99, 0.01), (0.6, 0.4)):
        move_to(page, spaces(page).first, right, down)
        page.wait_for_timeout(80)
        for model in drawn_there(page):
            expected = 255 * decode(models[model["variant"]], np.array([model["z"]], dtype=np.float32))[0]
            worst = max(worst, np.abs(np.array(model["levels"]) - expected).max())
    times["hover: largest difference from PyTorch's picture (of 255)"] = worst
    assert worst <= 2
    assert page.complaints == []


def test_where_a_page_cannot_draw_the_server_does_and_the_page_says_so(app: Dashboard, browser: Browser) -> None:
    run_id = made(app, reconstruction="gaussian_per_pixel")
    store = store_of(app)
    models = models_of(store, store.run(run_id), 2)
    page = open_page(browser, f"{app.url}/latent_space?run={run_id}", height=720)
    on_stage(page)
    for right, down in ((0.3, 0.6), (0.8, 0.2)):
        move_to(page, spaces(page).first, right, down)
        page.wait_for_function(f"{STAGE}.asked.drawn && !{STAGE}.asked.busy")
        expect(page.locator("canvas.picture.stale")).to_have_count(0)
        for model in drawn_there(page):
            expected = 255 * decode(models[model["variant"]], np.array([model["z"]], dtype=np.float32))[0]
            assert np.abs(np.array(model["levels"]) - np.clip(expected, 0, 255)).max() <= 1
    expect(page.locator(".stage .note")).to_contain_text("of a kind it can't run, so the server draws")
    assert page.complaints == []


@pytest.mark.slow
def test_hovering_draws_at_display_rate_without_asking_the_server(
    mnist_app: tuple[Dashboard, str], browser: Browser, times: dict[str, float]
) -> None:
    app, run_id = mnist_app
    page = open_page(browser, f"{app.url}/latent_space?run={run_id}", height=720)
    decoding(page)
    page.wait_for_timeout(1000)
    before = len(page.messages)
    # One pointer event for each frame of the display, as a mouse gives them, and one decode of both models for each.
    found = page.evaluate(
        f"""async (count) => {{
          const stage = {STAGE}, space = stage.models[0].space.canvas, box = space.getBoundingClientRect()
          const next = () => new Promise(requestAnimationFrame), decodes = []
          for (let i = 0; i < 30; i++) await next()
          const frames = stage.frames, started = await next()
          let last = started
          for (let i = 0; i < count; i++) {{
            const [x, y] = [Math.cos(i / 9), Math.sin(i / 9)].map((c) => 0.5 + 0.4 * c)
            space.dispatchEvent(new PointerEvent('pointermove',
              {{ clientX: box.left + x * box.width, clientY: box.top + y * box.height }}))
            last = await next()
            decodes.push(Number(stage.root.dataset.decode))
          }}
          return {{ drawn: stage.frames - frames, seconds: (last - started) / 1000, decodes }}
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
    page = open_page(browser, f"{app.url}/latent_space?run={quick_run}", height=720)
    decoding(page)
    move_to(page, spaces(page).first, 0.7, 0.4)
    page.wait_for_timeout(100)
    ae, vae = drawn_there(page)
    places = [(np.array(model["at"]) - model["centre"]) / model["spread"] for model in (ae, vae)]
    np.testing.assert_allclose(*places, atol=1e-5)
    assert not np.allclose(ae["at"], vae["at"])
    page.get_by_role("radio", name="same scale").click()
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


@pytest.mark.slow
def test_a_finger_works_like_a_mouse(app: Dashboard, browser: Browser, quick_run: str) -> None:
    page = open_page(browser, f"{app.url}/latent_space?run={quick_run}", 390, 1400, touch=True)
    decoding(page)
    before = drawn_there(page)[0]["at"]
    box = spaces(page).first.bounding_box()
    page.touchscreen.tap(box["x"] + 0.7 * box["width"], box["y"] + 0.3 * box["height"])
    expect(page.locator("img[alt^='Images whose codes are nearest']")).to_have_count(2)
    assert drawn_there(page)[0]["at"] != before


@pytest.mark.slow
def test_other_backgrounds_are_drawn(app: Dashboard, browser: Browser, quick_run: str) -> None:
    page = open_page(browser, f"{app.url}/latent_space?run={quick_run}", height=720)
    decoding(page)
    page.mouse.move(5, 5)
    picture = "canvas => canvas.toDataURL()"
    plain = spaces(page).first.evaluate(picture)
    page.get_by_text("Show", exact=True).click()
    page.get_by_label("background").select_option("area")
    expect(page.locator(".legend")).to_contain_text("per standard deviation of the codes")
    page.wait_for_timeout(200)
    coloured = spaces(page).first.evaluate(picture)
    page.get_by_label("posteriors").check()
    page.wait_for_timeout(200)
    with_ellipses = spaces(page).nth(1).evaluate(picture)
    page.get_by_label("prior N(0, I)").uncheck()
    page.wait_for_timeout(200)
    assert len({plain, coloured, with_ellipses, spaces(page).nth(1).evaluate(picture)}) == 4
    assert page.complaints == []


# Drawing


@pytest.mark.slow
def test_what_is_drawn_is_encoded_as_pytorch_encodes_it(
    mnist_app: tuple[Dashboard, str], browser: Browser, times: dict[str, float]
) -> None:
    app, run_id = mnist_app
    store = store_of(app)
    models = models_of(store, store.run(run_id), 2)
    page = open_page(browser, f"{app.url}/?run={run_id}", height=720)
    on_stage(page)
    before = len(page.messages)
    page.get_by_role("button", name="Draw").click()
    page.wait_for_function(f"{STAGE}.rested?.encoders")
    pad = page.locator("canvas.pad").bounding_box()
    waits = []

    def pen(x: float, y: float) -> tuple[float, float]:
        return pad["x"] + x * pad["width"], pad["y"] + y * pad["height"]

    page.mouse.move(*pen(0.3, 0.3))
    page.mouse.down()
    for x, y in ((0.5, 0.22), (0.65, 0.35), (0.45, 0.5), (0.68, 0.62), (0.6, 0.8), (0.3, 0.75)):
        for step in range(4):
            page.mouse.move(*pen(x - 0.02 * (3 - step), y))
            page.wait_for_timeout(20)
            waits.append(float(page.locator(".stage").get_attribute("data-pen") or "nan"))
    page.mouse.up()
    page.wait_for_timeout(100)
    times["draw: pen to both reconstructions, ms, median"] = float(np.nanmedian(waits))
    times["draw: pen to both reconstructions, ms, p95"] = float(np.nanquantile(waits, 0.95))
    image = np.array(page.evaluate(f"[...{STAGE}.pen.image()]"), dtype=np.float32)
    assert image.shape == (784,) and 0.03 < image.mean() < 0.3 and 0 <= image.min() <= image.max() <= 1.001
    rows, columns = np.mgrid[:28, :28] + 0.5
    weights = image.reshape(28, 28) / image.sum()
    assert (rows * weights).sum() == pytest.approx(14, abs=0.3), "centred by its mass"
    assert (columns * weights).sum() == pytest.approx(14, abs=0.3)
    inked = np.argwhere(image.reshape(28, 28) > 0.2)
    assert 18 <= np.ptp(inked, axis=0).max() + 1 <= 22, "as large as MNIST's"
    worst, drawn = 0.0, page.evaluate(f"{STAGE}.drawn")
    for model in drawn_there(page):
        expected = encode(models[model["variant"]], image[None]).mu[0]
        worst = max(worst, np.abs(np.array(drawn[model["variant"]]["z"]) - expected).max())
        picture = 255 * decode(models[model["variant"]], expected[None])[0]
        assert np.abs(np.array(model["levels"]) - picture).max() <= 2
    times["draw: largest difference of a code from PyTorch's"] = worst
    assert worst < 1e-3
    page.get_by_role("button", name="Clear").click()
    assert page.evaluate(f"{STAGE}.drawn") is None
    page.get_by_role("button", name="Draw").click()
    expect(page.locator("canvas.pad")).to_have_count(0)
    assert len(page.messages) == before and page.complaints == []


# Other runs


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        pytest.param({"latent_dim": 1}, "1-D code", marks=pytest.mark.slow),
        ({"latent_dim": 20}, "PCA plane of the 20-D code"),
        pytest.param({"variants": ("vae",)}, "2-D code", marks=pytest.mark.slow),
        pytest.param({"variants": ("ae", "noise_only", "kl_only", "vae")}, "2-D code", marks=pytest.mark.slow),
        pytest.param({"learning_rate": 1.0, "beta": 1000.0, "epochs": 30}, "", marks=pytest.mark.slow),
        pytest.param({"train_limit": 300, "validation_size": 0}, "training images", marks=pytest.mark.slow),
    ],
    ids=["1-D", "20-D", "one model", "four models", "diverged", "no validation"],
)  # fmt: skip
def test_other_runs_are_shown_too(app: Dashboard, browser: Browser, changes: dict, words: str) -> None:
    page = open_page(browser, f"{app.url}/train?run={made(app, **changes)}", height=720)
    on_stage(page)
    expect(page.locator(".stage .note")).to_contain_text(words)
    if "learning_rate" not in changes:
        decoding(page)
        before = drawn_there(page)[0]["levels"]
        move_to(page, spaces(page).first, 0.3, 0.7)
        page.wait_for_timeout(200)
        assert drawn_there(page)[0]["levels"] != before
    if len(changes.get("variants", ())) > 2:
        page.get_by_label("Model at the left").select_option("kl_only")
        page.wait_for_timeout(200)
        assert drawn_there(page)[0]["variant"] == "kl_only"
    assert page.complaints == []
