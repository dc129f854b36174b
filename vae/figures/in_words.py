"""What a figure shows, in words and numbers: its name for those who can't see it, read off what is drawn."""

from __future__ import annotations

import re
from collections.abc import Sequence
from html import unescape
from typing import Any

import numpy as np
import plotly.graph_objects as go

FEW = 12  # values that are listed one by one; of more, the ends and the extremes are told
SERIES = 10  # described one by one
KINDS = ("scatter", "scattergl", "bar")  # of traces, that are described
NOTHING = 1e-6  # of a line's largest value: what is less is drawn on the axis, and called 0


def in_words(figure: go.Figure) -> str:
    """Axes, then a sentence for each series. Bands, and curves that are there for the eye alone, are left out."""
    traces = [trace for trace in figure.data if _tells(trace, figure.data)]
    said = [sentence for trace in traces[:SERIES] if (sentence := _sentence(trace, figure))]
    if len(traces) > SERIES:
        said.append(f"And {len(traces) - SERIES} more.")
    empty = all(trace.type in KINDS for trace in figure.data) and not said  # of others nothing is known
    return " ".join(filter(None, [_axes(figure), *(["Nothing is drawn yet."] if empty else said)]))


def number(value: Any) -> str:
    """Four digits, with a minus sign that is read as one; text as it is."""
    return value if isinstance(value, str) else f"{float(value):.4g}".replace("-", "−")


def without_markup(text: str | None) -> str:
    """Plotly's markup taken away."""
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", text or ""))).strip()


def _tells(trace: Any, others: Sequence[Any]) -> bool:
    """Whether a trace holds values of its own, and is no band, no second drawing of another one, and not empty."""
    if trace.type not in KINDS or trace.x is None or (trace.type != "bar" and trace.fill == "toself"):
        return False
    lying = trace.type == "bar" and trace.orientation == "h"
    if not np.isfinite(_numbers(trace.x if lying else trace.y)).any():
        return False
    if trace.hoverinfo != "skip" or _texts(trace):
        return True
    twin = any(other.name == trace.name and other.hoverinfo != "skip" for other in others)
    return trace.name is not None and not twin


def _numbers(values: Sequence[Any] | None) -> np.ndarray:
    """As floats, what is missing as nan; nothing where they are names."""
    try:
        return np.asarray(values, dtype=float)
    except (TypeError, ValueError):
        return np.array([])


def _in_order(values: Sequence[Any]) -> bool:
    """Whether they go from left to right, as a line's do; names stand in the order in which they are given."""
    return len(values) < 2 or isinstance(values[0], str) or bool((np.diff(_numbers(values)) > 0).all())


def _texts(trace: Any) -> list[str]:
    """What is written beside each marker of a trace."""
    if trace.type == "bar" or "text" not in (trace.mode or "") or trace.text is None:
        return []
    texts = [without_markup(text) for text in trace.text]
    return texts if any(texts) else []


def _axes(figure: go.Figure) -> str:
    up = " and ".join(title for axis in figure.select_yaxes() if (title := without_markup(axis.title.text)))
    across = without_markup(figure.layout.xaxis.title.text)
    return f"{up} against {across}." if up and across else f"{up or across}." if up or across else ""


def _sentence(trace: Any, figure: go.Figure) -> str:
    upwards = {axis.plotly_name: without_markup(axis.title.text) for axis in figure.select_yaxes()}
    texts = _texts(trace)
    cloud = trace.type != "bar" and trace.mode == "markers" and not _in_order(trace.x)
    name = without_markup(trace.name) or ("" if texts or cloud else upwards.get("yaxis" + (trace.yaxis or "y")[1:], ""))
    if trace.type == "bar":
        told = _bars(trace)
    elif texts:
        pairs = zip(texts, trace.x, trace.y, strict=True)
        told = _listed([f"{text} at ({number(x)}, {number(y)})".strip() for text, x, y in pairs if text])
    elif cloud:
        told = f"{len(trace.x):,} points, across from {_ends(trace.x)}, up from {_ends(trace.y)}"
    else:
        told = _line(trace.x, trace.y)
    return f"{name}: {told}." if name else f"{told}."


def _bars(trace: Any) -> str:
    lying = trace.orientation == "h"
    names, values = (trace.y, trace.x) if lying else (trace.x, trace.y)
    if trace.customdata is not None and len(trace.customdata) == len(names):
        names = [without_markup(name) for name in trace.customdata]
    if len(values) <= FEW:
        pairs = [(without_markup(str(name)), number(value)) for name, value in zip(names, values, strict=True)]
        return _listed([f"{name}: {value}" if lying else f"{value} at {name}" for name, value in pairs])
    most, least = int(np.argmax(values)), int(np.argmin(values))
    return (
        f"{len(values)} bars, highest {number(values[most])} at {names[most]}, "
        f"lowest {number(values[least])} at {names[least]}"
    )


def _line(x: Sequence[Any], y: Sequence[float]) -> str:
    """Where a line begins and ends, and its extremes where they are elsewhere."""
    heights = _numbers(y)
    known = np.isfinite(heights)
    x, heights = np.asarray(x)[known].tolist(), heights[known]
    heights = np.where(np.abs(heights) < NOTHING * np.abs(heights).max(), 0, heights)
    told = [f"{number(heights[0])} at {number(x[0])}"]
    if len(heights) > 1:
        told.append(f"{number(heights[-1])} at {number(x[-1])}")
    ends = {heights[0], heights[-1]}
    for word, place in (("lowest", int(np.argmin(heights))), ("highest", int(np.argmax(heights)))):
        if heights[place] not in ends:
            told.append(f"{word} {number(heights[place])} at {number(x[place])}")
    return ", ".join(told)


def _listed(items: Sequence[str]) -> str:
    rest = f" and {len(items) - FEW} more" if len(items) > FEW else ""
    return ", ".join(items[:FEW]) + rest


def _ends(values: Sequence[Any]) -> str:
    if isinstance(values[0], str):
        return f"{values[0]} to {values[-1]}"
    return f"{number(np.min(values))} to {number(np.max(values))}"
