"""An inline SVG that takes the page's own text colour and font, in light and dark. `st.html` strips SVG."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

JS = (
    f"{(Path(__file__).parent / 'access.js').read_text(encoding='utf-8')}"
    """
export default ({ data, parentElement }) => {
  const drawing = parentElement.querySelector(".drawing")
  drawing.innerHTML = data.svg
  const observer = new ResizeObserver(() => reachable(drawing))
  observer.observe(drawing)
  return () => observer.disconnect()
}
"""
)


def svg(markup: str, *, key: str) -> None:
    """`markup`: our own SVG, never a visitor's text that was not escaped."""
    component = st.components.v2.component(
        "latent_twins_svg",
        html='<div class="drawing"></div>',
        css=".drawing { overflow-x: auto; color: var(--st-text-color); font-family: var(--st-font); }",
        js=JS,
    )
    component(key=key, data={"svg": markup})
