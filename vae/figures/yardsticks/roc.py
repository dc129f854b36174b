"""ROC curves of scores that tell strange images from known ones: a panel for each score."""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go

from ...choices.anomaly_scores import ANOMALY_SCORES
from ..style import BARE, GRID, NEUTRAL, SPARSE, VARIANT_COLOURS, VARIANT_SHORT, VARIANT_SYMBOLS

HEIGHT = 330
BETWEEN = 0.05  # of the width, from one panel to the next
BASELINE_DASHES = {"pca": "dash", "mean_image": "dot"}
BESIDE = "squared_error"  # the score whose panel has the baselines, too: they are squared errors


def panels(table: pd.DataFrame) -> list[str]:
    """Scores that some model of the table has, in the order in which they are drawn."""
    there = set(table["measure"])
    return [name for name, score in ANOMALY_SCORES.items() if score.of_models and score.curve in there]


def roc_curves(table: pd.DataFrame) -> go.Figure:
    """`table`: what `vae.measuring.anomalies` makes of one run. Hits against false alarms; dotted: a guess."""
    names = panels(table)
    data: list[dict] = []
    layout = BARE | {
        "height": HEIGHT,
        "margin": BARE["margin"] | {"t": 60},
        "showlegend": True,
        "legend": {"orientation": "h", "y": 1.14, "x": 0, "yanchor": "bottom"},
        "uirevision": "roc",
        "annotations": [],
    }
    width = (1 - BETWEEN * (len(names) - 1)) / max(1, len(names))
    for place, name in enumerate(names):
        axis, left = "" if place == 0 else str(place + 1), place * (width + BETWEEN)
        at = {"type": "scatter", "xaxis": f"x{axis}", "yaxis": f"y{axis}", "mode": "lines"}
        guess = {"x": [0, 1], "y": [0, 1], "line": {"color": NEUTRAL, "width": 1, "dash": "dot"}}
        data.append(at | guess | {"hoverinfo": "skip", "showlegend": False})
        if name == BESIDE:
            data += [at | _baseline(table, baseline) for baseline in BASELINE_DASHES]
        rows = table[table["measure"] == ANOMALY_SCORES[name].curve]
        for variant, points in rows.groupby("variant", sort=False):
            data.append(at | _line(points, str(variant), ANOMALY_SCORES[name].title, place == 0))
        ends = {"range": [-0.01, 1.01], "dtick": 0.5}
        layout |= {
            f"xaxis{axis}": GRID
            | ends
            | {"domain": [left, left + width], "anchor": f"y{axis}", "title": {"text": "false alarms"}},
            f"yaxis{axis}": GRID | ends | {"anchor": f"x{axis}", "title": {"text": "" if place else "hits"}},
        }
        layout["annotations"] += [
            {
                "text": ANOMALY_SCORES[name].title,
                "x": left + width / 2,
                "y": 1.02,
                "xref": "paper",
                "yref": "paper",
                "yanchor": "bottom",
                "showarrow": False,
                "font": {"size": 14},
            }
        ]
    return go.Figure({"data": data, "layout": layout})


def _line(points: pd.DataFrame, variant: str, score: str, first: bool) -> dict:
    colour, short = VARIANT_COLOURS[variant], VARIANT_SHORT[variant]
    return {
        "x": points["false_alarms"].to_numpy(dtype=float),
        "y": points["hits"].to_numpy(dtype=float),
        "mode": "lines+markers",
        "line": {"color": colour, "width": 2.5, "shape": "linear"},
        "marker": {"color": colour, "size": 8, "symbol": VARIANT_SYMBOLS[variant], "maxdisplayed": SPARSE},
        "name": short,
        "legendgroup": variant,
        "showlegend": first,
        "hovertemplate": f"{short}, {score}: %{{y:.0%}} found at %{{x:.0%}} false alarms<extra></extra>",
    }


def _baseline(table: pd.DataFrame, name: str) -> dict:
    score = ANOMALY_SCORES[name]
    points = table[table["measure"] == score.curve]
    return {
        "x": points["false_alarms"].to_numpy(dtype=float),
        "y": points["hits"].to_numpy(dtype=float),
        "line": {"color": NEUTRAL, "width": 2, "dash": BASELINE_DASHES[name]},
        "name": score.title,
        "hovertemplate": f"{score.title}: %{{y:.0%}} found at %{{x:.0%}} false alarms<extra></extra>",
    }
