"""How far each step of a path moves the picture."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import plotly.graph_objects as go

from .style import BARE, GRID, VARIANT_COLOURS, VARIANT_PATTERNS, VARIANT_TITLES

HEIGHT = 260


def step_sizes(steps: Mapping[str, np.ndarray]) -> go.Figure:
    """`steps`: variant → (n,) pixel RMSE from each picture to the next."""
    bars = [
        {
            "type": "bar",
            "x": np.arange(1, len(sizes) + 1),
            "y": np.asarray(sizes, dtype=np.float32),
            "marker": {"color": VARIANT_COLOURS[name], "pattern": {"shape": VARIANT_PATTERNS[name]}},
            "name": VARIANT_TITLES[name],
            "hovertemplate": f"{VARIANT_TITLES[name]}, step %{{x}}: %{{y:.4f}}<extra></extra>",
        }
        for name, sizes in steps.items()
    ]
    layout = BARE | {
        "height": HEIGHT,
        "barmode": "group",
        "showlegend": True,
        "legend": {"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
        "uirevision": "paths",
        "xaxis": GRID | {"title": {"text": "step"}, "dtick": 1},
        "yaxis": GRID | {"title": {"text": "pixel RMSE of the step"}, "rangemode": "tozero"},
    }
    return go.Figure({"data": bars, "layout": layout})
