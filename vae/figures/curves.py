"""Loss terms per epoch, one figure per variant: reconstruction above, KL below, never summed by the eye."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from ..choices.likelihoods import LIKELIHOODS
from ..metrics import METRICS
from .style import BARE, GRID, NEUTRAL, VARIANT_COLOURS, VARIANT_TITLES

KL_UNIT = METRICS["kl"].unit or ""
HEIGHT = 330
FEW = 15  # points below which each gets a marker: a line of one point is invisible


def shared_ranges(history: pd.DataFrame, floor: float) -> dict[str, tuple[float, float]]:
    """One y range per term for all variants, so that two figures side by side can be compared by eye.

    The first, untrained epoch may tower over the rest; it is cut off at 1.25 × the mean-image line.
    """
    ranges = {"reconstruction": (0.0, 1.0), "kl": (0.0, 1.0)}  # of empty axes
    reconstruction, kl = history["reconstruction"].astype(float), history["kl"].dropna().astype(float)
    if len(reconstruction):
        low = min(reconstruction.min(), floor)
        high = max(min(reconstruction.max(), 1.25 * floor), 1.05 * floor)
        ranges["reconstruction"] = (max(0.0, low - 0.12 * (high - low)), high + 0.04 * (high - low))
    if len(kl):
        ranges["kl"] = (0.0, 1.08 * max(kl.max(), 1e-9))
    return ranges


def loss_curves(
    history: pd.DataFrame,
    variant: str,
    reconstruction: str,
    floor: float,
    ranges: dict[str, tuple[float, float]],
    epochs: int,
    epoch: int | None = None,
) -> go.Figure:
    """`history`: rows of one split with columns variant, epoch, reconstruction, kl. `floor`: the mean-image line.

    `epoch` marks the epoch that the other pictures show.
    """
    rows = history[history["variant"] == variant]
    unit = LIKELIHOODS[reconstruction].per_image
    with_kl = bool(rows["kl"].notna().any())
    notes = [{"text": "mean image", "x": 1, "y": floor, "xref": "x domain", "yref": "y", "yanchor": "bottom"}]
    notes[0]["xanchor"] = "right"
    if len(rows) and not with_kl:
        notes.append({"text": "no log-variance, so no KL", "x": 0.5, "y": 0.5, "xref": "x domain", "yref": "y2 domain"})
    marks = [_mark(x0=0, x1=1, xref="x domain", y0=floor, y1=floor, yref="y", dash="dot")]
    if epoch is not None:
        marks.append(_mark(x0=epoch, x1=epoch, xref="x", y0=0, y1=1, yref="paper", dash="solid"))
    # One dict, one pass of validation: building it with update_… calls takes six times as long, at every poll.
    layout = BARE | {
        "height": HEIGHT,
        "uirevision": "curves",
        "hovermode": "x unified",
        "xaxis": GRID | {"range": [-0.02 * epochs, 1.02 * epochs], "title": {"text": "epoch"}, "anchor": "y2"},
        "yaxis": _y_axis(f"Reconstruction<br>({unit})", ranges["reconstruction"], (0.42, 1.0)),
        "yaxis2": _y_axis(f"KL<br>({KL_UNIT})", ranges["kl"], (0.0, 0.33)),
        "annotations": [{"showarrow": False, "font": {"size": 12, "color": NEUTRAL}} | note for note in notes],
        "shapes": marks,
    }
    lines = [_line(rows, "reconstruction", unit, "y", variant), _line(rows, "kl", KL_UNIT, "y2", variant)]
    return go.Figure({"data": lines, "layout": layout})


def _y_axis(title: str, limits: tuple[float, float], domain: tuple[float, float]) -> dict[str, Any]:
    return GRID | {"title": {"text": title, "font": {"size": 12}}, "range": limits, "domain": domain, "nticks": 5}


def _mark(dash: str, **ends: Any) -> dict[str, Any]:
    return {"type": "line", "line": {"dash": dash, "width": 1.5, "color": NEUTRAL}} | ends


def _line(rows: pd.DataFrame, term: str, unit: str, axis: str, variant: str) -> dict[str, Any]:
    present = rows[rows[term].notna()]
    return {
        "type": "scatter",
        "x": present["epoch"].to_numpy(dtype=np.int32),
        "y": present[term].to_numpy(dtype=np.float32),
        "yaxis": axis,
        "mode": "lines+markers" if len(present) < FEW else "lines",
        "line": {"color": VARIANT_COLOURS[variant], "width": 2.5},
        "name": f"{VARIANT_TITLES[variant]}: {term} ({unit})",
        "hovertemplate": "%{y:.3f}<extra></extra>",
    }
