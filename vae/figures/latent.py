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
    figure = go.Figure(
        go.Scatter(
            x=x,
            y=y,
            mode="markers",
            marker={
                "color": [CLASS_COLOURS[label % len(CLASS_COLOURS)] for label in labels],
                "size": 6 if len(x) > 400 else 7.5,
                "opacity": 0.8,
                "line": {"width": 0},
            },
            customdata=names[labels],
            hovertemplate="class %{customdata}<br>(%{x:.2f}, %{y:.2f})<extra></extra>",
        )
    )
    for label in np.unique(labels):
        members = labels == label
        colour = CLASS_COLOURS[label % len(CLASS_COLOURS)]
        figure.add_annotation(
            x=float(np.median(x[members])),
            y=float(np.median(y[members])),
            text=f"<b>{classes[label]}</b>",
            showarrow=False,
            font={"size": 15, "color": "#111"},
            bgcolor="rgba(255,255,255,0.82)",
            bordercolor=colour,
            borderwidth=1.5,
            borderpad=2,
        )
    pca = latent_dim > 2
    figure.update_xaxes(title_text="first direction" if pca else "z₁", **GRID)
    figure.update_yaxes(title_text="class" if latent_dim == 1 else "second direction" if pca else "z₂", **GRID)
    if latent_dim > 1:
        figure.update_yaxes(scaleanchor="x", scaleratio=1)
    figure.update_layout(**BARE, height=HEIGHT, uirevision="latent")
    return figure
