"""Linear twins beside what theory knows of them."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go

from ..style import BARE, GRID, NEUTRAL, VARIANT_COLOURS

HEIGHT = 300
AXES = 10  # shown, of a code that has fewer numbers
CELLS = 16  # beyond which a cell has no room for its number


def collapse_line(variances: np.ndarray, beta: float, latent_dim: int) -> go.Figure:
    """Variance of each principal axis (P,), and the line β/2 below which no code of `latent_dim` numbers uses one."""
    shown = variances[: max(AXES, latent_dim)]
    in_use = (shown > beta / 2) & (np.arange(len(shown)) < latent_dim)
    bars = {
        "type": "bar",
        "x": np.arange(1, len(shown) + 1),
        "y": shown,
        "marker": {
            "color": [VARIANT_COLOURS["vae"] if used else NEUTRAL for used in in_use],
            "pattern": {"shape": ["" if used else "/" for used in in_use]},
        },
        "hovertemplate": "axis %{x}: λ = %{y:.4g}<extra></extra>",
    }
    line = {"type": "line", "x0": 0, "x1": 1, "xref": "paper", "y0": beta / 2, "y1": beta / 2}
    note = {"text": f"β/2 = {beta / 2:g}", "x": 1.01, "xref": "paper", "xanchor": "left", "y": np.log10(beta / 2)}
    note |= {"yanchor": "middle", "showarrow": False, "font": {"size": 13}}
    low, high = min(shown[-1], beta / 2), max(shown[0], beta / 2)
    layout = BARE | {
        "height": HEIGHT,
        "margin": BARE["margin"] | {"r": 90},
        "uirevision": "collapse line",
        "xaxis": GRID | {"title": {"text": "principal axis"}, "dtick": 1 if len(shown) <= 2 * AXES else None},
        "yaxis": GRID
        | {"type": "log", "title": {"text": "variance λ"}, "range": [np.log10(low / 1.6), np.log10(high * 1.6)]},
        "shapes": [line | {"line": {"width": 2, "color": NEUTRAL}}],
        "annotations": [note],
    }
    return go.Figure({"data": [bars], "layout": layout})


def kl_beside_theory(kl: np.ndarray, best: np.ndarray) -> go.Figure:
    """KL of each dimension (D,), the largest first, as bars; what theory says (D,) as diamonds."""
    places = np.arange(1, len(kl) + 1)
    bars = {
        "type": "bar",
        "name": "trained",
        "x": places,
        "y": kl,
        "marker": {"color": VARIANT_COLOURS["vae"]},
        "hovertemplate": "trained: %{y:.3f}<extra></extra>",
    }
    marks = {
        "type": "scatter",
        "name": "½ ln(2λ/β)",
        "x": places,
        "y": best,
        "mode": "markers",
        "marker": {"symbol": "diamond-open", "size": 13, "color": NEUTRAL, "line": {"width": 3}},
        "hovertemplate": "theory: %{y:.3f}<extra></extra>",
    }
    layout = BARE | {
        "height": HEIGHT,
        "showlegend": True,
        "hovermode": "x unified",
        "legend": {"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
        "margin": BARE["margin"] | {"t": 30},
        "xaxis": GRID | {"title": {"text": "dimension, sorted by KL"}, "dtick": 1 if len(kl) <= 2 * AXES else None},
        "yaxis": GRID | {"title": {"text": "KL (nats / image)"}, "rangemode": "tozero"},
    }
    return go.Figure({"data": [bars, marks], "layout": layout})


def codes_and_axes(correlations: np.ndarray, variant: str) -> go.Figure:
    """|r| (D, D) between a variant's dimensions, as rows, and principal axes, as columns."""
    places = [str(place + 1) for place in range(len(correlations))]
    colour = VARIANT_COLOURS[variant]
    cells = {
        "type": "heatmap",
        "x": places,
        "y": places,
        "z": correlations,
        "zmin": 0,
        "zmax": 1,
        "colorscale": [[0, "#F4F4F4"], [1, colour]],  # opaque: numbers are read on it in the dark, too
        "showscale": False,
        "xgap": 1,
        "ygap": 1,
        "hovertemplate": "dimension %{y}, axis %{x}: |r| = %{z:.2f}<extra></extra>",
    }
    if len(places) <= CELLS:
        cells["texttemplate"] = "%{z:.2f}" if len(places) <= CELLS / 2 else "%{z:.1f}"
    layout = BARE | {
        "height": HEIGHT,
        "xaxis": {
            "title": {"text": "principal axis"},
            "type": "category",
            "tickangle": 0,
            "automargin": True,
            "showgrid": False,
        },
        "yaxis": {
            "title": {"text": "dimension"},
            "type": "category",
            "autorange": "reversed",
            "automargin": True,
            "showgrid": False,
        },
    }
    return go.Figure({"data": [cells], "layout": layout})
