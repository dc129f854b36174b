"""Runs in one chart: curves with a band over seeds, paired differences, and the plane of rate and distortion."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from . import style
from .style import (
    BARE,
    GRID,
    NEUTRAL,
    SPARSE,
    VARIANT_COLOURS,
    VARIANT_SHORT,
    VARIANT_SYMBOLS,
    VARIANT_TITLES,
    veil,
)

# One for each of the settings on a page, from A to H: told apart without colour, which says the variant.
DASHES = (*style.DASHES, "1px,7px", "14px,3px,3px,3px,3px,3px")
HEIGHT = 340
PLANE_HEIGHT = 350
ROOM = 1.2  # of the last epoch: the axis goes on, for the words at the ends of lines
GAP = 0.055  # between the letters at the ends of lines, in shares of the axis
BAND = 0.16  # opacity of a band
EDGE = 0.93  # where the strip of variants without a rate begins, in shares of the width


def ends_apart(values: Sequence[float], gap: float) -> list[float]:
    """`values` moved up as far as it takes for none to be nearer to another than `gap`, in the order given."""
    moved, last = [0.0] * len(values), -np.inf
    for place in np.argsort(values, kind="stable"):
        last = max(float(values[place]), last + gap)
        moved[place] = last
    return moved


def overlaid(curves: pd.DataFrame, title: str) -> go.Figure:
    """`curves`: columns name (of the settings: a letter), variant, epoch, value, low, high, seeds.

    Colour and marker are the variant, dash the settings; over several seeds the band reaches from `low` to `high`.
    """
    lines: list[dict[str, Any]] = []
    ends: list[tuple[float, float, str, str]] = []
    names = sorted(set(curves["name"]))
    for variant in [name for name in VARIANT_COLOURS if name in set(curves["variant"])]:
        for name in names:
            rows = curves[(curves["variant"] == variant) & (curves["name"] == name)].sort_values("epoch")
            if rows.empty:
                continue
            colour, x = VARIANT_COLOURS[variant], rows["epoch"].to_numpy(dtype=np.int32)
            if rows["seeds"].max() > 1:
                lines.append(_band(x, rows["low"], rows["high"], colour))
            line = _line(x, rows["value"], variant) | {
                "line": {"color": colour, "width": 2.5, "dash": dash_of(name)},
                "hovertemplate": f"{name} {VARIANT_TITLES[variant]}: %{{y:.4g}}<extra></extra>",
                "name": f"{name} {VARIANT_TITLES[variant]}",
            }
            lines.append(line)
            ends.append(
                (float(x[-1]), float(rows["value"].iloc[-1]), f"<b>{name}</b> {VARIANT_SHORT[variant]}", colour)
            )
    low, high = _limits(curves)
    places = ends_apart([end[1] for end in ends], GAP * (high - low))
    notes = [
        {"x": x, "y": y, "text": text, "xanchor": "left", "xshift": 6, "showarrow": False}
        | {"font": {"size": 13, "color": colour}}
        for (x, _, text, colour), y in zip(ends, places, strict=True)
    ]
    last = float(curves["epoch"].max()) if len(curves) else 1.0
    layout = BARE | {
        "height": HEIGHT,
        "hovermode": "x unified",
        "uirevision": title,
        "xaxis": GRID | {"title": {"text": "epoch"}, "range": [0, ROOM * last]},
        "yaxis": GRID | {"title": {"text": title}, "range": [low, max([high, *places]) + 0.02 * (high - low)]},
        "annotations": notes,
    }
    return go.Figure({"data": lines, "layout": layout})


def dash_of(name: str) -> str:
    """The dash of the settings called `name`, a letter from A on."""
    return DASHES[(ord(name) - ord("A")) % len(DASHES)]


def difference_curves(curves: pd.DataFrame, title: str) -> go.Figure:
    """`curves`: columns variant, epoch, mean, low, high: B − A over pairs of seeds, around a line at 0."""
    lines: list[dict[str, Any]] = []
    for variant in [name for name in VARIANT_COLOURS if name in set(curves["variant"])]:
        rows = curves[curves["variant"] == variant].sort_values("epoch")
        colour, x = VARIANT_COLOURS[variant], rows["epoch"].to_numpy(dtype=np.int32)
        if rows["low"].notna().all():
            lines.append(_band(x, rows["low"], rows["high"], colour))
        words = {"hovertemplate": f"{VARIANT_TITLES[variant]}: %{{y:+.4g}}<extra></extra>"}
        lines.append(_line(x, rows["mean"], variant) | words | {"name": VARIANT_TITLES[variant]})
    nought = {"type": "line", "x0": 0, "x1": 1, "xref": "paper", "y0": 0, "y1": 0}
    layout = BARE | {
        "height": 260,
        "hovermode": "x unified",
        "showlegend": True,
        "legend": {"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
        "uirevision": title,
        "xaxis": GRID | {"title": {"text": "epoch"}},
        "yaxis": GRID | {"title": {"text": title}},
        "shapes": [nought | {"line": {"dash": "dot", "width": 1.5, "color": NEUTRAL}}],
    }
    return go.Figure({"data": lines, "layout": layout})


def plane(
    folded: pd.DataFrame, runs: pd.DataFrame, words: Mapping[str, str], letters: Mapping[str, str], unit: str
) -> go.Figure:
    """Rate and distortion of settings, their seeds as small points, the Pareto front as a staircase.

    `folded`: the columns of `comparing.rate_distortion`; `runs`: settings, variant, kl, reconstruction. `words`: what
    the pointer says of settings, as plain text. `letters`: names of those that are chosen. Variants without a rate
    stand in a strip of their own at the right edge.
    """
    data: list[dict[str, Any]] = []
    front = folded[folded["front"]].sort_values(["rate", "distortion"])
    data.append(
        {
            "type": "scatter",
            "x": front["rate"].to_numpy(dtype=np.float32),
            "y": front["distortion"].to_numpy(dtype=np.float32),
            "mode": "lines",
            "line": {"color": NEUTRAL, "width": 2, "dash": "dot", "shape": "hv"},
            "name": "Pareto front",
            "hoverinfo": "skip",
        }
    )
    for variant in [name for name in VARIANT_COLOURS if name in set(folded["variant"])]:
        rows, seeds = folded[folded["variant"] == variant], runs[runs["variant"] == variant]
        seeds = seeds[seeds["settings"].isin(rows.loc[rows["seeds"] > 1, "settings"])]
        data += _cloud(rows, seeds, variant, words, letters)
    has_edge = bool(folded["rate"].isna().any())
    most = float(folded["rate"].max()) if folded["rate"].notna().any() else 1.0
    reach = [-0.025 * most, 1.05 * most or 1.0]  # a code that has died, with a rate of 0, is still whole
    edge = {"domain": [EDGE + 0.02, 1], "range": [-1, 1], "showgrid": False, "zeroline": False, "fixedrange": True}
    layout = BARE | {
        "height": PLANE_HEIGHT,
        "hovermode": "closest",
        "uirevision": "plane",
        "xaxis": GRID
        | {"title": {"text": "rate: KL (nats / image)"}, "range": reach, "domain": [0, EDGE if has_edge else 1]},
        "yaxis": GRID | {"title": {"text": f"distortion: reconstruction ({unit})"}},
    }
    if has_edge:
        layout["xaxis2"] = edge | {"tickvals": [0], "ticktext": ["no rate"], "anchor": "y"}
        line = {
            "type": "line",
            "x0": EDGE + 0.01,
            "x1": EDGE + 0.01,
            "xref": "paper",
            "y0": 0,
            "y1": 1,
            "yref": "paper",
        }
        layout["shapes"] = [line | {"line": {"width": 1, "color": NEUTRAL}}]
    return go.Figure({"data": data, "layout": layout})


def _cloud(
    rows: pd.DataFrame, seeds: pd.DataFrame, variant: str, words: Mapping[str, str], letters: Mapping[str, str]
) -> list[dict[str, Any]]:
    """One variant's settings, and the seeds of those that have several."""
    colour, rated = VARIANT_COLOURS[variant], bool(rows["rate"].notna().any())
    shared = {"type": "scatter", "xaxis": "x" if rated else "x2", "name": VARIANT_TITLES[variant]}
    small = {
        "x": (seeds["kl"] if rated else 0 * seeds["reconstruction"]).to_numpy(dtype=np.float32),
        "y": seeds["reconstruction"].to_numpy(dtype=np.float32),
        "mode": "markers",
        "marker": {"color": colour, "size": 4, "opacity": 0.35},
        "hoverinfo": "skip",
    }
    is_chosen = rows["settings"].isin(letters)
    outline = 2 if VARIANT_SYMBOLS[variant].endswith("-open") else 0.5  # an open marker is nothing else
    said = [
        f"{escape(words[row.settings])}<br>{row.seeds} seed{'' if row.seeds == 1 else 's'}" for row in rows.itertuples()
    ]
    rate = "rate %{x:.3f}, " if rated else ""
    big = {
        "x": (rows["rate"] if rated else 0 * rows["distortion"]).to_numpy(dtype=np.float32),
        "y": rows["distortion"].to_numpy(dtype=np.float32),
        "mode": "markers+text",
        "text": [f"<b>{letters.get(settings, '')}</b>" for settings in rows["settings"]],
        "textposition": "top center",
        "textfont": {"size": 14},
        "marker": {
            "color": colour,
            "symbol": VARIANT_SYMBOLS[variant],
            "size": np.where(is_chosen, 14, 9),
            "opacity": 0.9,
            "line": {"width": np.where(is_chosen, 2.5, outline), "color": NEUTRAL},
        },
        "customdata": said,
        "hovertemplate": f"{VARIANT_TITLES[variant]}: {rate}distortion %{{y:.3f}}<br>%{{customdata}}<extra></extra>",
    }
    return [shared | small, shared | big]


def _line(x: np.ndarray, y: pd.Series, variant: str) -> dict[str, Any]:
    return {
        "type": "scatter",
        "x": x,
        "y": y.to_numpy(dtype=np.float32),
        "mode": "lines+markers",
        "line": {"color": VARIANT_COLOURS[variant], "width": 2.5},
        "marker": {"symbol": VARIANT_SYMBOLS[variant], "size": 7, "maxdisplayed": SPARSE},
    }


def _band(x: np.ndarray, low: pd.Series, high: pd.Series, colour: str) -> dict[str, Any]:
    return {
        "type": "scatter",
        "x": np.concatenate([x, x[::-1]]),
        "y": np.concatenate([high, low.to_numpy()[::-1]]).astype(np.float32),
        "mode": "lines",
        "fill": "toself",
        "fillcolor": veil(colour, BAND),
        "line": {"width": 0},
        "hoverinfo": "skip",
        "showlegend": False,
    }


def _limits(curves: pd.DataFrame) -> tuple[float, float]:
    """What the y axis spans. First epochs tower over the rest: what only the first tenth reaches is cut off."""
    if curves.empty:
        return 0.0, 1.0
    late = curves[curves["epoch"] > 0.1 * curves["epoch"].max()]
    low, high = float(curves["low"].min()), float(late["high"].max())
    room = 0.06 * (high - low) or 0.05 * abs(high) or 1.0
    return low - room, high + room
