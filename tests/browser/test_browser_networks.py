"""Decoders of every architecture under the pointer, grey and in colour: as PyTorch draws them, and at which rate.

Rates are measured, printed and written to reports/browser_networks.json; nothing here asserts one, machines differ.
"""

from __future__ import annotations

import functools

import numpy as np
import pytest
from browsing import store_of
from playwright.sync_api import Browser
from serving import Dashboard, open_page
from staging import STAGE, decoding, drawn_there, move_to, on_stage, spaces

from vae.analysis.codes import encode
from vae.analysis.geometry import decode
from vae.choices.networks import NETWORKS
from vae.config import RunConfig
from vae.datasets import Images, Shape
from vae.measuring import models_of
from vae.runs.execution import execute
from vae.settings import Settings
from vae.store import uploaded_images
from vae.store.runs import Store
from vae.store.tensor_bytes import unpack

pytestmark = [pytest.mark.browser, pytest.mark.slow]
HOVERED = 120  # frames
ROUNDS = 3  # the machine may have other work
HOVER = """async (count) => {
  const stage = %s, space = stage.models[0].space.canvas, box = space.getBoundingClientRect()
  const next = () => new Promise(requestAnimationFrame), decodes = []
  for (let i = 0; i < 30; i++) await next()
  const frames = stage.frames, started = await next()
  let last = started
  for (let i = 0; i < count; i++) {
    const [x, y] = [Math.cos(i / 9), Math.sin(i / 9)].map((c) => 0.5 + 0.4 * c)
    space.dispatchEvent(new PointerEvent('pointermove',
      { clientX: box.left + x * box.width, clientY: box.top + y * box.height }))
    last = await next()
    decodes.push(Number(stage.root.dataset.decode))
  }
  return { drawn: stage.frames - frames, seconds: (last - started) / 1000, decodes }
}"""


def blobs(shape: Shape, count: int = 400) -> Images:
    """One soft spot each, in a colour of its own where there are three channels."""
    channels, height, width = shape
    random = np.random.default_rng(0)
    rows, columns = np.mgrid[:height, :width][:, None]
    down, right = random.uniform(0.25, 0.75, (2, count, 1, 1)) * np.array([height, width]).reshape(2, 1, 1, 1)
    spots = np.exp(-((rows - down) ** 2 + (columns - right) ** 2) / (0.02 * height * width))  # (count, height, width)
    colours = random.uniform(0.2, 1, (count, channels, 1, 1))
    x = np.round(255 * colours * spots[:, None]).astype(np.uint8).reshape(count, -1)
    y = np.zeros(count, np.uint8)
    return Images("own", shape, 255, ("spot",), x[50:], y[50:], x[:50], y[:50])


@functools.cache
def trained(app: Dashboard, network: str, shape: Shape) -> str:
    settings = Settings.from_environment({"VAE_DATA_DIR": str(app.folder), "VAE_DATABASE_URL": app.database_url})
    store = Store(app.database_url)
    name = uploaded_images.keep(store, f"Spots {shape}", blobs(shape)).name
    config = RunConfig(dataset=name, network=network, validation_size=100, epochs=2, learning_rate=0.01, device="cpu")
    run_id = store.create(config, "test")
    assert execute(store, run_id, settings) == "done"
    return run_id


each_shape = pytest.mark.parametrize("shape", [(1, 28, 28), (3, 32, 32)], ids=["28×28", "32×32 in colour"])
each_network = pytest.mark.parametrize("network", NETWORKS)


@each_shape
@each_network
def test_every_network_draws_under_the_pointer_what_pytorch_draws(
    app: Dashboard, browser: Browser, network: str, shape: Shape, times: dict[str, float]
) -> None:
    run_id, store = trained(app, network, shape), store_of(app)
    models = models_of(store, store.run(run_id), 2)
    page = open_page(browser, f"{app.url}/latent_space?run={run_id}", height=720)
    decoding(page)
    worst, seen = 0.0, []
    for right, down in ((0.5, 0.5), (0.3, 0.6), (0.02, 0.98), (0.99, 0.01)):
        move_to(page, spaces(page).first, right, down)
        page.wait_for_timeout(80)
        for model in drawn_there(page):
            expected = 255 * decode(models[model["variant"]], np.array([model["z"]], dtype=np.float32))[0]
            worst = max(worst, np.abs(np.array(model["levels"]) - expected).max())
            seen.append(model["levels"])
    times[f"{network}, {shape}: largest difference from PyTorch's picture (of 255)"] = worst
    assert worst <= 2 and np.std(seen) > 10
    assert page.complaints == []


@each_shape
@each_network
def test_every_network_draws_at_display_rate_without_asking_the_server(
    app: Dashboard, browser: Browser, network: str, shape: Shape, times: dict[str, float]
) -> None:
    page = open_page(browser, f"{app.url}/latent_space?run={trained(app, network, shape)}", height=720)
    decoding(page)
    page.wait_for_timeout(1000)
    before = len(page.messages)
    rounds = [page.evaluate(HOVER % STAGE, HOVERED) for _ in range(ROUNDS)]
    assert all(found["drawn"] >= HOVERED - 1 for found in rounds), "every pointer event is drawn"
    found, name = min(rounds, key=lambda found: found["seconds"]), f"{network}, {shape}"
    times[f"{name}: frames per second, best of {ROUNDS}"] = found["drawn"] / found["seconds"]
    times[f"{name}: decode of both models, ms, median"] = float(np.median(found["decodes"]))
    times[f"{name}: decode of both models, ms, p95"] = float(np.quantile(found["decodes"], 0.95))
    assert len(page.messages) == before and page.complaints == []


@each_network
def test_a_pen_draws_in_a_colour_of_the_images(app: Dashboard, browser: Browser, network: str) -> None:
    """At first that of the first original; both encoders see it as PyTorch would."""
    shape = (3, 32, 32)
    run_id, store = trained(app, network, shape), store_of(app)
    models = models_of(store, store.run(run_id), 2)
    page = open_page(browser, f"{app.url}/latent_space?run={run_id}", height=720)
    on_stage(page)
    page.get_by_role("button", name="Draw").click()
    page.wait_for_function(f"{STAGE}.rested?.encoders")
    first = unpack(store.originals(run_id))["images"][0].reshape(3, -1).astype(float)
    inked = first.max(axis=0) >= 0.2 * 255
    expected = np.round(first[:, inked].mean(axis=1))
    ink = page.locator(".pen input[type=color]")
    assert [int(ink.input_value()[at : at + 2], 16) for at in (1, 3, 5)] == pytest.approx(expected.tolist(), abs=1)
    ink.fill("#ff8000")
    box = page.locator("canvas.pad").bounding_box()
    page.mouse.move(box["x"] + 0.3 * box["width"], box["y"] + 0.3 * box["height"])
    page.mouse.down()
    page.mouse.move(box["x"] + 0.7 * box["width"], box["y"] + 0.6 * box["height"], steps=4)
    page.mouse.up()
    page.wait_for_timeout(200)
    image = np.array(page.evaluate(f"[...{STAGE}.pen.image()]"), dtype=np.float32)
    red, green, blue = image.reshape(3, -1)
    assert red.max() > 0.9 and blue.max() == 0
    np.testing.assert_allclose(green, red * 128 / 255, atol=1e-6)
    drawn = page.evaluate(f"{STAGE}.drawn")
    for name, model in models.items():
        np.testing.assert_allclose(drawn[name]["z"], encode(model, image[None]).mu[0], atol=1e-3)
    assert page.complaints == []
