"""How much is lost: errors per pixel beside the lines of the mean image and of PCA."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import plotly.graph_objects as go

from .style import BARE, GRID, NEUTRAL

ROW = 46  # pixels of height for each bar


def error_bars(
    errors: Mapping[str, np.ndarray], colours: Mapping[str, str], floor: float, pca: float | None = None
) -> go.Figure:
    """Mean of each of `errors` (title → (n,) per image) as a bar, with its 95 % interval.

    `floor`: the mean image's error, dotted; `pca`: that of PCA, dashed, where it is known.

    The interval is 1.96 standard errors over the images: it says how well the mean is known, not how images vary.
    """
    titles = list(errors)
    means = [float(errors[title].mean()) for title in titles]
    half = [_half_interval(errors[title]) for title in titles]
    bars = {
        "type": "bar",
        "orientation": "h",
        "y": titles,
        "x": means,
        "error_x": {"type": "data", "array": half, "color": NEUTRAL},
        "marker": {"color": [colours[title] for title in titles]},
        "text": [f"{mean:.4f}" for mean in means],
        "textposition": "inside",
        "insidetextanchor": "start",
        "textfont": {"color": "#fff"},
        "hovertemplate": "%{x:.5f}<extra></extra>",
    }
    levels = {"mean image": (floor, "dot")} | ({} if pca is None else {"PCA": (pca, "dash")})
    line = {"type": "line", "xref": "x", "y0": 0, "y1": 1, "yref": "paper"}
    note = {"y": 1, "yref": "paper", "yanchor": "bottom", "showarrow": False, "font": {"size": 12, "color": NEUTRAL}}
    layout = BARE | {
        "height": 96 + ROW * len(titles),
        "margin": {"l": 8, "r": 8, "t": 26, "b": 8},
        "xaxis": GRID | {"title": {"text": "squared error per pixel"}, "rangemode": "tozero"},
        "yaxis": {"autorange": "reversed", "automargin": True},
        "shapes": [
            line | {"x0": level, "x1": level, "line": {"dash": dash, "width": 1.5, "color": NEUTRAL}}
            for level, dash in levels.values()
        ],
        "annotations": [
            note | {"text": name, "x": level, "xanchor": "right" if name == "PCA" else "center"}
            for name, (level, _) in levels.items()
        ],
    }
    return go.Figure({"data": [bars], "layout": layout})


def _half_interval(values: np.ndarray) -> float:
    return 1.96 * float(values.std(ddof=1)) / len(values) ** 0.5 if len(values) > 1 else 0.0
