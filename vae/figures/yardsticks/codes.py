"""How well classes are read off codes, against the number of labels; and a map of codes."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from ..classes import class_colour, class_plates
from ..style import BARE, GRID, NEUTRAL, VARIANT_COLOURS, VARIANT_SYMBOLS, VARIANT_TITLES

HEIGHT, MAP_HEIGHT = 360, 420
APART = 1.8  # times as many labels, whose numbers have room side by side on the axis
# What is no model's, by `codes` of the table: title, dash, marker. No model's colour, so dashes tell them apart.
BESIDE = {"pca": ("PCA", "dash", "diamond"), "pixels": ("Pixels", "dot", "pentagon")}
CODES_TITLES = VARIANT_TITLES | {name: title for name, (title, _, _) in BESIDE.items()}


def accuracy_by_labels(curves: pd.DataFrame, measure: str, guess: float | None) -> go.Figure:
    """`curves`: columns codes, measure, labels, value, low, high. A line for each codes, bars for the intervals.

    `guess`: how often the most frequent class is right.
    """
    rows = curves[curves["measure"] == measure]
    lines: list[dict[str, Any]] = []
    for codes in [name for name in CODES_TITLES if name in set(rows["codes"])]:
        mine = rows[rows["codes"] == codes].sort_values("labels")
        colour = VARIANT_COLOURS.get(codes, NEUTRAL)
        dash, symbol = BESIDE[codes][1:] if codes in BESIDE else ("solid", VARIANT_SYMBOLS[codes])
        value = mine["value"].to_numpy(dtype=float)
        lines.append(
            {
                "type": "scatter",
                "x": mine["labels"].to_numpy(dtype=float),
                "y": value,
                "mode": "lines+markers",
                "line": {"color": colour, "width": 2.5, "dash": dash},
                "marker": {"color": colour, "symbol": symbol, "size": 9},
                "error_y": {
                    "array": mine["high"].to_numpy(dtype=float) - value,
                    "arrayminus": value - mine["low"].to_numpy(dtype=float),
                    "thickness": 1.2,
                    "width": 4,
                },
                "name": CODES_TITLES[codes],
                "hovertemplate": f"{CODES_TITLES[codes]}, %{{x:,}} labels: %{{y:.3f}}<extra></extra>",
            }
        )
    counts = sorted(set(rows["labels"]))
    counts = [count for count, after in zip(counts, [*counts[1:], np.inf], strict=True) if after >= APART * count]
    guessed = [] if guess is None else [{"type": "line", "x0": 0, "x1": 1, "xref": "paper", "y0": guess, "y1": guess}]
    layout = BARE | {
        "height": HEIGHT,
        "showlegend": True,
        "legend": {"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
        "uirevision": measure,
        "xaxis": GRID
        | {
            "type": "log",
            "title": {"text": "labels learnt from"},
            "tickvals": counts,
            "ticktext": [f"{count:,}" for count in counts],
            "tickangle": 0,
        },
        "yaxis": GRID | {"title": {"text": "share of classes that are right"}, "rangemode": "tozero"},
        "shapes": [shape | {"line": {"dash": "dot", "width": 1.5, "color": NEUTRAL}} for shape in guessed],
    }
    return go.Figure({"data": lines, "layout": layout})


def map_scatter(places: np.ndarray, labels: np.ndarray, classes: Sequence[str]) -> go.Figure:
    """A map's `places` (n, 2) in the colour of their class, `labels` (n,) indices into `classes`; names at medians.

    Without numbers along its axes: they would mean nothing.
    """
    names = np.array([escape(name) for name in classes], dtype=object)  # plotly takes what looks like HTML for markup
    labels = np.asarray(labels, dtype=int)
    colours = [class_colour(label) for label in labels]
    present = np.unique(labels)
    middles = np.array([np.median(places[labels == label], axis=0) for label in present]).reshape(-1, 2)
    cloud = {
        "type": "scatter",
        "x": places[:, 0].astype(np.float32),
        "y": places[:, 1].astype(np.float32),
        "mode": "markers",
        "marker": {"color": colours, "size": 5, "opacity": 0.8},
        "customdata": names[labels],
        "name": "codes",
        "hovertemplate": "class %{customdata}<extra></extra>",
    }
    plates = class_plates(middles, present, names) | {"visible": len(classes) > 1}
    bare = GRID | {"showticklabels": False, "title": {"text": ""}}
    layout = BARE | {
        "height": MAP_HEIGHT,
        "uirevision": "map",
        "xaxis": bare,
        "yaxis": bare | {"scaleanchor": "x", "scaleratio": 1},
    }
    return go.Figure({"data": [cloud, plates], "layout": layout})
