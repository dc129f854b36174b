"""How much pictures change against the size of a nudge."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from ..choices.nudge_units import NUDGE_UNITS
from .style import BARE, GRID, NEUTRAL, VARIANT_COLOURS, VARIANT_SYMBOLS, VARIANT_TITLES, veil

HEIGHT = 400
BAND = 0.16  # opacity of a band
LOG_TICKS = [digit * 10.0**power for power in range(-6, 1) for digit in (1, 3)]


@dataclass(frozen=True)
class Measure:
    """A column of the measurements, in words."""

    title: str
    axis: str
    logarithmic: bool


NUDGE_MEASURES = {
    "rmse": Measure("Pixel RMSE", "pixel RMSE (levels from 0 to 1)", True),
    "class_change": Measure("Class changes", "share of pictures whose class changes", False),
    "nearest_distance": Measure("Nearest real image", "pixel RMSE to the nearest real image", False),
}


def over_seeds(measured: pd.DataFrame, unit: str, measure: str) -> pd.DataFrame:
    """One unit's curves: columns variant, size, value, low, high.

    Over several seeds the mean and the range; of one seed its value, and for rmse the quartiles over images.
    """
    rows = measured[(measured["unit"] == unit) & measured[measure].notna()]
    grouped = rows.groupby(["variant", "size"], sort=False)
    curves = grouped[measure].agg(value="mean", low="min", high="max").reset_index()
    if measure == "rmse" and len(set(rows["seed"])) == 1 and "rmse_q25" in rows:
        curves["low"], curves["high"] = rows["rmse_q25"].to_numpy(), rows["rmse_q75"].to_numpy()
    return curves


def nudge_curves(measured: pd.DataFrame, unit: str, measure: str, size: float | None = None) -> go.Figure:
    """`measured`: rows of `sensitivity.table`, perhaps of several seeds, with the quartiles where there is one.

    `size` is marked: the one that the table beside it shows.
    """
    curves, lines = over_seeds(measured, unit, measure), []
    for variant in [name for name in VARIANT_COLOURS if name in set(curves["variant"])]:
        rows = curves[curves["variant"] == variant].sort_values("size")
        sizes, colour = rows["size"].to_numpy(dtype=np.float32), VARIANT_COLOURS[variant]
        there_and_back = np.concatenate([sizes, sizes[::-1]])
        band = np.concatenate([rows["high"], rows["low"].to_numpy()[::-1]]).astype(np.float32)
        lines.append(
            {
                "type": "scatter",
                "x": there_and_back,
                "y": band,
                "fill": "toself",
                "fillcolor": veil(colour, BAND),
                "line": {"width": 0},
                "hoverinfo": "skip",
                "showlegend": False,
            }
        )
        lines.append(
            {
                "type": "scatter",
                "x": sizes,
                "y": rows["value"].to_numpy(dtype=np.float32),
                "mode": "lines+markers",
                "line": {"color": colour, "width": 2.5},
                "marker": {"symbol": VARIANT_SYMBOLS[variant], "size": 9},
                "name": VARIANT_TITLES[variant],
                "hovertemplate": f"{VARIANT_TITLES[variant]}: %{{y:.4f}}<extra></extra>",
            }
        )
    vertical: dict[str, Any] = {"title": {"text": NUDGE_MEASURES[measure].axis}}
    vertical |= (
        {"type": "log", "tickvals": LOG_TICKS} if NUDGE_MEASURES[measure].logarithmic else {"rangemode": "tozero"}
    )
    marks = [{"type": "line", "x0": size, "x1": size, "y0": 0, "y1": 1, "yref": "paper"}] if size else []
    layout = BARE | {
        "height": HEIGHT,
        "hovermode": "x unified",
        "showlegend": True,
        "legend": {"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
        "uirevision": f"{unit} {measure}",
        "xaxis": GRID
        | {
            "type": "log",
            "title": {"text": f"size of the nudge ({NUDGE_UNITS[unit].title})"},
            "tickvals": sorted(set(curves["size"])),
        },
        "yaxis": GRID | vertical,
        "shapes": [mark | {"line": {"dash": "dot", "width": 1.5, "color": NEUTRAL}} for mark in marks],
    }
    return go.Figure({"data": lines, "layout": layout})
