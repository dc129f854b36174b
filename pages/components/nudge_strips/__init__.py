"""Pictures of nudged codes, drawn in the browser while the size is dragged; see index.js."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import streamlit as st

from vae.choices.nudge_units import NudgeUnit
from vae.figures.style import VARIANT_COLOURS, VARIANT_TITLES

from ..decoders import LIBRARY
from ..packing import packed

HERE = Path(__file__).parent
HTML, CSS, JS = ((HERE / name).read_text(encoding="utf-8") for name in ("index.html", "style.css", "index.js"))


@dataclass(frozen=True)
class Nudge:
    """Codes of K images by one variant, and what a nudge of size 1 adds to each."""

    z: np.ndarray  # (K, D) float32
    steps: Mapping[str, np.ndarray]  # by unit, (K, D) float32; without the units that this variant lacks


def payload(
    key: str,
    originals: np.ndarray,
    names: Sequence[str],
    shape: tuple[int, int, int],
    nudges: Mapping[str, Nudge],
    units: Mapping[str, NudgeUnit],
    unit: str,
    size: float,
) -> bytes:
    """What the strips draw. `originals` (K, P) uint8, `names` of each; `unit` and `size`: chosen at first."""
    arrays, variants = {"originals": originals}, []
    for name, nudge in nudges.items():
        variants.append({"variant": name, "title": VARIANT_TITLES[name], "colour": VARIANT_COLOURS[name]})
        arrays[f"{name}.z"] = nudge.z.astype(np.float32)
        arrays |= {f"{name}.{unit_name}": step.astype(np.float32) for unit_name, step in nudge.steps.items()}
    offered = {
        unit_name: {"title": entry.title, "meaning": entry.meaning, "sizes": entry.sizes}
        for unit_name, entry in units.items()
    }
    meta: dict[str, Any] = {"key": key, "shape": shape, "names": list(names), "variants": variants, "units": offered}
    meta |= {"unit": unit, "size": size}
    return packed(meta, arrays)


def nudge_strips(data: bytes, *, key: str) -> tuple[str | None, float | None]:
    """Show a `payload`; the unit and the size that were last chosen, None while nobody has."""
    strips = st.components.v2.component("latent_twins_nudges", html=HTML, css=CSS, js=f"{LIBRARY}\n{JS}")
    state = strips(key=key, data=data, on_size_change=lambda: None, on_unit_change=lambda: None)
    return state.unit, state.size
