"""The reparameterization drawn, and the two estimators' gradients: histograms, and variance against σ and samples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from ..choices.estimators import ESTIMATOR_SETUPS
from .style import ALARM, BARE, ESTIMATOR_COLOURS, GRID, NEUTRAL, VARIANT_COLOURS, veil

ESTIMATOR_TITLES = {name: setup.title for name, setup in ESTIMATOR_SETUPS.items()}
ESTIMATOR_DASHES = {name: setup.dash for name, setup in ESTIMATOR_SETUPS.items()}
DASH_MARKS = {"solid": "───", "dash": "╌╌╌", "dashdot": "─·─", "dot": "·····"}  # in text
BINS = 60
SHARE_SHOWN = 0.99  # share of the estimates that a histogram shows; the rest lies beyond its edges


def normal_density(x: np.ndarray, mean: float, std: float) -> np.ndarray:
    """Of N(mean, std²) at `x`."""
    return np.exp(-0.5 * ((x - mean) / std) ** 2) / (std * np.sqrt(2 * np.pi))


def by_hand(mu: float, logvar: float, eps: float) -> go.Figure:
    """ε on its bell curve above, z = μ + σ·ε on its own below, and the line that takes one to the other."""
    std = float(np.exp(0.5 * logvar))
    z, colour = mu + std * eps, VARIANT_COLOURS["vae"]
    half = max(6.0, abs(mu) + 3.5 * std)
    across, own = np.linspace(-half, half, 300), np.linspace(mu - 5 * std, mu + 5 * std, 300)
    own_peak = float(normal_density(np.array([mu]), mu, std)[0])

    def curve(x: np.ndarray, y: np.ndarray, axis: str, tint: str) -> dict[str, Any]:
        return {
            "type": "scatter",
            "x": x.astype(np.float32),
            "y": y.astype(np.float32),
            "yaxis": axis,
            "fill": "tozeroy",
            "line": {"color": tint, "width": 2},
            "hoverinfo": "skip",
        }

    def dot(x: float, y: float, axis: str, tint: str, label: str) -> dict[str, Any]:
        return {
            "type": "scatter",
            "x": [x],
            "y": [y],
            "yaxis": axis,
            "mode": "markers+text",
            "marker": {"size": 14, "color": tint, "line": {"width": 2, "color": "#fff"}},
            "text": [label],
            "textposition": "top center",
            "hoverinfo": "skip",
        }

    data = [
        curve(across, normal_density(across, 0, 1), "y", NEUTRAL),
        curve(own, normal_density(own, mu, std), "y2", colour),
        dot(eps, float(normal_density(np.array([eps]), 0, 1)[0]), "y", NEUTRAL, f"ε = {eps:.2f}"),
        dot(z, float(normal_density(np.array([z]), mu, std)[0]), "y2", colour, f"z = {z:.2f}"),
    ]
    layout = BARE | {
        "height": 330,
        "uirevision": "by hand",
        "xaxis": GRID | {"range": [-half, half], "anchor": "y2"},
        "yaxis": GRID | {"domain": [0.56, 1], "range": [0, 0.55], "title": {"text": "N(0, 1)"}},
        "yaxis2": GRID | {"domain": [0, 0.44], "range": [0, 1.35 * own_peak], "title": {"text": "N(μ, σ²)"}},
    }
    return go.Figure({"data": data, "layout": layout})


def log_variance(logvar: float) -> go.Figure:
    """σ² = exp(log σ²), positive whatever a network puts out, beside σ² put out raw, which may fall below 0."""
    a = np.linspace(-6, 3, 200)
    colour = VARIANT_COLOURS["vae"]
    lines = [
        {"x": a, "y": np.exp(a), "line": {"color": colour, "width": 2.5}, "name": "σ² = exp(output)"},
        {"x": a, "y": a, "line": {"color": NEUTRAL, "width": 2, "dash": "dash"}, "name": "σ² = output"},
    ]
    here = {
        "type": "scatter",
        "x": [logvar],
        "y": [float(np.exp(logvar))],
        "mode": "markers",
        "marker": {"size": 13, "color": colour, "line": {"width": 2, "color": "#fff"}},
        "hovertemplate": "σ² = %{y:.3f}<extra></extra>",
    }
    forbidden = {"type": "rect", "xref": "paper", "x0": 0, "x1": 1, "y0": -6, "y1": 0, "line": {"width": 0}}
    layout = BARE | {
        "height": 330,
        "uirevision": "log variance",
        "xaxis": GRID | {"title": {"text": "the network's output"}},
        "yaxis": GRID | {"title": {"text": "σ²"}, "range": [-6, 22]},  # exp(3), the slider's end, is 20.1
        "shapes": [forbidden | {"fillcolor": veil(ALARM, 0.10), "layer": "below"}],
        "annotations": [
            _note("no variance is negative", 0.45, -4.2, "paper", "y"),
            _note("σ² = exp(output)", -1.4, 9, "x", "y"),
            _note("σ² = output", -5.6, -1.6, "x", "y"),
        ],
    }
    return go.Figure(
        {"data": [{"type": "scatter", "hoverinfo": "skip"} | line for line in lines] + [here], "layout": layout}
    )


def histograms(
    gradients: Mapping[tuple[str, str], np.ndarray], truth: Mapping[str, float], parameter: str
) -> go.Figure:
    """One-sample estimates of the gradient of `parameter` by both estimators, and the true gradient as a line."""
    samples = {estimator: values for (estimator, name), values in gradients.items() if name == parameter}
    ends = [np.quantile(values, ((1 - SHARE_SHOWN) / 2, (1 + SHARE_SHOWN) / 2)) for values in samples.values()]
    low, high = min(end[0] for end in ends), max(end[1] for end in ends)
    edges = np.linspace(low, high if high > low else low + 1, BINS + 1)
    steps = []
    for estimator, values in samples.items():
        share = np.histogram(values, bins=edges)[0] / len(values)
        steps.append(
            {
                # Filled steps: two paths, where bars would be 120, which take a slider longer to redraw.
                "type": "scatter",
                "mode": "lines",
                "x": ((edges[1:] + edges[:-1]) / 2).astype(np.float32),
                "y": share.astype(np.float32),
                "line": {
                    "color": ESTIMATOR_COLOURS[estimator],
                    "dash": ESTIMATOR_DASHES[estimator],
                    "shape": "hvh",
                    "width": 1.5,
                },
                "fill": "tozeroy",
                "name": ESTIMATOR_TITLES[estimator],
                "hovertemplate": f"{ESTIMATOR_TITLES[estimator]}: %{{y:.1%}}<extra></extra>",
            }
        )
    sign = {"mu": "μ", "sigma": "σ"}[parameter]
    line = {"type": "line", "x0": truth[parameter], "x1": truth[parameter], "y0": 0, "y1": 1, "yref": "paper"}
    layout = BARE | {
        "height": 300,
        "margin": BARE["margin"] | {"t": 24},
        "showlegend": True,
        "legend": {"x": 1, "xanchor": "right", "y": 1},
        "xaxis": GRID | {"title": {"text": f"one-sample estimate of ∂/∂{sign}"}},
        "yaxis": GRID | {"title": {"text": "share"}, "tickformat": ".0%"},
        "shapes": [line | {"line": {"dash": "dot", "width": 2, "color": NEUTRAL}}],
        "annotations": [_note("true", truth[parameter], 1.0, "x", "paper") | {"yanchor": "bottom"}],
    }
    return go.Figure({"data": steps, "layout": layout})


def lines_by_estimator(
    table: pd.DataFrame,
    x: str,
    y: str,
    titles: tuple[str, str],
    *,
    spread: str | None = None,
    known: str | None = None,
    log_y: bool = True,
) -> go.Figure:
    """Columns way, `x`, `y` (and `spread`, a standard deviation): one line per estimator, logarithmic in `x`.

    With a column `known` the measured values are points, and the lines are what is known.
    """
    lines = []
    for estimator in [name for name in ESTIMATOR_COLOURS if name in set(table["way"])]:
        rows = table[(table["way"] == estimator) & table[y].notna()].sort_values(x)
        if log_y:
            rows = rows[rows[y] > 0]
        line = {
            "type": "scatter",
            "x": rows[x].to_numpy(dtype=np.float32),
            "y": rows[y].to_numpy(dtype=np.float32),
            "mode": "markers" if known else "lines+markers",
            "marker": {"color": ESTIMATOR_COLOURS[estimator], "size": 8},
            "line": {"color": ESTIMATOR_COLOURS[estimator], "width": 2.5, "dash": ESTIMATOR_DASHES[estimator]},
            "name": ESTIMATOR_TITLES[estimator],
            "hovertemplate": f"{ESTIMATOR_TITLES[estimator]}: %{{y:.4g}}<extra></extra>",
        }
        if known:
            lines.append(line | {"y": rows[known].to_numpy(dtype=np.float32), "mode": "lines", "hoverinfo": "skip"})
            lines[-1].pop("hovertemplate")
        if spread:
            line["error_y"] = {"type": "data", "array": rows[spread].to_numpy(dtype=np.float32), "thickness": 1}
        lines.append(line)
    layout = BARE | {
        "height": 320,
        "hovermode": "x unified",
        "uirevision": f"{x} {y}",
        "xaxis": GRID | {"type": "log", "title": {"text": titles[0]}},
        "yaxis": GRID | {"title": {"text": titles[1]}, "type": "log" if log_y else "linear", "exponentformat": "power"},
    }
    return go.Figure({"data": lines, "layout": layout})


def legend(estimators: Sequence[str]) -> str:
    """HTML: the estimators' names in their colours, each behind its dash, for figures that share one legend."""
    return " &nbsp; ".join(
        f'<span style="white-space:nowrap;color:{ESTIMATOR_COLOURS[estimator]};font-weight:600">'
        f"{DASH_MARKS[ESTIMATOR_DASHES[estimator]]} {ESTIMATOR_TITLES[estimator]}</span>"
        for estimator in estimators
    )


def _note(text: str, x: float, y: float, xref: str, yref: str) -> dict[str, Any]:
    place = {"text": text, "x": x, "y": y, "xref": xref, "yref": yref, "xanchor": "left", "showarrow": False}
    return place | {"font": {"size": 12, "color": NEUTRAL}}
