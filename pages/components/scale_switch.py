"""The switch between spaces at their own scales and all at the same one.

What is shown is in the browser for either scale, so is the choice, and nothing is asked of the server: figure.py and
the stage listen. It is kept for the session, on all pages.
"""

from __future__ import annotations

import streamlit as st

# For every component that shows a space.
SCALE = """
const SCALE = "latent-twins-scale"
const scaleNow = () => (window.latentTwinsScale ??= sessionStorage.getItem(SCALE) === "same" ? "same" : "own")
const chooseScale = (scale) => {
  window.latentTwinsScale = scale
  sessionStorage.setItem(SCALE, scale)
  window.dispatchEvent(new Event(SCALE))
}
const whenScaleChanges = (listener) => {
  window.addEventListener(SCALE, listener)
  return () => window.removeEventListener(SCALE, listener)
}
"""

JS = (
    SCALE
    + """
const SAID = {
  own: "Each picture fits its own codes: compare lengths by the bars.",
  same: "A unit of code is equally long in all pictures.",
}

export default ({ parentElement }) => {
  const root = parentElement.querySelector(".scales")
  const show = () => {
    for (const radio of root.querySelectorAll("input")) radio.checked = radio.value === scaleNow()
    root.querySelector(".on").textContent = SAID[scaleNow()]
  }
  root.onchange = ({ target }) => chooseScale(target.value)
  root.stopListening?.()
  root.stopListening = whenScaleChanges(show)
  show()
  return () => root.stopListening()
}
"""
)

HTML = """
<div class="scales">
  <span class="choice" role="radiogroup" aria-label="Scale of the spaces">
    <label><input type="radio" name="scale" value="own"><span>own scale</span></label>
    <label><input type="radio" name="scale" value="same"><span>same scale</span></label>
  </span>
  <span class="said"><span class="on"></span> Dashed: the prior N(0, I) at 1 and 2 standard deviations.</span>
</div>
"""

CSS = """
.scales { display: flex; flex-wrap: wrap; align-items: center; gap: 0.4rem 0.9rem; color: var(--st-text-color);
  font-family: var(--st-font); font-size: max(0.875rem, var(--least-type, 0px)); }
.choice { display: inline-flex; }
.choice label { cursor: pointer; }
.choice input { position: absolute; opacity: 0; pointer-events: none; }
.choice span { display: block; padding: 0.25rem 0.8rem; border: 1px solid var(--st-border-color); }
.choice label:first-child span { border-radius: 0.6rem 0 0 0.6rem; }
.choice label:last-child span { border-radius: 0 0.6rem 0.6rem 0; margin-left: -1px; }
.choice input:checked + span { border-color: var(--st-primary-color); font-weight: 600; position: relative;
  background: color-mix(in srgb, var(--st-primary-color) 10%, transparent); }
.choice input:focus-visible + span { outline: 2px solid var(--st-text-color); outline-offset: 2px; }
.said { opacity: 0.75; }
"""


def scale_switch(key: str) -> None:
    """Own or same scale, above spaces that stand side by side, and which one is on."""
    component = st.components.v2.component("latent_twins_scales", html=HTML, css=CSS, js=JS)
    component(key=key)
