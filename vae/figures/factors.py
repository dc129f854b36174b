"""Scores of codes against known factors, by the weight of the KL."""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go

from .style import BARE, GRID, SCORE_COLOURS

# By score and codes, as `disentangle.scores` names them. A dash and a marker each: nothing rests on colour alone.
SCORE_TITLES = {
    ("mig", "mean"): "MIG, means μ",
    ("mig", "sample"): "MIG, samples z",
    ("factor_vae", "mean"): "FactorVAE score, means μ",
}
_LOOKS = {  # colour, dash, marker, axis: the scores have no common scale
    ("mig", "mean"): (SCORE_COLOURS["mig"], "solid", "circle", "y"),
    ("mig", "sample"): (SCORE_COLOURS["mig"], "dash", "diamond", "y"),
    ("factor_vae", "mean"): (SCORE_COLOURS["factor_vae"], "solid", "square", "y2"),
}
HEADROOM = 1.15  # above the largest MIG


def scores_by_beta(table: pd.DataFrame) -> go.Figure:
    """`table`: columns beta, score, codes, value, chance. A line for each score, dotted what chance gives.

    MIG above, the FactorVAE score below. β from left to right in the order of its values, evenly: 0 has no place on a
    logarithmic axis.
    """
    data, dots = [], []
    for (score, codes), title in SCORE_TITLES.items():
        rows = table[(table["score"] == score) & (table["codes"] == codes)].sort_values("beta")
        colour, dash, symbol, axis = _LOOKS[score, codes]
        shared = {"type": "scatter", "x": [f"{beta:g}" for beta in rows["beta"]], "yaxis": axis}
        line = {
            "y": rows["value"].to_numpy(dtype=float),
            "mode": "lines+markers",
            "line": {"color": colour, "width": 2.5, "dash": dash},
            "marker": {"color": colour, "size": 9, "symbol": symbol},
            "name": title,
            "hovertemplate": f"{title}, β = %{{x}}: %{{y:.3f}}<extra></extra>",
        }
        data.append(shared | line)
        chance = {"y": rows["chance"].to_numpy(dtype=float), "mode": "lines", "hoverinfo": "skip", "showlegend": False}
        dots.append(shared | chance | {"line": {"color": colour, "width": 1.5, "dash": "dot"}})
    mig = table.loc[table["score"] == "mig", "value"]
    layout = BARE | {
        "height": 420,
        "showlegend": True,
        "legend": {"orientation": "h", "y": 1.02, "x": 0, "yanchor": "bottom"},
        "uirevision": "factors",
        "xaxis": GRID
        | {
            "type": "category",
            "categoryorder": "array",
            "categoryarray": [f"{beta:g}" for beta in sorted(set(table["beta"]))],
            "title": {"text": "β, the weight of the KL"},
            "anchor": "y2",
        },
        "yaxis": GRID
        | {
            "domain": [0.55, 1],
            "title": {"text": "MIG"},
            "range": [0, HEADROOM * mig.max() if mig.max() > 0 else 1],
        },
        "yaxis2": GRID | {"domain": [0, 0.45], "title": {"text": "FactorVAE score"}, "range": [0, 1.05]},
    }
    return go.Figure({"data": data + dots, "layout": layout})
