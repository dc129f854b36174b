"""How far an estimate of the likelihood still falls with more samples."""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go

from ..style import BARE, GRID, VARIANT_COLOURS, VARIANT_SHORT, VARIANT_SYMBOLS


def nll_by_samples(table: pd.DataFrame) -> go.Figure:
    """`table`: columns variant, samples, value: the mean NLL by so many samples for each image. A line each."""
    data = [
        {
            "type": "scatter",
            "x": rows["samples"].to_numpy(dtype=float),
            "y": rows["value"].to_numpy(dtype=float),
            "mode": "lines+markers",
            "line": {"color": VARIANT_COLOURS[name], "width": 2.5},
            "marker": {"color": VARIANT_COLOURS[name], "size": 9, "symbol": VARIANT_SYMBOLS[name]},
            "name": VARIANT_SHORT[name],
            "hovertemplate": f"{VARIANT_SHORT[name]}, %{{x:,}} samples: %{{y:.2f}} nats<extra></extra>",
        }
        for name, rows in table.sort_values("samples").groupby("variant", sort=False)
    ]
    layout = BARE | {
        "height": 360,
        "showlegend": True,
        "legend": {"orientation": "h", "y": 1.02, "x": 0, "yanchor": "bottom"},
        "uirevision": "nll by samples",
        "xaxis": GRID | {"type": "log", "dtick": 1, "title": {"text": "samples for each image"}},
        "yaxis": GRID | {"title": {"text": "estimate of −log p(x), nats per image"}},
    }
    return go.Figure({"data": data, "layout": layout})
