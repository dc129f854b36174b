"""Gradients of a trained run's encoder: where they pass, and how noisy each estimator of them is."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pandas as pd
import streamlit as st

from pages.components.figure import figure
from pages.shared.csv_button import csv
from pages.shared.on_request import on_request
from pages.shared.predict import questions
from pages.state import loaded_models, resources
from vae.choices.networks import NORMALISATIONS
from vae.config import RunConfig
from vae.figures.trick import ESTIMATOR_TITLES, legend, lines_by_estimator
from vae.store.runs import Run

BATCH = 32  # images: gradients.BATCH, whose module would bring torch along


def images(run: Run) -> int:
    """How many images the gradients are measured on: a run may hold fewer."""
    return min(BATCH, len(loaded_models.watched(run.id).x))


def as_measured(config: RunConfig) -> str:
    """How gradients here are computed, beside how they were in training."""
    off = ["no dropout"] if config.dropout else []
    off += ["running statistics of the batches"] if NORMALISATIONS[config.normalisation].couples else []
    return f" as in measuring: with {' and '.join(off)}, unlike in training" if off else " as in training"


@st.cache_data(max_entries=60, show_spinner=False)
def gradient_norms(run_id: str, epoch: int, estimator: str) -> pd.DataFrame:
    """`gradients.gradient_norms` on the first watched images."""
    from vae.measuring import gradient_norms_of

    return gradient_norms_of(resources.store(), resources.run(run_id), epoch, resources.settings(), estimator)


def before(run: Run, epoch: int, show: Callable[[], None]) -> bool:
    """Ask by which estimators a gradient reaches the encoder, in the place of what shows it; whether it was shown."""
    return questions.before("claim 11", show, partial(_reaching, run.id, epoch), run.config)


def _reaching(run_id: str, epoch: int) -> dict[str, float]:
    """The norm of the reconstruction's gradient with respect to the encoder's weights, by estimator."""
    tables = {name: gradient_norms(run_id, epoch, name).set_index("place") for name in ESTIMATOR_TITLES}
    return {name: float(table.loc["encoder_weights", "reconstruction"]) for name, table in tables.items()}


def quality(run: Run, epoch: int) -> None:
    """Asked for by a button, because it takes seconds; kept afterwards."""
    on_request(
        "gradients",
        run,
        epoch,
        "With the weights of this epoch, estimate the same gradient again and again by each estimator, and compare "
        "with the mean of thousands of pathwise samples.",
        "Measure the estimators",
        lambda table: _after_the_question(run, epoch, table),
    )


def _after_the_question(run: Run, epoch: int, table: pd.DataFrame) -> None:
    before(run, epoch, partial(_compared, run, epoch, table))


def _compared(run: Run, epoch: int, table: pd.DataFrame) -> None:
    st.html(f"<div>{legend([estimator for estimator in ESTIMATOR_TITLES if estimator in set(table['way'])])}</div>")
    for column, (y, title, spread, log_y) in zip(
        st.columns(2),
        (
            ("variance", "variance of an estimate, summed over weights", None, True),
            ("cosine", "cosine to the reference", "cosine_std", False),
        ),
        strict=True,
    ):
        with column:
            drawing = lines_by_estimator(table, "samples", y, ("samples per image", title), spread=spread, log_y=log_y)
            figure(drawing, key=f"quality.{y}", alt=f"{title} against samples")
    st.dataframe(_one_sample(table), width="stretch")
    repeats = int(table["repeats"].iloc[0])
    st.caption(
        f"The reconstruction's gradient with respect to all encoder weights, on {images(run)} images, {repeats} "
        "estimates of each kind. Bias: how far the mean of all estimates is from the reference; beside it, what it "
        "would be by chance alone. Signal to noise: |reference| / √variance. Bars on the cosine: standard deviation "
        "over estimates."
    )
    _notice(table)
    csv(lambda: table, f"gradients-{run.id}-epoch-{epoch}")


def _one_sample(table: pd.DataFrame) -> pd.DataFrame:
    """The fewest samples of each estimator."""
    rows = {}
    for estimator, title in ESTIMATOR_TITLES.items():
        of_one = table[table["way"] == estimator].sort_values("samples")
        if of_one.empty:
            continue
        first = of_one.iloc[0]
        rows[title] = {
            "Samples": int(first["samples"]),
            "Bias": f"{first['bias']:.3g}",
            "by chance": f"{first['standard_error']:.3g}",
            "Variance": f"{first['variance']:.3g}",
            "Signal to noise": "–" if pd.isna(first["snr"]) else f"{first['snr']:.3g}",
            "Cosine": "–" if pd.isna(first["cosine"]) else f"{first['cosine']:.2f} ± {first['cosine_std']:.2f}",
        }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("Estimator")


def _notice(table: pd.DataFrame) -> None:
    """How many samples of the score function buy what one of the trick gives: variances fall as 1 / samples."""
    per_sample = (table["variance"] * table["samples"]).groupby(table["way"]).mean()
    if per_sample["pathwise"] == 0:
        st.markdown("**What to notice.** The decoder answers every code alike, so there is no gradient to estimate.")
        return
    said = [
        f"{ESTIMATOR_TITLES[estimator]}: about {per_sample[estimator] / per_sample['pathwise']:,.0f} samples"
        for estimator in ("score_function", "score_function_loo")
        if estimator in per_sample
    ]
    detached = table[table["way"] == "detached"]
    zero = " The detached gradient is exactly 0." if len(detached) and (detached["gradient"] == 0).all() else ""
    st.markdown(
        f"**What to notice.** In this one run, to know as much as one pathwise sample tells: {'; '.join(said)}.{zero}"
    )
