"""Results of sweeps: a measure against a setting, and Optuna's own plots in our dress."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from .style import BARE, DASHES, GRID, NEUTRAL, VALUE_COLOURS, VARIANT_COLOURS, VARIANT_SYMBOLS, VARIANT_TITLES

BAND = 0.16  # opacity of an interval


def pca_line(errors: Mapping[str, float]) -> dict[str, Any]:
    """The squared error of PCA by the size of the code, as the axis writes it: no model, so no model's colour."""
    return {
        "type": "scatter",
        "x": list(errors),
        "y": list(errors.values()),
        "mode": "lines",
        "line": {"color": NEUTRAL, "width": 2, "dash": "dash"},
        "name": "PCA",
        "hovertemplate": "%{y:.4g}",
    }


def against(
    bands: pd.DataFrame,
    setting: str,
    title: str,
    measure: str,
    others: Mapping[str, str] | None = None,
    pca: Mapping[int, float] | None = None,
) -> go.Figure:
    """`bands`: columns variant, `setting`, *others, mean, low, high, seeds; one line per variant and others.

    `others`: the other settings' columns → their titles. `pca`: where the setting is the size of the code, what PCA
    loses with as many numbers.

    Values of the setting stand evenly beside each other, in their order: they are the ones that were asked for.
    """
    others = others or {}
    values = _in_order(bands[setting])
    lines: list[dict[str, Any]] = []
    combinations = list(bands[list(others)].drop_duplicates().itertuples(index=False)) if others else [()]
    for number, combination in enumerate(combinations):
        named = dict(zip(others, combination, strict=True))
        rows = bands.loc[np.logical_and.reduce([np.ones(len(bands), bool), *(bands[k] == v for k, v in named.items())])]
        label = ", ".join(f"{others[name]} {_text(value)}" for name, value in named.items())
        for variant in [name for name in VARIANT_COLOURS if name in set(rows["variant"])]:
            mine = rows[rows["variant"] == variant].set_index(setting)
            mine = mine.loc[[value for value in values if value in mine.index]]
            lines += _line_with_band(mine, variant, DASHES[number % len(DASHES)], label)
    if pca:
        lines.append(pca_line({_text(value): pca[int(value)] for value in values if int(value) in pca}))
    layout = BARE | {
        "height": 420,
        "uirevision": f"{setting}.{measure}",
        "hovermode": "x unified",
        "showlegend": True,
        "legend": {"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
        "margin": {"l": 8, "r": 16, "t": 36, "b": 8},
        "xaxis": GRID
        | {
            "type": "category",
            "categoryorder": "array",
            "categoryarray": [_text(value) for value in values],
            "title": {"text": title},
        },
        "yaxis": GRID | {"title": {"text": measure}},
    }
    return go.Figure({"data": lines, "layout": layout})


def _line_with_band(rows: pd.DataFrame, variant: str, dash: str, label: str) -> list[dict[str, Any]]:
    colour, name = VARIANT_COLOURS[variant], ", ".join(filter(None, [VARIANT_TITLES[variant], label]))
    x = [_text(value) for value in rows.index]
    line = {
        "type": "scatter",
        "x": x,
        "y": rows["mean"].to_numpy(dtype=np.float64),
        "mode": "lines+markers",
        "line": {"color": colour, "width": 2.5, "dash": dash},
        "marker": {"size": 9, "color": colour, "symbol": VARIANT_SYMBOLS[variant]},
        "name": name,
        "customdata": rows[["low", "high", "seeds"]].to_numpy(dtype=np.float64),
        "hovertemplate": "%{y:.4g} (%{customdata[0]:.4g} to %{customdata[1]:.4g}, %{customdata[2]:.0f} seeds)",
    }
    known = rows.dropna(subset=["low", "high"])
    if known.empty:
        return [line]
    there = [_text(value) for value in known.index]
    band = {
        "type": "scatter",
        "x": [*there, *reversed(there)],
        "y": np.concatenate([known["high"].to_numpy(np.float64), known["low"].to_numpy(np.float64)[::-1]]),
        "fill": "toself",
        "fillcolor": colour,
        "opacity": BAND,
        "mode": "none",
        "hoverinfo": "skip",
        "showlegend": False,
        "name": name,
    }
    return [band, line]


def drawn_points(points: pd.DataFrame, setting: str, title: str, measure: str, log: bool) -> go.Figure:
    """Points that were drawn from a range: columns variant, `setting`, mean; a dot for each."""
    dots = [
        {
            "type": "scatter",
            "x": rows[setting].to_numpy(),
            "y": rows["mean"].to_numpy(dtype=np.float64),
            "mode": "markers",
            "marker": {
                "size": 9,
                "color": VARIANT_COLOURS[variant],
                "symbol": VARIANT_SYMBOLS[variant],
                "opacity": 0.8,
            },
            "name": VARIANT_TITLES[variant],
            "hovertemplate": f"{title} %{{x}}<br>%{{y:.4g}}",
        }
        for variant, rows in points.groupby("variant", sort=False)
    ]
    layout = BARE | {
        "height": 420,
        "uirevision": f"{setting}.{measure}",
        "showlegend": True,
        "legend": {"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
        "margin": {"l": 8, "r": 16, "t": 36, "b": 8},
        "xaxis": GRID | {"type": "log" if log else None, "title": {"text": title}},
        "yaxis": GRID | {"title": {"text": measure}},
    }
    return go.Figure({"data": dots, "layout": layout})


def dressed(figure: go.Figure, titles: Mapping[str, str] | None = None, height: int = 420) -> go.Figure:
    """One of Optuna's figures without its own background, title and margins; `titles` are people's names of settings.

    Optuna's colours fade to white, which a light page hides: here they run between two that both pages show.
    """
    figure.update_layout(
        title=None,
        height=height,
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        margin={"l": 60, "r": 30, "t": 40, "b": 50},
        template="none",
    )
    figure.update_traces(line_colorscale=VALUE_COLOURS, selector={"type": "parcoords"})
    figure.update_traces(marker_colorscale=VALUE_COLOURS, selector={"type": "scatter", "mode": "markers"})
    _rename(figure, titles or {})
    figure.update_traces(opacity=1, line_width=2.5, selector={"type": "scatter", "mode": "lines"})  # legible on black
    figure.update_annotations(font={"color": NEUTRAL, "size": 12})
    figure.update_xaxes(gridcolor=GRID["gridcolor"], zeroline=False, automargin=True)
    figure.update_yaxes(gridcolor=GRID["gridcolor"], zeroline=False, automargin=True)
    return figure


def _rename(figure: go.Figure, titles: Mapping[str, str]) -> None:
    """Settings under people's names, wherever Optuna writes a field's."""
    figure.for_each_xaxis(lambda axis: axis.update(title_text=titles.get(axis.title.text, axis.title.text)))
    figure.for_each_yaxis(lambda axis: axis.update(title_text=titles.get(axis.title.text, axis.title.text)))
    for trace in figure.data:
        if trace.type == "parcoords":
            for dimension in trace.dimensions:
                dimension.label = titles.get(dimension.label, dimension.label)
        elif trace.type == "bar" and trace.y is not None:
            trace.y = [titles.get(name, name) for name in trace.y]


def _in_order(values: pd.Series) -> list[Any]:
    unique = list(values.drop_duplicates())
    return sorted(unique) if all(isinstance(value, int | float | np.number) for value in unique) else unique


def _text(value: Any) -> str:
    return f"{value:g}" if isinstance(value, int | float | np.number) else str(value) or "none"
