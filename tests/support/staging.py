"""The stage in a browser: finding it, and reading what it has drawn."""

from __future__ import annotations

from playwright.sync_api import Locator, Page

# Finds a component's root inside whatever shadow roots there are.
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
STAGE = f"({ROOT_OF})('stage').stage"
# Of every model: where its pointer is, the code there, where codes lie about it, and its picture, channel by channel.
THERE = f"""() => {STAGE}.models.map(({{ spec, space, picture }}) => {{
  const {{ width, height }} = picture, channels = [0, 1, 2].slice(0, {STAGE}.film.shape[0])
  const pixels = picture.getContext('2d').getImageData(0, 0, width, height).data
  return {{ variant: spec.variant, at: space.at.map(Number), z: space.code(), ...cloudOf(space),
            levels: channels.flatMap((channel) => [...pixels].filter((_, i) => i % 4 === channel)) }}
}})"""
CLOUD = """const cloudOf = ({ codes, flat }) => {
  const axes = flat ? [0] : [0, 1], count = codes.length / 2
  const along = (axis) => [...codes].filter((_, i) => i % 2 === axis)
  const centre = [0, 1].map((axis) => along(axis).reduce((sum, c) => sum + c, 0) / count)
  const variance = axes.map((axis) => along(axis).reduce((sum, c) => sum + (c - centre[axis]) ** 2, 0))
  return { centre, spread: Math.sqrt(variance.reduce((a, b) => a + b) / axes.length / count) }
}"""


def on_stage(page: Page) -> None:
    """Wait until the stage has drawn an epoch."""
    page.locator(".stage").wait_for()
    page.wait_for_function(f"({ROOT_OF})('stage').dataset.frames > 0")


def decoding(page: Page) -> None:
    """Wait until the decoders of the epoch at rest are there."""
    on_stage(page)
    page.wait_for_function(f"{STAGE}.decoders")


def spaces(page: Page) -> Locator:
    return page.locator("canvas.space")


def move_to(page: Page, space: Locator, right: float, down: float) -> None:
    """The pointer to a place of a canvas, in shares of its size."""
    space.scroll_into_view_if_needed()
    box = space.bounding_box()
    page.mouse.move(box["x"] + right * box["width"], box["y"] + down * box["height"])


def drawn_there(page: Page) -> list[dict]:
    return page.evaluate(f"() => {{ {CLOUD}\n return ({THERE})() }}")


def shown(page: Page) -> float:
    """The moment that the stage shows, in epochs."""
    return page.evaluate(f"{STAGE}.t")
