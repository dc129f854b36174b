"""Classes: how many images there are of each, their colours, and their names at the medians of their clouds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import numpy as np
import plotly.graph_objects as go

from .style import BARE, CLASS_COLOURS, GRID, PART_COLOURS

PART_PATTERNS = {"training": "", "test": "/"}


def class_bars(counts: Mapping[str, np.ndarray], classes: Sequence[str]) -> go.Figure:
    """`counts`: part ("training", "test") → (C,). Bars on top of each other, a column for each class."""
    names = [escape(name) for name in classes]  # plotly takes what looks like HTML for markup
    bars = [
        {
            "type": "bar",
            "name": part,
            "x": list(range(len(names))),
            "y": values.tolist(),
            "customdata": names,
            "marker": {"color": PART_COLOURS[part], "pattern": {"shape": PART_PATTERNS[part]}},
            "hovertemplate": f"%{{customdata}}: %{{y:,}} {part} images<extra></extra>",
        }
        for part, values in counts.items()
    ]
    ticks = {"tickmode": "array", "tickvals": list(range(len(names))), "ticktext": names}
    layout = BARE | {
        "height": 260,
        "barmode": "stack",
        "bargap": 0.25,
        "showlegend": True,
        "legend": {"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0, "traceorder": "normal"},
        "xaxis": {"automargin": True, "showgrid": False, "zeroline": False} | (ticks if len(names) <= 40 else {}),
        "yaxis": GRID | {"title": {"text": "images"}, "rangemode": "tozero"},
    }
    return go.Figure({"data": bars, "layout": layout})


def class_colour(label: int) -> str:
    """Of a class, by its index; from the eleventh on colours come again."""
    return CLASS_COLOURS[label % len(CLASS_COLOURS)]


def class_plates(places: np.ndarray, present: np.ndarray, names: np.ndarray) -> dict[str, Any]:
    """A trace: at `places` (c, 2) the names, harmless as markup, of the classes with the indices `present` (c,).

    So nothing rests on telling ten hues apart.
    """
    return {
        "type": "scatter",
        "x": places[:, 0],
        "y": places[:, 1],
        "mode": "markers+text",
        "text": [f"<b>{names[label]}</b>" for label in present],
        "textfont": {"size": 14, "color": "#111"},
        "marker": {
            "symbol": "square",
            "size": 19,
            "color": "rgba(255,255,255,0.82)",
            "line": {"width": 1.5, "color": [class_colour(label) for label in present]},
        },
        "hoverinfo": "skip",
        "name": "median of each class",
    }
