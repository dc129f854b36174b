"""Two spaces, what their decoders draw under the pointer, losses, reconstructions and one slider; see index.js."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import streamlit as st

from pages.components.scale_switch import SCALE

from ..decoders import LIBRARY

HERE = Path(__file__).parent
SCRIPTS = (
    "film",
    "asked",
    "curves",
    "rebuilt",
    "words",
    "maps",
    "space",
    "pen",
    "model",
    "scrubber",
    "layout",
    "index",
)
HTML, CSS = ((HERE / name).read_text(encoding="utf-8") for name in ("index.html", "style.css"))
JS = "\n".join([LIBRARY, SCALE, *((HERE / f"{name}.js").read_text(encoding="utf-8") for name in SCRIPTS)])


def stage(
    run_id: str,
    address: str,
    *,
    key: str,
    epoch: int | None,
    dimensions: tuple[int, int] | None = None,
    pinned: dict[str, list[float]] | None = None,
    report: bool = False,
    small: bool = False,
    ellipses: bool = False,
) -> Any:
    """Show the run whose film lies at `address`, at `epoch` when it is new on the page; None: the newest.

    `small`: the spaces, their pictures and the slider alone, within a column. `ellipses`: with the posteriors at first.

    With `report` the answer has `pin`, plane coordinates (u, v) by variant, and `epoch`, once the hand rests on one;
    without, nothing is ever sent.
    """
    component = st.components.v2.component("latent_twins_stage", html=HTML, css=CSS, js=JS)
    told = {"run": run_id, "address": address, "epoch": epoch, "pinned": pinned, "report": report}
    told |= {"small": small, "ellipses": ellipses}
    told["dimensions"] = ",".join(map(str, dimensions)) if dimensions else ""
    return component(key=key, data=told, on_pin_change=lambda: None, on_epoch_change=lambda: None)
