"""An inline SVG that takes the page's own text colour and font, in light and dark. `st.html` strips SVG."""

from __future__ import annotations

import streamlit as st

JS = """
export default ({ data, parentElement }) => {
  parentElement.querySelector(".drawing").innerHTML = data.svg
}
"""


def svg(markup: str, *, key: str) -> None:
    """`markup`: our own SVG, never a visitor's text that was not escaped."""
    component = st.components.v2.component(
        "latent_twins_svg",
        html='<div class="drawing"></div>',
        css=".drawing { overflow-x: auto; color: var(--st-text-color); font-family: var(--st-font); }",
        js=JS,
    )
    component(key=key, data={"svg": markup})
