"""Present mode in a browser: how small the letters are, and whether anything scrolls."""

from __future__ import annotations

from playwright.sync_api import Page

# Of all text that is seen, whatever shadow root it is in: the smallest letters first.
LETTERS = """() => {
  const found = []
  const look = (node) => {
    for (const child of node.childNodes) {
      if (child.nodeType === Node.TEXT_NODE && child.textContent.trim() && node.nodeType === Node.ELEMENT_NODE) {
        const range = document.createRange()
        range.selectNodeContents(child)
        const { width, height, bottom, right } = range.getBoundingClientRect()
        const seen = node.checkVisibility({ opacityProperty: true, visibilityProperty: true })
        const clipped = node.closest(".heard, style, script, option, [hidden]")
        const drawn = node.ownerSVGElement?.getScreenCTM()?.a ?? 1
        if (seen && !clipped && width > 1 && height > 1 && bottom > 0 && right > 0)
          found.push([parseFloat(getComputedStyle(node).fontSize) * drawn, child.textContent.trim().slice(0, 60)])
      } else if (child.nodeType === Node.ELEMENT_NODE) {
        look(child)
        if (child.shadowRoot) look(child.shadowRoot)
      }
    }
  }
  look(document.body)
  return found.sort(([a], [b]) => a - b)
}"""
# How far the page, and whatever scrolls within it, reaches beyond what is seen, in pixels.
BEYOND = """() => [document.documentElement, ...document.querySelectorAll(".stMain, .stMain *")]
  .filter((node) => node.tagName === "HTML" || ["auto", "scroll"].includes(getComputedStyle(node).overflowY))
  .map((node) => [node.scrollHeight - node.clientHeight, node.scrollWidth - node.clientWidth, node.className])
  .filter(([down, across]) => down > 0 || across > 0)"""


def letters(page: Page) -> list[tuple[float, str]]:
    """Height in pixels, and the words, of all text on the page: the smallest first."""
    return [(size, words) for size, words in page.evaluate(LETTERS)]


def beyond(page: Page) -> list[list]:
    """What scrolls: by how many pixels down and across, and its class."""
    return page.evaluate(BEYOND)
