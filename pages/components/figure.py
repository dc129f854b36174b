"""A plotly figure that is updated in place.

`st.plotly_chart` gives a chart a new identity whenever its data change, so the browser builds it anew: a live figure
flickers and loses its zoom twice a second. This component keeps one chart per key and hands new figures to
`Plotly.react`. plotly.js comes from the plotly package, so it works without internet; dashboard.py serves it.
"""

from __future__ import annotations

from pathlib import Path

import plotly
import plotly.graph_objects as go
import streamlit as st
from starlette.requests import Request
from starlette.responses import FileResponse
from starlette.routing import Route

from vae.figures.in_words import in_words
from vae.figures.latent import IN_SCALE

from .scale_switch import SCALE

SCRIPT = Path(plotly.__file__).parent / "package_data" / "plotly.min.js"
PATH = f"/latent-twins/plotly-{plotly.__version__}.min.js"

LOAD = """
const load = (url) =>
  (window.latentTwinsPlotly ??= new Promise((resolve, reject) => {
    const script = document.createElement("script")
    script.src = url
    script.onload = () => resolve(window.Plotly)
    script.onerror = reject
    document.head.append(script)
  }))
"""

JS = (
    LOAD
    + SCALE
    + IN_SCALE
    + """
// What is below the window waits: starting plotly.js takes half a second, which a table above it would have to wait.
const near = (element) =>
  new Promise((resolve) => {
    const seen = new IntersectionObserver((entries) => entries.some((entry) => entry.isIntersecting) && come())
    const later = setTimeout(() => come(), 1500)
    const come = () => {
      seen.disconnect()
      clearTimeout(later)
      resolve()
    }
    seen.observe(element)
  })

// Figures are drawn one after the other, with a breath between them: the first one is seen before the last is drawn.
const inTurn = (draw) => {
  const before = window.latentTwinsTurns ?? Promise.resolve()
  window.latentTwinsTurns = before.then(draw).catch(console.error).then(() => new Promise((next) => setTimeout(next)))
}

// Where the page's letters are larger, as on a projector, so are a figure's, its points and its height.
const growth = () => parseFloat(getComputedStyle(document.documentElement).fontSize) / 16
const grown = (part, by) => {
  if (by === 1 || part === null || typeof part !== "object") return part
  if (Array.isArray(part)) return typeof part[0] === "object" ? part.map((each) => grown(each, by)) : part
  return Object.fromEntries(Object.entries(part).map(([name, value]) => {
    const grows = (name === "size" || name === "height") && typeof value === "number"
    if (name === "margin") return [name, scaled(value, by)]
    return [name, grows ? value * by : name === "meta" ? value : grown(value, by)]
  }))
}
const scaled = (sides, by) => Object.fromEntries(Object.entries(sides).map(([side, value]) => [side, value * by]))

// Text, and lines that name no colour, have the page's own.
const themed = (layout, element) => {
  const style = getComputedStyle(element)
  const { fontFamily: family, color } = style
  const shapes = layout.shapes?.map((shape) => ({ ...shape, line: { color, ...shape.line } }))
  const least = parseFloat(style.getPropertyValue("--least-type") || 0) * 16 * growth() // rem, where a room looks on
  const own = (font) => ({ ...font, size: Math.max(font?.size ?? 12 * growth(), least) })
  const annotations = layout.annotations?.map((note) => ({ ...note, font: own(note.font) }))
  return { ...layout, shapes, annotations, font: { ...own(layout.font), family, color } }
}

export default ({ data, parentElement }) => {
  const holder = parentElement.querySelector(".figure")
  holder.setAttribute("aria-label", data.alt)
  holder.setAttribute("role", "img") // not before it has its name
  const figure = grown(JSON.parse(data.figure), growth())
  holder.style.minHeight = `${figure.layout.height}px`
  holder.latest = figure // while plotly.js loads, newer figures may arrive: only the last one is drawn
  const ready = holder.observer ? Promise.resolve() : near(holder)
  const draw = () => ready.then(() => load(data.script)).then((Plotly) => inTurn(() => {
    if (holder.latest !== figure || !holder.isConnected) return
    const config = { displayModeBar: false, responsive: false }
    const seen = inScale(figure, scaleNow())
    Plotly.react(holder, seen.data, themed(seen.layout, holder), config)
    if (holder.observer) return
    holder.observer = new ResizeObserver(() => holder.isConnected && Plotly.Plots.resize(holder))
    holder.observer.observe(parentElement)
  }))
  draw()
  holder.stopListening?.()
  holder.stopListening = whenScaleChanges(() => figure.layout.meta?.scales && draw())
  return () => {
    holder.stopListening()
    holder.observer?.disconnect()
    window.Plotly?.purge(holder)
  }
}
"""
)

CSS = ".figure { color: var(--st-text-color); font-family: var(--st-font); width: 100%; }"


async def _script(_request: Request) -> FileResponse:
    headers = {"Cache-Control": "public, max-age=31536000, immutable"}  # the version is in its name
    return FileResponse(SCRIPT, media_type="text/javascript", headers=headers)


ROUTE = Route(PATH, _script)


def _address() -> str:
    prefix = st.get_option("server.baseUrlPath").strip("/")
    return f"/{prefix}{PATH}" if prefix else PATH


def preload() -> None:
    """Fetch plotly.js while the visitor reads, so that the first figure of a run does not wait for it.

    A little later, that is: what the page shows first should not wait for it either.
    """
    js = LOAD + "export default ({ data }) => { setTimeout(() => load(data.script), 1500) }"
    st.components.v2.component("latent_twins_preload", html="<span></span>", js=js)(
        key="preload", data={"script": _address()}
    )


def figure(drawing: go.Figure, *, key: str, alt: str) -> None:
    """Show `drawing`, whose layout names its height, in place of the one shown before under `key`.

    `alt` says what it is about; for those who can't see it the numbers it shows follow, from what is drawn.
    """
    component = st.components.v2.component(
        "latent_twins_figure", html='<div class="figure"></div>', css=CSS, js=JS, isolate_styles=False
    )
    component(
        key=key,
        data={"figure": drawing.to_json(), "alt": f"{alt}. {in_words(drawing)}", "script": _address()},
        height="content",
    )
