"""Scores of codes against known factors, by the weight of the KL."""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go

from .style import BARE, GRID, NEUTRAL, VARIANT_COLOURS

# By score and codes, as `disentangle.scores` names them. A dash and a marker each: nothing rests on colour alone.
SCORE_TITLES = {
    ("mig", "mean"): "MIG, means μ",
    ("mig", "sample"): "MIG, samples z",
    ("factor_vae", "mean"): "FactorVAE score, means μ",
}
_LOOKS = {
    ("mig", "mean"): (VARIANT_COLOURS["vae"], "solid", "circle"),
    ("mig", "sample"): ("#7A5CC8", "dash", "diamond"),
    ("factor_vae", "mean"): (VARIANT_COLOURS["kl_only"], "solid", "square"),
}


def scores_by_beta(table: pd.DataFrame) -> go.Figure:
    """`table`: columns beta, score, codes, value, chance. A line for each score, dotted below it what chance gives.

    β from left to right in the order of its values, evenly: 0 has no place on a logarithmic axis.
    """
    data = []
    for (score, codes), title in SCORE_TITLES.items():
        rows = table[(table["score"] == score) & (table["codes"] == codes)].sort_values("beta")
        colour, dash, symbol = _LOOKS[score, codes]
        x = [f"{beta:g}" for beta in rows["beta"]]
        by_chance = {"x": x, "y": rows["chance"].to_numpy(dtype=float), "mode": "lines", "hoverinfo": "skip"}
        data += [
            {
                "type": "scatter",
                "x": x,
                "y": rows["value"].to_numpy(dtype=float),
                "mode": "lines+markers",
                "line": {"color": colour, "width": 2.5, "dash": dash},
                "marker": {"color": colour, "size": 9, "symbol": symbol},
                "name": title,
                "hovertemplate": f"{title}, β = %{{x}}: %{{y:.3f}}<extra></extra>",
            },
            {"type": "scatter", "showlegend": False, "line": {"color": colour, "width": 1, "dash": "dot"}} | by_chance,
        ]
    one = {"type": "line", "x0": 0, "x1": 1, "xref": "paper", "y0": 1, "y1": 1}
    layout = BARE | {
        "height": 340,
        "showlegend": True,
        "legend": {"orientation": "h", "y": 1.02, "x": 0, "yanchor": "bottom"},
        "uirevision": "factors",
        "xaxis": GRID
        | {
            "type": "category",
            "categoryorder": "array",
            "categoryarray": [f"{beta:g}" for beta in sorted(set(table["beta"]))],
            "title": {"text": "β, the weight of the KL"},
        },
        "yaxis": GRID | {"title": {"text": "score (1: a dimension for each factor)"}, "range": [0, 1.05]},
        "shapes": [one | {"line": {"width": 1, "color": NEUTRAL}}],
    }
    return go.Figure({"data": data, "layout": layout})
