"""The two losses: per epoch, per dimension, and the KL between two Gaussians as an area."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from .style import BARE, GRID, NEUTRAL, TERM_COLOURS, VARIANT_COLOURS
from .trick import normal_density

TERM_DASHES = {"reconstruction": "solid", "kl": "dash", "loss": "dashdot", "penalty": "dot"}
INTEGRATED_OVER = 8.0  # standard deviations of q, either way


def terms_per_epoch(history: pd.DataFrame, beta: float, unit: str, epoch: int) -> go.Figure:
    """`history`: one variant's rows with epoch, reconstruction, kl, loss, penalty. The terms apart, and their sum.

    A term that the variant hasn't is left out.

    The first, untrained epoch towers over the rest: it is left out where there are others.
    """
    rows = history[history["epoch"] > 0] if (history["epoch"] > 0).any() else history
    values = {
        "reconstruction": rows["reconstruction"],
        "kl": beta * rows["kl"].astype(float),
        "penalty": rows["penalty"].astype(float) if "penalty" in rows else rows["kl"] * np.nan,
        "loss": rows["loss"],
    }
    values = {term: value for term, value in values.items() if value.notna().any()}
    names = {"reconstruction": "reconstruction", "kl": f"β · KL, β = {beta:g}", "loss": "their sum"}
    names["penalty"] = "penalty"
    paid = sum(value.fillna(0.0) for term, value in values.items() if term != "loss")
    if not np.allclose(paid, values["loss"], rtol=1e-3):  # free bits cost more
        names["loss"] = "what is minimised"
    lines = [
        {
            "type": "scatter",
            "x": rows["epoch"].to_numpy(dtype=np.int32),
            "y": value.to_numpy(dtype=np.float32),
            "mode": "lines+markers" if len(rows) < 15 else "lines",
            "line": {"color": TERM_COLOURS[term], "width": 2.5, "dash": TERM_DASHES[term]},
            "name": names[term],
            "hovertemplate": f"{names[term]}: %{{y:.2f}}<extra></extra>",
        }
        for term, value in values.items()
    ]
    mark = {"type": "line", "x0": epoch, "x1": epoch, "y0": 0, "y1": 1, "yref": "paper"}
    layout = BARE | {
        "height": 330,
        "showlegend": True,
        "legend": {"orientation": "h", "y": 1.12, "x": 0},
        "hovermode": "x unified",
        "uirevision": "terms",
        "xaxis": GRID | {"title": {"text": "epoch"}},
        "yaxis": GRID | {"title": {"text": unit}, "rangemode": "tozero"},
        "shapes": [mark | {"line": {"width": 1.5, "color": NEUTRAL}}],
    }
    return go.Figure({"data": lines, "layout": layout})


def dimension_bars(kl: np.ndarray, variance_of_mean: np.ndarray, threshold: float, variant: str) -> go.Figure:
    """KL and variance of the mean of each dimension of a variant, (D,) each, sorted by KL.

    Dimensions above the `threshold` of an active unit have the variant's colour, the others are grey and hatched.
    """
    order = np.argsort(-kl, kind="stable")
    names = [str(place + 1) for place in order]
    active = variance_of_mean[order] > threshold
    colours = [VARIANT_COLOURS[variant] if used else NEUTRAL for used in active]
    patterns = ["" if used else "/" for used in active]

    def bars(values: np.ndarray, axis: str, what: str) -> dict[str, Any]:
        return {
            "type": "bar",
            "x": names,
            "y": values[order].astype(np.float32),
            "yaxis": axis,
            "marker": {"color": colours, "pattern": {"shape": patterns}},
            "width": 0.5 if len(names) < 6 else 0.8,
            "hovertemplate": f"dimension %{{x}}: {what} %{{y:.4g}}<extra></extra>",
        }

    line = {"type": "line", "x0": 0, "x1": 1, "xref": "paper", "y0": threshold, "y1": threshold, "yref": "y2"}
    note = {"text": f"active above {threshold:g}", "x": 1, "xref": "paper", "xanchor": "right", "showarrow": False}
    note |= {"bgcolor": "rgba(255,255,255,0.75)"}
    low = min(threshold / 10, float(np.maximum(variance_of_mean.min(), 1e-8)))
    layout = BARE | {
        "height": 330,
        "uirevision": "dimensions",
        "xaxis": GRID | {"type": "category", "title": {"text": "dimension, sorted by KL"}, "anchor": "y2"},
        "yaxis": GRID | {"domain": [0.55, 1], "title": {"text": "KL (nats / image)"}, "rangemode": "tozero"},
        "yaxis2": GRID
        | {
            "domain": [0, 0.45],
            "title": {"text": "variance of μ"},
            "type": "log",
            "range": [np.log10(low), np.log10(max(2 * float(variance_of_mean.max()), 10 * threshold))],
            "exponentformat": "power",
        },
        "shapes": [line | {"line": {"dash": "dot", "width": 2, "color": NEUTRAL}}],
        "annotations": [
            note | {"y": np.log10(threshold), "yref": "y2", "yanchor": "bottom", "font": {"size": 12, "color": "#333"}}
        ],
    }
    return go.Figure({"data": [bars(kl, "y", "KL"), bars(variance_of_mean, "y2", "variance of μ")], "layout": layout})


def kl_area(mu: float, std: float, other_mu: float, other_std: float) -> go.Figure:
    """q = N(μ, σ²), p = N(m, s²), and below them q·log(q/p), whose area is KL(q ‖ p)."""
    x = np.linspace(mu - INTEGRATED_OVER * std, mu + INTEGRATED_OVER * std, 801)
    q = normal_density(x, mu, std)
    log_ratio = np.log(other_std / std) - 0.5 * ((x - mu) / std) ** 2 + 0.5 * ((x - other_mu) / other_std) ** 2
    integrand = q * log_ratio
    across = np.linspace(min(mu - 4 * std, other_mu - 4 * other_std), max(mu + 4 * std, other_mu + 4 * other_std), 400)

    def line(at: np.ndarray, y: np.ndarray, axis: str, colour: str, name: str, **more: Any) -> dict[str, Any]:
        return {
            "type": "scatter",
            "x": at.astype(np.float32),
            "y": y.astype(np.float32),
            "yaxis": axis,
            "mode": "lines",
            "line": {"color": colour, "width": 2},
            "name": name,
            "hoverinfo": "skip",
        } | more

    hatched = {"fillpattern": {"shape": "/"}}
    data = [
        line(across, normal_density(across, mu, std), "y", VARIANT_COLOURS["vae"], "q"),
        line(across, normal_density(across, other_mu, other_std), "y", NEUTRAL, "p"),
        line(x, np.maximum(integrand, 0), "y2", TERM_COLOURS["kl"], "adds to the KL", fill="tozeroy"),
        line(x, np.minimum(integrand, 0), "y2", TERM_COLOURS["kl"], "subtracts from the KL", fill="tozeroy", **hatched),
    ]
    layout = BARE | {
        "height": 360,
        "showlegend": True,
        "legend": {"orientation": "h", "y": 1.12, "x": 0},
        "uirevision": "area",
        "xaxis": GRID | {"range": [float(across[0]), float(across[-1])], "anchor": "y2"},
        "yaxis": GRID | {"domain": [0.55, 1], "title": {"text": "density"}},
        "yaxis2": GRID | {"domain": [0, 0.45], "title": {"text": "q · log(q/p)"}},
    }
    return go.Figure({"data": data, "layout": layout})
