"""The browser's one painter, on images of one channel and of three."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser

from pages.components.decoders import library

pytestmark = pytest.mark.browser
PAINT = """(values) => {
  %s
  const canvas = document.querySelector("canvas")
  paint(canvas, values)
  return [...canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data]
}"""


@pytest.mark.parametrize(
    ("values", "pixels"),
    [
        ([0, 0.5, 1], [[0, 0, 0], [128, 128, 128], [255, 255, 255]]),
        ([1, 0, 0, 0, 1, 0, 0, 0, 1], [[255, 0, 0], [0, 255, 0], [0, 0, 255]]),  # channel by channel
    ],
    ids=["grey", "colour"],
)
def test_values_become_pixels(browser: Browser, values: list[float], pixels: list[list[int]]) -> None:
    page = browser.new_page()
    page.set_content("<canvas width=3 height=1></canvas>")
    found = page.evaluate(PAINT % library(), values)
    assert found == [level for pixel in pixels for level in (*pixel, 255)]
    page.close()
