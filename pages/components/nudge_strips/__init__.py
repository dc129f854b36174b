"""Pictures of nudged codes, drawn in the browser while the size is dragged; see index.js."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import streamlit as st

from vae.figures.style import VARIANT_COLOURS, VARIANT_TITLES

from ..decoders import LIBRARY
from ..packing import packed

HERE = Path(__file__).parent
HTML, CSS, JS = ((HERE / name).read_text(encoding="utf-8") for name in ("index.html", "style.css", "index.js"))


@dataclass(frozen=True)
class Nudge:
    """Codes of K images by one variant, and what a nudge of size 1 adds to each."""

    z: np.ndarray  # (K, D) float32
    step: np.ndarray | None  # (K, D) float32; None where this variant has no such unit


def payload(
    key: str,
    originals: np.ndarray,
    shape: tuple[int, int],
    nudges: Mapping[str, Nudge],
    unit: str,
    size: float,
    sizes: tuple[float, float],
) -> bytes:
    """What the strips draw. `originals` (K, P) uint8; `unit`: words after a size; `sizes`: ends of the slider."""
    arrays, variants = {"originals": originals}, []
    for name, nudge in nudges.items():
        spec = {"variant": name, "title": VARIANT_TITLES[name], "colour": VARIANT_COLOURS[name]}
        if nudge.step is None:
            spec["missing"] = "has no such unit: its codes have no σ."
        else:
            arrays[f"{name}.z"] = nudge.z.astype(np.float32)
            arrays[f"{name}.step"] = nudge.step.astype(np.float32)
        variants.append(spec)
    meta = {"key": key, "shape": shape, "variants": variants, "unit": unit, "range": sizes, "size": size}
    return packed(meta, arrays)


def nudge_strips(data: bytes, *, key: str) -> float | None:
    """Show a `payload`; the size that the slider was last left at."""
    strips = st.components.v2.component("latent_twins_nudges", html=HTML, css=CSS, js=f"{LIBRARY}\n{JS}")
    return strips(key=key, data=data, on_size_change=lambda: None).size
