"""Two latent spaces whose decoders draw under the pointer, in the browser; see index.js."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import streamlit as st

from pages.components.scale_switch import SCALE
from vae.figures.latent import bar_words
from vae.figures.style import CLASS_COLOURS, VARIANT_COLOURS, VARIANT_TITLES
from vae.figures.windows import RINGS, Window, by_scale

from ..decoders import LIBRARY
from ..packing import packed

if TYPE_CHECKING:
    from vae.analysis.views import View  # torch comes with it

HERE = Path(__file__).parent
HTML, CSS, WORDS, PANEL, PAD = (
    (HERE / name).read_text(encoding="utf-8")
    for name in ("index.html", "style.css", "words.js", "panel.js", "index.js")
)
JS = f"{LIBRARY}\n{SCALE}\n{WORDS}\n{PANEL}\n{PAD}"


def payload(
    key: str,
    views: Mapping[str, View],
    labels: np.ndarray,
    classes: Sequence[str],
    shape: tuple[int, int, int],
    pinned: dict | None,
    note: str,
) -> bytes:
    """What the pad draws. `key`: of the decoders on the shelf; `labels` (n,): of the codes, the same for each view."""
    arrays, panels = {"labels": labels.astype(np.uint8)}, []
    ranges: dict[str, dict[str, Any]] = {"area": {}, "norm": {}}
    windows = by_scale({name: Window(tuple(view.centre.tolist()), view.half) for name, view in views.items()})
    for variant, view in views.items():
        uv = view.spread_by_class(labels, len(classes)) if view.flat else view.uv
        arrays[f"{variant}.codes"] = uv.astype(np.float32)
        if view.ellipses is not None and not view.flat:
            arrays[f"{variant}.ellipses"] = view.ellipses.astype(np.float32)
        for name, values in view.maps.items():
            arrays[f"{variant}.{name}"] = values.astype(np.float32)
            ranges[name][variant] = [float(values.min()), float(values.max())]
        present = [label for label in range(len(classes)) if (labels == label).any()]
        panels.append(
            {
                "variant": variant,
                "title": VARIANT_TITLES[variant],
                "colour": VARIANT_COLOURS[variant],
                "centre": view.centre.tolist(),
                "spread": view.spread,
                "origin": view.plane.origin.tolist(),
                "axes": view.plane.axes.tolist(),
                "prior": view.prior,
                "windows": {
                    scale: {
                        "centre": window.centre,
                        "half": window.half,
                        "bar": window.bar,
                        "words": bar_words(window.bar),
                    }
                    for scale, window in windows[variant].items()
                },
                "flat": view.flat,
                "slice": view.plane.slice,
                "start": uv[0].tolist(),
                "plates": [[label, *np.median(uv[labels == label], axis=0).tolist()] for label in present]
                if len(classes) > 1
                else [],
            }
        )
    meta = {
        "key": key,
        "panels": panels,
        "rings": RINGS,
        "classes": list(classes),
        "palette": CLASS_COLOURS,
        "shape": shape,
        "ranges": {name: ends for name, ends in ranges.items() if ends},
        "pinned": pinned,
        "note": note,
    }
    return packed(meta, arrays)


def latent_pad(data: bytes, *, key: str) -> dict[str, list[float]] | None:
    """Show a `payload`; the point that was last pinned: plane coordinates (u, v) by variant."""
    pad = st.components.v2.component("latent_twins_pad", html=HTML, css=CSS, js=JS)
    return pad(key=key, data=data, on_pin_change=lambda: None).pin
