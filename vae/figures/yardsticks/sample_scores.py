"""How near drawn pictures come to real ones, by one score: a dot for each model and way to draw codes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from ..style import BARE, GRID, NEUTRAL, VARIANT_COLOURS, VARIANT_SHORT, VARIANT_SYMBOLS

WAY_TITLES = {"prior": "N(0, I)", "gaussian": "a fitted Gaussian", "mixture": "a fitted mixture"}
SCORE_TITLES = {  # of the scores of `vae.measuring.samples`
    "frechet_distance": "Fréchet distance",
    "sample_precision": "Precision",
    "sample_recall": "Recall",
}
REAL = "Real images"
HEIGHT = 320


def sample_score(summary: pd.DataFrame, score: str) -> go.Figure:
    """`summary`: columns variant, way, score, value, half (of the interval; NaN for none).

    Rows with variant "" are of real images in the pictures' place: a dashed line from side to side.
    """
    rows = summary[summary["score"] == score]
    dots = [_dots(rows[rows["variant"] == name], name) for name in VARIANT_COLOURS if name in set(rows["variant"])]
    floors = [float(value) for value in rows.loc[rows["variant"] == "", "value"] if np.isfinite(value)]
    layout = BARE | {
        "height": HEIGHT,
        "scattermode": "group",  # models side by side, so that no interval hides another
        "showlegend": True,
        "legend": {"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
        "uirevision": f"samples {score}",
        "xaxis": GRID
        | {
            "type": "category",
            "categoryorder": "array",
            "categoryarray": list(WAY_TITLES.values()),
            "title": {"text": "codes drawn from"},
            "showgrid": False,
        },
        "yaxis": GRID | {"title": {"text": SCORE_TITLES[score]}, "rangemode": "tozero"},
        "shapes": [
            {
                "type": "line",
                "xref": "paper",
                "x0": 0,
                "x1": 1,
                "y0": floor,
                "y1": floor,
                "name": REAL,
                "showlegend": True,
            }
            | {"line": {"dash": "dash", "color": NEUTRAL, "width": 2}}
            for floor in floors
        ],
    }
    return go.Figure({"data": dots + [_told(floor) for floor in floors], "layout": layout})


def _dots(rows: pd.DataFrame, name: str) -> dict[str, Any]:
    return {
        "type": "scatter",
        "x": [WAY_TITLES[way] for way in rows["way"]],
        "y": rows["value"].to_numpy(dtype=float),
        "mode": "markers",
        "name": VARIANT_SHORT[name],
        "marker": {"color": VARIANT_COLOURS[name], "symbol": VARIANT_SYMBOLS[name], "size": 11},
        "error_y": {
            "array": rows["half"].fillna(0).to_numpy(dtype=float),
            "color": VARIANT_COLOURS[name],
            "thickness": 2,
            "width": 4,
        },
        "hovertemplate": f"{VARIANT_SHORT[name]}, %{{x}}: %{{y:.4g}}<extra></extra>",
    }


def _told(floor: float) -> dict[str, Any]:
    """The line once more, unseen: a shape neither answers the pointer nor has words."""
    return {
        "type": "scatter",
        "x": list(WAY_TITLES.values()),
        "y": [floor] * len(WAY_TITLES),
        "mode": "lines",
        "line": {"width": 0},
        "name": REAL,
        "showlegend": False,
        "hovertemplate": f"{REAL}: %{{y:.4g}}<extra></extra>",
    }
