"""Losses of the same VAE with different estimators."""

from __future__ import annotations

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from .style import BARE, GRID, NEUTRAL
from .trick import ESTIMATOR_COLOURS, ESTIMATOR_DASHES, ESTIMATOR_TITLES


def estimator_curves(history: pd.DataFrame, floor: float, unit: str, epochs: int) -> go.Figure:
    """`history`: rows with columns way, epoch, reconstruction, kl. `floor`: what the mean image costs."""
    lines = []
    for estimator in [name for name in ESTIMATOR_COLOURS if name in set(history["way"])]:
        rows = history[history["way"] == estimator].sort_values("epoch")
        for term, axis in (("reconstruction", "y"), ("kl", "y2")):
            lines.append(
                {
                    "type": "scatter",
                    "x": rows["epoch"].to_numpy(dtype=np.int32),
                    "y": rows[term].to_numpy(dtype=np.float32),
                    "yaxis": axis,
                    "mode": "lines",
                    "line": {"color": ESTIMATOR_COLOURS[estimator], "dash": ESTIMATOR_DASHES[estimator], "width": 2.5},
                    "name": f"{ESTIMATOR_TITLES[estimator]}: {term}",
                    "hovertemplate": "%{y:.2f}<extra>" + ESTIMATOR_TITLES[estimator] + "</extra>",
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
