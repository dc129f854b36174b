"""Codes in the plane, coloured by class."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from .style import BARE, CLASS_COLOURS, GRID

HEIGHT = 380


def plane_title(latent_dim: int, share: float) -> str:
    """What the plane is: the codes themselves, or a slice that says so."""
    if latent_dim == 1:
        return "1-D code (height: class)"
    if latent_dim == 2:
        return "2-D code"
    return f"PCA plane of the {latent_dim}-D code: {share:.0%} of its variance"


def latent_scatter(codes: np.ndarray, labels: np.ndarray, classes: Sequence[str], latent_dim: int) -> go.Figure:
    """`codes` (n, 2), `labels` (n,) indices into `classes`. Equal scales on both axes.

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
            "color": [_colour(label) for label in labels],
            "size": 6 if len(x) > 400 else 7.5,
            "opacity": 0.8,
        },
        "customdata": names[labels],
        "name": "codes",
        "hovertemplate": "class %{customdata}<br>(%{x:.2f}, %{y:.2f})<extra></extra>",
    }
    plates = {  # each cloud's name at its median, so that nothing rests on telling ten hues apart
        "type": "scatter",
        "x": np.array([np.median(x[labels == label]) for label in present], dtype=np.float32),
        "y": np.array([np.median(y[labels == label]) for label in present], dtype=np.float32),
        "mode": "markers+text",
        "text": [f"<b>{names[label]}</b>" for label in present],
        "textfont": {"size": 14, "color": "#111"},
        "marker": {
            "symbol": "square",
            "size": 19,
            "color": "rgba(255,255,255,0.82)",
            "line": {"width": 1.5, "color": [_colour(label) for label in present]},
        },
        "hoverinfo": "skip",
        "name": "median of each class",
    }
    pca = latent_dim > 2
    horizontal = GRID | {"title": {"text": "first direction" if pca else "z₁"}}
    vertical = GRID | {"title": {"text": "class" if latent_dim == 1 else "second direction" if pca else "z₂"}}
    if latent_dim > 1:
        vertical |= {"scaleanchor": "x", "scaleratio": 1}
    layout = BARE | {"height": HEIGHT, "uirevision": "latent", "xaxis": horizontal, "yaxis": vertical}
    return go.Figure({"data": [cloud, plates], "layout": layout})


def _colour(label: int) -> str:
    return CLASS_COLOURS[label % len(CLASS_COLOURS)]
