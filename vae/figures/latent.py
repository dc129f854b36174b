"""Codes in the plane, coloured by class, with the prior's circles and a scale bar."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go

from .classes import class_colour, class_plates
from .style import BARE, GRID
from .windows import NAME, RINGS, Key, Window, around, by_scale, crowded, extent, rounded_down

HEIGHT = 380
INSET = 0.05  # of the scale bar from the left and from below, as a share of the window's side
MARGIN = {"l": 56, "r": 8, "t": 8, "b": 44}  # fixed: longer numbers on one axis would make that picture smaller

# JavaScript for what shows these figures: one as it looks at a scale. A zoom belongs to the scale it was made in.
IN_SCALE = """
const inScale = ({ data, layout }, scale) => {
  const shown = layout.meta?.scales && (layout.meta.scales[scale] ?? layout.meta.scales.own)
  if (!shown) return { data, layout }
  return {
    data: data.map((trace, i) => ({ ...trace, visible: shown.visible[i] })),
    layout: { ...layout, ...shown.layout, uirevision: layout.uirevision + " " + scale },
  }
}
"""


def prior_of(snapshot: Mapping[str, np.ndarray], latent_dim: int) -> np.ndarray | None:
    """Where the prior's centre lies in the plane of a snapshot, (2,).

    None for a slice that an earlier version recorded, which kept no such place.
    """
    return snapshot.get("prior", np.zeros(2) if latent_dim <= 2 else None)


def side_by_side(snapshots: Mapping[Key, tuple[Mapping[str, np.ndarray], int]]) -> dict[Key, dict[str, Window]]:
    """Windows by scale onto the codes of snapshots, each with the dimensions of its code."""
    return by_scale(
        {
            key: around(extent(snapshot["codes"], prior_of(snapshot, size)))
            for key, (snapshot, size) in snapshots.items()
        }
    )


def plane_title(latent_dim: int, share: float, prior: np.ndarray | None) -> str:
    """What the plane is: the codes themselves, or a slice that says so."""
    if latent_dim == 1:
        return "1-D code (height: class)"
    if latent_dim == 2:
        return "2-D code"
    unknown = " (recorded by an earlier version, without the prior's place)" if prior is None else ""
    return f"PCA plane of the {latent_dim}-D code: {share:.0%} of its variance{unknown}"


def latent_scatter(
    codes: np.ndarray,
    labels: np.ndarray,
    classes: Sequence[str],
    latent_dim: int,
    windows: Mapping[str, Window],
    origin: np.ndarray | None,
) -> go.Figure:
    """`codes` (n, 2), `labels` (n,) indices into `classes`. One unit of code is as long along both axes.

    `windows`: by scale, "own" first; the figure is drawn in its own, and `layout.meta["scales"]` holds what differs in
    each: `layout`, and which traces are `visible`. `origin` (2,): the prior's centre; None where nobody knows it.
    A 1-D code is drawn along x, spread by class along y.
    """
    codes = np.asarray(codes, dtype=np.float32)
    labels = np.asarray(labels, dtype=int)
    x, y = codes[:, 0], codes[:, 1] if latent_dim > 1 else labels.astype(np.float32)
    names = np.asarray(classes, dtype=object)
    present = np.unique(labels)
    cloud = {
        "type": "scatter",
        "x": x,
        "y": y,
        "mode": "markers",
        "marker": {
            "color": [class_colour(label) for label in labels],
            "size": 6 if len(x) > 400 else 7.5,
            "opacity": 0.8,
        },
        "customdata": names[labels],
        "name": "codes",
        "hovertemplate": "class %{customdata}<br>(%{x:.2f}, %{y:.2f})<extra></extra>",
    }
    middles = [[np.median(x[labels == label]), np.median(y[labels == label])] for label in present]
    places = np.array(middles, dtype=np.float32).reshape(-1, 2)
    plates = class_plates(places, present, names)
    scales: dict[str, dict[str, Any]] = {
        scale: {
            "layout": _seen_through(window, origin, latent_dim),
            "visible": [True, latent_dim == 1 or not crowded(places, window)],
        }
        for scale, window in windows.items()
    }
    seen = scales["own"]
    plates["visible"] = seen["visible"][1]
    layout = BARE | {"height": HEIGHT, "margin": MARGIN, "uirevision": "latent", "meta": {"scales": scales}}
    return go.Figure({"data": [cloud, plates], "layout": layout | seen["layout"]})


def _seen_through(window: Window, origin: np.ndarray | None, latent_dim: int) -> dict[str, Any]:
    """Axes, the prior's circles and the scale bar of one window."""
    pca = latent_dim > 2
    fixed = GRID | {"automargin": False, "constrain": "domain"}
    ticks = {"dtick": rounded_down(window.half / 2)}
    horizontal = fixed | ticks | {"title": {"text": "first direction" if pca else "z₁"}, "range": window.span(0)}
    vertical = fixed | {"title": {"text": "class" if latent_dim == 1 else "second direction" if pca else "z₂"}}
    if latent_dim > 1:
        vertical |= ticks | {"scaleanchor": "x", "scaleratio": 1, "range": window.span(1)}
    marks = [*_prior(window, origin, latent_dim), _bar(window, latent_dim)]
    return {
        "xaxis": horizontal,
        "yaxis": vertical,
        "shapes": [shape for shape, _ in marks],
        "annotations": [
            {"showarrow": False, "xref": "x", "yref": shape.get("yref", "y")} | note for shape, note in marks if note
        ],
    }


def _prior(window: Window, origin: np.ndarray | None, latent_dim: int) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """A circle, or on a line a pair of ends, for each of RINGS, and its name; the names of small ones are one."""
    if origin is None:
        return []
    u, v = float(origin[0]), float(origin[1])
    line = {"line": {"width": 1.5, "dash": "dash"}}  # over the codes, which may fill it, in the colour of text
    found = []
    for ring in RINGS:
        if latent_dim == 1:
            shape = {"type": "rect", "x0": u - ring, "x1": u + ring, "yref": "y domain", "y0": 0, "y1": 1}
            line_of_text = 0 if ring == RINGS[-1] else 1
            note = {"x": u + ring, "y": 1, "xanchor": "right", "yanchor": "top", "yshift": -14 * line_of_text}
        else:
            shape = {"type": "circle", "x0": u - ring, "x1": u + ring, "y0": v - ring, "y1": v + ring}
            note = {"x": u, "y": v + ring, "yanchor": "bottom"}
        shape["name"] = f"prior {ring:g}"
        name = f"{ring:g} std" if ring < RINGS[-1] else f"N(0, I), {ring:g} std"
        room = ring == RINGS[-1] or RINGS[-1] - ring > NAME * 2 * window.half
        found.append((line | shape, note | {"text": name, "font": {"size": 11}} if room else {}))
    return found


def _bar(window: Window, latent_dim: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """A line of a round length in the lower left corner, and its words."""
    x = window.span(0)[0] + INSET * 2 * window.half
    y = INSET if latent_dim == 1 else window.span(1)[0] + INSET * 2 * window.half
    ends = {"x0": x, "x1": x + window.bar, "y0": y, "y1": y, "yref": "y domain" if latent_dim == 1 else "y"}
    shape = {"type": "line", "name": "scale bar", "line": {"width": 4}} | ends
    return shape, {"x": x, "y": y, "xanchor": "left", "yanchor": "bottom", "text": bar_words(window.bar)}


def bar_words(length: float) -> str:
    """What a scale bar says: its length in units of the code."""
    return f"{length:g} unit{'' if length == 1 else 's'} of code"
