"""How far an estimate of the likelihood still falls with more samples."""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go

from ..style import BARE, GRID, VARIANT_COLOURS, VARIANT_SHORT, VARIANT_SYMBOLS


def nll_by_samples(table: pd.DataFrame) -> go.Figure:
    """`table`: columns variant, samples, value: the mean NLL by so many samples for each image.

    A line for each variant, of how far its estimate has fallen from that by one sample: values themselves may lie so
    far apart that no fall is seen.
    """
    data = []
    for name, rows in table.sort_values("samples").groupby("variant", sort=False):
        values, colour, short = rows["value"].to_numpy(dtype=float), VARIANT_COLOURS[name], VARIANT_SHORT[name]
        data.append(
            {
                "type": "scatter",
                "x": rows["samples"].to_numpy(dtype=float),
                "y": values - values[0],
                "customdata": values,
                "mode": "lines+markers",
                "line": {"color": colour, "width": 2.5},
                "marker": {"color": colour, "size": 9, "symbol": VARIANT_SYMBOLS[name]},
                "name": short,
                "hovertemplate": f"{short}, %{{x:,}} samples: %{{customdata:.2f}} nats (%{{y:+.2f}})<extra></extra>",
            }
        )
    layout = BARE | {
        "height": 360,
        "showlegend": True,
        "legend": {"orientation": "h", "y": 1.02, "x": 0, "yanchor": "bottom"},
        "uirevision": "nll by samples",
        "xaxis": GRID | {"type": "log", "dtick": 1, "title": {"text": "samples for each image"}},
        "yaxis": GRID | {"title": {"text": "change of −log p(x) from one sample, nats"}},
    }
    return go.Figure({"data": data, "layout": layout})
