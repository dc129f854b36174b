"""Losses of the same VAE with different estimators."""

from __future__ import annotations

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from .style import BARE, GRID, NEUTRAL
from .trick import WAY_COLOURS, WAY_DASHES, WAY_TITLES


def race_curves(history: pd.DataFrame, floor: float, unit: str, epochs: int) -> go.Figure:
    """`history`: rows with columns way, epoch, reconstruction, kl. `floor`: what the mean image costs."""
    lines = []
    for way in [name for name in WAY_COLOURS if name in set(history["way"])]:
        rows = history[history["way"] == way].sort_values("epoch")
        for term, axis in (("reconstruction", "y"), ("kl", "y2")):
            lines.append(
                {
                    "type": "scatter",
                    "x": rows["epoch"].to_numpy(dtype=np.int32),
                    "y": rows[term].to_numpy(dtype=np.float32),
                    "yaxis": axis,
                    "mode": "lines",
                    "line": {"color": WAY_COLOURS[way], "dash": WAY_DASHES[way], "width": 2.5},
                    "name": f"{WAY_TITLES[way]}: {term}",
                    "hovertemplate": "%{y:.2f}<extra>" + WAY_TITLES[way] + "</extra>",
                }
            )
    mark = {"type": "line", "x0": 0, "x1": 1, "xref": "x domain", "y0": floor, "y1": floor, "yref": "y"}
    layout = BARE | {
        "height": 400,
        "uirevision": "race",
        "hovermode": "x",
        "xaxis": GRID | {"range": [0, epochs], "title": {"text": "epoch"}, "anchor": "y2"},
        "yaxis": GRID | {"title": {"text": f"Reconstruction<br>({unit})"}, "domain": [0.42, 1]},
        "yaxis2": GRID | {"title": {"text": "KL<br>(nats / image)"}, "domain": [0, 0.33], "rangemode": "tozero"},
        "shapes": [mark | {"line": {"dash": "dot", "width": 1.5, "color": NEUTRAL}}],
    }
    return go.Figure({"data": lines, "layout": layout})
