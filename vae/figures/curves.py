"""Loss terms per epoch, one figure per variant: reconstruction above, KL below, never summed by the eye."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from .style import BARE, GRID, NEUTRAL, VARIANT_COLOURS, VARIANT_TITLES

UNITS = {"bce": "nats / image", "sse": "squared error / image"}
KL_UNIT = "nats / image"
HEIGHT = 330


def shared_ranges(history: pd.DataFrame, floor: float) -> dict[str, tuple[float, float]]:
    """One y range per term for all variants, so that two figures side by side can be compared by eye.

    The first, untrained epoch may tower over the rest; it is cut off at 1.25 × the mean-image line.
    """
    ranges = {}
    for term in ("reconstruction", "kl"):
        values = history[term].dropna().astype(float)
        top = max(values.max(), 1e-9) if len(values) else 1.0
        ranges[term] = (0.0, 1.08 * top)
    recon = history["reconstruction"].astype(float)
    if len(recon):
        low = min(recon.min(), floor)
        high = max(min(recon.max(), 1.25 * floor), 1.05 * floor)
        ranges["reconstruction"] = (max(0.0, low - 0.12 * (high - low)), high + 0.04 * (high - low))
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
    figure = make_subplots(rows=2, cols=1, shared_xaxes=True, row_heights=[0.64, 0.36], vertical_spacing=0.09)
    for row, term, unit in ((1, "reconstruction", UNITS[reconstruction]), (2, "kl", KL_UNIT)):
        drawn = rows[rows[term].notna()]
        _line(figure, row, drawn["epoch"], drawn[term], variant, f"{term} ({unit})")
    figure.add_hline(y=floor, line={"dash": "dot", "width": 1.5, "color": NEUTRAL}, row=1, col=1)
    figure.add_annotation(
        text="mean image",
        x=1,
        y=floor,
        xref="x domain",
        yref="y",
        showarrow=False,
        xanchor="right",
        yanchor="bottom",
        font={"size": 12, "color": NEUTRAL},
    )
    if not rows["kl"].notna().any():
        text = "no log-variance, so no KL" if len(rows) else ""
        figure.add_annotation(
            text=text, x=0.5, y=0.5, xref="x2 domain", yref="y2 domain", showarrow=False, font={"color": NEUTRAL}
        )
    if epoch is not None:
        figure.add_vline(x=epoch, line={"width": 1, "color": NEUTRAL})
    figure.update_xaxes(range=[-0.02 * epochs, 1.02 * epochs], **GRID)
    figure.update_xaxes(title_text="epoch", row=2, col=1)
    figure.update_yaxes(**GRID, nticks=5)
    titles = (("reconstruction", f"Reconstruction<br>({UNITS[reconstruction]})"), ("kl", f"KL<br>({KL_UNIT})"))
    for row, (term, title) in enumerate(titles, start=1):
        figure.update_yaxes(title={"text": title, "font": {"size": 12}}, range=ranges[term], row=row, col=1)
    figure.update_layout(**BARE, height=HEIGHT, uirevision="curves", hovermode="x unified")
    return figure


def _line(figure: go.Figure, row: int, x: Sequence, y: Sequence, variant: str, name: str) -> None:
    figure.add_trace(
        go.Scatter(
            x=x,
            y=y,
            mode="lines+markers" if len(x) < 15 else "lines",
            line={"color": VARIANT_COLOURS[variant], "width": 2.5},
            name=f"{VARIANT_TITLES[variant]}: {name}",
            hovertemplate="%{y:.3f}<extra></extra>",
        ),
        row=row,
        col=1,
    )
