"""The K-sample bound: what more samples do to the bound, and to the encoder's gradient."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from pages.components.figure import figure
from pages.sections.the_trick import encoder_gradients
from pages.shared.csv_button import csv
from pages.shared.on_request import on_request
from pages.text.terms import explain
from vae.analysis.sentences import conclusion
from vae.choices.estimators import bound_estimators
from vae.choices.likelihoods import LIKELIHOODS
from vae.figures.estimator_comparison import signal_to_noise
from vae.store.runs import Run

LEAST_POINTS = 3  # of a trend: two make a line whatever they are


def signal(run: Run, epoch: int) -> None:
    """Asked for by a button, because it takes seconds; kept afterwards."""
    st.latex(
        r"\mathcal{L}_K = -\log \tfrac1K \sum_{k=1}^K w_k, \quad "
        r"w_k = \tfrac{p(x|z_k)\,p(z_k)}{q(z_k|x)}, \quad \tilde w_k = \tfrac{w_k}{\sum_j w_j}"
    )
    explain("K-sample bound", "IWAE", "DReG", "signal to noise")
    on_request(
        "signal",
        run,
        epoch,
        "With more samples per image the bound on the evidence becomes tighter. Is the encoder's gradient then better, "
        "too? With the weights of this epoch, estimate the gradient of the bound again and again for each K.",
        "Measure signal to noise",
        lambda table: _against_k(run, epoch, table),
    )


def _against_k(run: Run, epoch: int, table: pd.DataFrame) -> None:
    figure(signal_to_noise(table), key="signal", alt="Signal to noise of the encoder's gradient against K")
    first = table.iloc[0]
    st.dataframe(_cells(table, LIKELIHOODS[run.config.reconstruction].per_image), width="stretch")
    st.caption(
        f"Gradient of the bound (β = 1) with respect to the encoder's weights, on {encoder_gradients.images(run)} "
        f"images, {int(first['repeats'])} estimates for each K. Signal to noise: |mean| / standard deviation of a "
        f"weight's gradient, root mean square over {int(first['weights']):,} weights, less what noise alone gives; "
        "intervals are 95 % over estimates. Median: over weights, nothing taken off. Weights whose gradient is always "
        "0 are left out."
    )
    st.markdown(f"**What to notice.** {notice(table, LIKELIHOODS[run.config.reconstruction].per_image)}")
    csv(lambda: table, f"signal-{run.id}-epoch-{epoch}")


def notice(table: pd.DataFrame, unit: str) -> str:
    """How signal to noise changed with K for each estimator, what theory says, and how the bound changed."""
    said = [_direction(entry.short, table[table["way"] == way]) for way, entry in bound_estimators().items()]
    of_one = table[table["way"] == table["way"].iloc[0]].sort_values("samples")
    low, high = of_one.iloc[0], of_one.iloc[-1]
    ends = (
        f"The bound itself is {low['bound']:.2f} {unit} at K = {low['samples']} and {high['bound']:.2f} at "
        f"K = {high['samples']}."
    )
    theory = (
        "Theory speaks of large K alone: there IWAE's falls as K^−0.5 (Rainforth et al. 2018), DReG's does not fall "
        "(Tucker et al. 2018)."
    )
    return " ".join(["In this one run:", *filter(None, said), theory, ends, conclusion(1)])


def _direction(name: str, rows: pd.DataFrame) -> str:
    """One estimator's sentence: rises, falls or neither, as the interval of the slope says."""
    clear = rows[rows["clear"].astype(bool)].sort_values("samples")
    if rows.empty:
        return ""
    if len(clear) < LEAST_POINTS:
        return f"{name}'s signal is too weak to tell from noise with so few estimates."
    first, last = clear.iloc[0], clear.iloc[-1]
    low, high = first["slope_low"], first["slope_high"]
    word = "falls" if high < 0 else "rises" if low > 0 else "shows no clear trend"
    slope, low, high = (f"{value:.2f}".replace("-", "−") for value in (first["slope"], low, high))
    lost = "" if len(clear) == len(rows) else " (other K have too little signal)"
    return (
        f"{name}'s signal to noise {word}: {first['snr']:.3g} at K = {first['samples']}, {last['snr']:.3g} at "
        f"K = {last['samples']}{lost}, overall as K^{slope} (95 % interval {low} to {high})."
    )


def _cells(table: pd.DataFrame, unit: str) -> pd.DataFrame:
    rows = {}
    for count, of_count in table.groupby("samples"):
        cells = {}
        for way, entry in bound_estimators().items():
            found = of_count[of_count["way"] == way]
            if found.empty:
                continue
            row = found.iloc[0]
            interval = f" ({row['low']:.3g} to {row['high']:.3g})" if row["clear"] else ""
            cells[entry.short] = "–" if pd.isna(row["snr"]) else f"{row['snr']:.3g}{interval}"
            cells[f"{entry.short}, median"] = "–" if pd.isna(row["median"]) else f"{row['median']:.3g}"
        bound, error = of_count["bound"].iloc[0], of_count["bound_error"].iloc[0]
        rows[count] = cells | {f"Bound ({unit})": f"{bound:.2f} ± {1.96 * error:.2f}"}
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("K")
