"""How many images there are of each class."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

import numpy as np
import plotly.graph_objects as go

from .style import BARE, GRID, PART_COLOURS

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
