"""Estimators compared: curves of runs trained with each, and signal to noise of the encoder's gradient against K."""

from __future__ import annotations

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from ..choices.estimators import bound_estimators
from .style import BARE, GRID, NEUTRAL
from .trick import ESTIMATOR_COLOURS, ESTIMATOR_DASHES, ESTIMATOR_TITLES


def estimator_curves(
    history: pd.DataFrame, floor: float, unit: str, epochs: int, pca: float | None = None
) -> go.Figure:
    """`history`: rows with columns way, epoch, reconstruction, kl.

    `floor`: what the mean image costs, dotted; `pca`: what PCA costs, dashed, where that is known.
    """
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
    levels = [(floor, "dot")] if pca is None else [(floor, "dot"), (pca, "dash")]
    mark = {"type": "line", "x0": 0, "x1": 1, "xref": "x domain", "yref": "y"}
    layout = BARE | {
        "height": 400,
        "uirevision": "race",
        "hovermode": "x",
        "xaxis": GRID | {"range": [0, epochs], "title": {"text": "epoch"}, "anchor": "y2"},
        "yaxis": GRID | {"title": {"text": f"Reconstruction<br>({unit})"}, "domain": [0.42, 1]},
        "yaxis2": GRID | {"title": {"text": "KL<br>(nats / image)"}, "domain": [0, 0.33], "rangemode": "tozero"},
        "shapes": [
            mark | {"y0": level, "y1": level, "line": {"dash": dash, "width": 1.5, "color": NEUTRAL}}
            for level, dash in levels
        ],
    }
    return go.Figure({"data": lines, "layout": layout})


def signal_to_noise(table: pd.DataFrame) -> go.Figure:
    """Columns way, samples, snr, low, high: a line for each estimator of the bound, both axes logarithmic.

    All of them pass the gradient through the sample, so they have the trick's colour; dash, marker and name tell them
    apart. What has no signal has no point, and what has no interval has no bar.
    """
    lines, names = [], []
    for way, entry in bound_estimators().items():
        rows = table[(table["way"] == way) & (table["snr"] > 0)].sort_values("samples")
        if rows.empty:
            continue
        above, below = (rows["high"] - rows["snr"]).fillna(0), (rows["snr"] - rows["low"]).fillna(0)
        lines.append(
            {
                "type": "scatter",
                "x": rows["samples"].to_numpy(dtype=np.int32),
                "y": rows["snr"].to_numpy(dtype=np.float32),
                "error_y": {
                    "type": "data",
                    "symmetric": False,
                    "array": above.to_numpy(dtype=np.float32),
                    "arrayminus": below.to_numpy(dtype=np.float32),
                    "thickness": 1,
                },
                "mode": "lines+markers",
                "marker": {"color": ESTIMATOR_COLOURS["pathwise"], "size": 8, "symbol": entry.symbol},
                "line": {"color": ESTIMATOR_COLOURS["pathwise"], "width": 2.5, "dash": entry.dash},
                "name": entry.short,
                "hovertemplate": f"{entry.short}: %{{y:.3g}}<extra></extra>",
            }
        )
        end = rows.iloc[-1]
        names.append(
            {
                "text": entry.short,
                "x": float(np.log10(end["samples"])),  # an annotation's place on a logarithmic axis
                "y": float(np.log10(end["snr"])),
                "xanchor": "left",
                "xshift": 10,
                "showarrow": False,
                "font": {"size": 13, "color": ESTIMATOR_COLOURS["pathwise"]},
            }
        )
    counts = sorted(set(table["samples"]))
    layout = BARE | {
        "height": 340,
        "margin": BARE["margin"] | {"r": 56},
        "hovermode": "x unified",
        "uirevision": "signal",
        "xaxis": GRID
        | {
            "type": "log",
            "title": {"text": "K, samples per image"},
            "tickvals": counts,
            "ticktext": list(map(str, counts)),
        },
        "yaxis": GRID | {"type": "log", "title": {"text": "signal to noise"}, "exponentformat": "power"},
        "annotations": names,
    }
    return go.Figure({"data": lines, "layout": layout})
