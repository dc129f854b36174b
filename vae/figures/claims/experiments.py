"""One small figure for each claim that has no component of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from ...choices.estimators import ESTIMATOR_SETUPS
from ..style import (
    ALARM,
    BARE,
    ESTIMATOR_COLOURS,
    GRID,
    NEUTRAL,
    VARIANT_COLOURS,
    VARIANT_SHORT,
    VARIANT_SYMBOLS,
    veil,
)
from ..sweeps import pca_line

HEIGHT = 340
BINS = 41


def errors_by_size(means: pd.DataFrame, floor: float, pca: Mapping[int, float] | None = None) -> go.Figure:
    """`means`: columns variant, size, seed, mse. A line per variant through the means, a point per seed.

    `floor`: the mean image's MSE, dotted. `pca`: PCA's by size, dashed.
    """
    sizes = sorted(set(means["size"]))
    traces: list[dict[str, Any]] = []
    for variant in [name for name in VARIANT_COLOURS if name in set(means["variant"])]:
        rows, colour = means[means["variant"] == variant], VARIANT_COLOURS[variant]
        line = rows.groupby("size")["mse"].mean()
        shared = {"type": "scatter", "name": VARIANT_SHORT[variant]}
        points = {"x": rows["size"].map(str), "y": rows["mse"], "mode": "markers", "hoverinfo": "skip"}
        traces.append(shared | points | {"marker": {"color": veil(colour, 0.55), "size": 6}, "showlegend": False})
        traces.append(
            shared
            | {
                "x": [str(size) for size in line.index],
                "y": line.to_numpy(),
                "mode": "lines+markers",
                "line": {"color": colour, "width": 3},
                "marker": {"color": colour, "size": 11, "symbol": VARIANT_SYMBOLS[variant]},
                "hovertemplate": "%{x} dimensions: %{y:.4f}",
            }
        )
    if pca:
        traces.append(pca_line({str(size): error for size, error in pca.items()}))
    order = {"type": "category", "categoryorder": "array", "categoryarray": [str(size) for size in sizes]}
    layout = BARE | {
        "height": HEIGHT,
        "showlegend": True,
        "legend": {"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
        "margin": {"l": 8, "r": 8, "t": 30, "b": 8},
        "xaxis": GRID | order | {"title": {"text": "latent dimensions"}},
        "yaxis": GRID | {"title": {"text": "squared error per pixel"}, "rangemode": "tozero"},
        "shapes": [_level(floor)],
    }
    return go.Figure({"data": traces, "layout": layout})


def outputs(logvar: np.ndarray) -> go.Figure:
    """How the encoder's outputs log σ² are spread, `logvar` (n,). Red: below 0, where no variance can be."""
    bars = _histogram(logvar, VARIANT_COLOURS["vae"], "outputs")
    bars["marker"] = {"color": [ALARM if x < 0 else VARIANT_COLOURS["vae"] for x in bars["x"]]}
    layout = BARE | {
        "height": HEIGHT,
        "bargap": 0.02,
        "margin": {"l": 8, "r": 8, "t": 28, "b": 8},
        "xaxis": GRID | {"title": {"text": "what the encoder puts out: log σ²"}},
        "yaxis": {"visible": False},
        "shapes": [_upright(0.0)],
        "annotations": [_says("as a variance: impossible", 0.02, "left", ALARM)],
    }
    return go.Figure({"data": [bars], "layout": layout})


def noise(eps: np.ndarray, added: np.ndarray) -> go.Figure:
    """ε as it is drawn, (n,), above; what is added to μ, σ·ε (n,), below, on the same axis."""
    ends = 3.6
    above = _histogram(eps, NEUTRAL, "ε", (-ends, ends))
    below = _histogram(added, VARIANT_COLOURS["vae"], "σ·ε", (-ends, ends)) | {"yaxis": "y2"}
    layout = BARE | {
        "height": HEIGHT,
        "bargap": 0.02,
        "xaxis": GRID | {"range": [-ends, ends], "anchor": "y2"},
        "yaxis": {"domain": [0.54, 1], "title": {"text": "ε"}, "showticklabels": False, "showgrid": False},
        "yaxis2": {"domain": [0, 0.46], "title": {"text": "σ·ε"}, "showticklabels": False, "showgrid": False},
    }
    return go.Figure({"data": [above, below], "layout": layout})


def gradients(norms: Mapping[str, float]) -> go.Figure:
    """Norm of the reconstruction's gradient where it reaches the encoder, by ESTIMATOR_SETUPS name; 0 is said."""
    titles = [ESTIMATOR_SETUPS[name].title for name in norms]
    bars = {
        "type": "bar",
        "orientation": "h",
        "y": titles,
        "x": list(norms.values()),
        "marker": {"color": [ESTIMATOR_COLOURS[name] for name in norms]},
        "text": ["exactly 0" if norm == 0 else f"{norm:.3g}" for norm in norms.values()],
        "textposition": "outside",
        "cliponaxis": False,
        "hovertemplate": "%{x:.4g}<extra></extra>",
    }
    layout = BARE | {
        "height": HEIGHT,
        "margin": {"l": 8, "r": 60, "t": 8, "b": 8},
        "xaxis": GRID | {"title": {"text": "norm of the gradient at μ and log σ²"}, "rangemode": "tozero"},
        "yaxis": {"autorange": "reversed", "automargin": True},
    }
    return go.Figure({"data": [bars], "layout": layout})


def _histogram(values: np.ndarray, colour: str, name: str, ends: Sequence[float] | None = None) -> dict[str, Any]:
    """Bars, counted here: ten thousands of values would travel for nothing."""
    low, high = ends or (float(values.min()), float(values.max()))
    counts, edges = np.histogram(values, bins=BINS, range=(low, max(high, low + 1e-6)))
    return {
        "type": "bar",
        "x": (edges[:-1] + edges[1:]) / 2,
        "y": counts / max(counts.sum(), 1),
        "marker": {"color": colour},
        "name": name,
        "hovertemplate": f"{name} %{{x:.2f}}: %{{y:.1%}}<extra></extra>",
    }


def _upright(x: float) -> dict[str, Any]:
    line = {"type": "line", "x0": x, "x1": x, "y0": 0, "y1": 1, "yref": "paper"}
    return line | {"line": {"width": 1.5, "color": NEUTRAL, "dash": "dot"}}


def _level(y: float) -> dict[str, Any]:
    line = {"type": "line", "y0": y, "y1": y, "x0": 0, "x1": 1, "xref": "paper"}
    return line | {"line": {"width": 1.5, "color": NEUTRAL, "dash": "dot"}}


def _says(text: str, x: float, anchor: str, colour: str) -> dict[str, Any]:
    place = {"text": text, "x": x, "xref": "paper", "y": 1, "yref": "paper", "xanchor": anchor, "yanchor": "bottom"}
    return place | {"showarrow": False, "font": {"size": 14, "color": colour}}
