"""Several runs in one figure: a variant keeps its colour and marker, a run has a dash and a symbol of its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from .style import BARE, DASHES, GRID, SPARSE, VARIANT_COLOURS, VARIANT_SHORT, VARIANT_SYMBOLS, VARIANT_TITLES

SYMBOLS = ("circle", "square", "diamond", "cross", "x", "triangle-up", "star", "pentagon", "hexagram", "bowtie")
CURVES_HEIGHT, PLANE_HEIGHT = 400, 380
WIDE = 20  # times the least rate, from which the axis of rates is logarithmic


def overlaid_curves(history: pd.DataFrame, unit: str) -> go.Figure:
    """Reconstruction above, KL below. `history`: rows with columns run (a label), variant, epoch, reconstruction, kl.

    The state before training towers over the rest, so it is left out where there is more. Two traces of one model have
    one name; a legend is the page's, since as many lines as there may be models would leave no room for the curves.
    """
    lines = []
    for number, (label, of_run) in enumerate(history.groupby("run", sort=False)):
        for variant in [name for name in VARIANT_COLOURS if name in set(of_run["variant"])]:
            rows = of_run[of_run["variant"] == variant].sort_values("epoch")
            rows = rows[rows["epoch"] > 0] if (rows["epoch"] > 1).any() else rows
            for term, axis in (("reconstruction", "y"), ("kl", "y2")):
                present = rows[rows[term].notna()]
                if len(present):
                    lines.append(_line(present, term, axis, f"{label} {VARIANT_TITLES[variant]}", variant, number))
    layout = BARE | {
        "height": CURVES_HEIGHT,
        "hovermode": "closest",
        "xaxis": GRID | {"title": {"text": "epoch"}, "anchor": "y2"},
        "yaxis": GRID | {"title": {"text": f"Reconstruction<br>({unit})"}, "domain": [0.42, 1]},
        "yaxis2": GRID | {"title": {"text": "KL<br>(nats / image)"}, "domain": [0, 0.33], "rangemode": "tozero"},
    }
    return go.Figure({"data": lines, "layout": layout})


def _line(rows: pd.DataFrame, term: str, axis: str, name: str, variant: str, number: int) -> dict[str, Any]:
    return {
        "type": "scatter",
        "x": rows["epoch"].to_numpy(dtype=np.int32),
        "y": rows[term].to_numpy(dtype=np.float32),
        "yaxis": axis,
        "mode": "lines+markers",
        "line": {"color": VARIANT_COLOURS[variant], "dash": DASHES[number % len(DASHES)], "width": 2},
        "marker": {"symbol": VARIANT_SYMBOLS[variant], "size": 7, "maxdisplayed": SPARSE},
        "name": name,
        "hovertemplate": f"{term} %{{y:.3f}}, epoch %{{x}}<extra>{name}</extra>",
    }


def rate_distortion(points: pd.DataFrame, unit: str) -> go.Figure:
    """`points`: rows with columns run (a label), variant, kl, reconstruction, of variants that have a KL.

    Alemi et al. 2018 (arXiv 1711.00464): what the code costs against what it fails to tell.
    """
    runs = list(dict.fromkeys(points["run"]))
    traces = []
    for row in points.itertuples():
        name = f"{row.run} {VARIANT_TITLES[row.variant]}"
        symbol = SYMBOLS[runs.index(row.run) % len(SYMBOLS)]
        traces.append(
            {
                "type": "scatter",
                "x": [row.kl],
                "y": [row.reconstruction],
                "mode": "markers+text",
                "text": [f"{row.run} {VARIANT_SHORT[row.variant]}"],
                "textposition": "top center",
                "marker": {"color": VARIANT_COLOURS[row.variant], "symbol": symbol, "size": 12},
                "name": name,
                "hovertemplate": f"KL %{{x:.3f}}<br>reconstruction %{{y:.3f}}<extra>{name}</extra>",
            }
        )
    layout = BARE | {
        "height": PLANE_HEIGHT,
        "hovermode": "closest",
        "xaxis": _rate_axis(points["kl"]) | {"title": {"text": "Rate: KL (nats / image)"}},
        "yaxis": GRID
        | {"title": {"text": f"Distortion: reconstruction<br>({unit})"}}
        | _axis(points["reconstruction"]),
    }
    return go.Figure({"data": traces, "layout": layout})


def _axis(values: Sequence[float]) -> dict[str, Any]:
    """A range with room for labels, never of no width."""
    if not len(values):
        return GRID
    low, high = float(min(values)), float(max(values))
    room = 0.15 * (high - low) or 0.05 * abs(high) or 1.0
    return GRID | {"range": [low - room, high + 1.3 * room]}


def _rate_axis(kl: Sequence[float]) -> dict[str, Any]:
    """Logarithmic where a code that pays no KL would push all others into a corner."""
    if len(kl) and min(kl) > 0 and max(kl) > WIDE * min(kl):
        return _axis(np.log10(np.asarray(kl, dtype=float))) | {"type": "log", "dtick": 1}
    return _axis(kl)
