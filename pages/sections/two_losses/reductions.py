"""Sum or mean? Averages instead of sums are another β."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import pandas as pd
import streamlit as st

from pages.components.lazy_tabs import open_tab
from pages.shared import run_picker, similar_runs
from pages.shared.predict import questions
from pages.shared.which_images import tested
from pages.stage.run_panel import BADGES
from pages.state import resources
from pages.text.escape_markdown import escape_markdown
from vae.config import PRESETS, RunConfig
from vae.store.runs import Run

from . import loss_terms

COLLAPSE = PRESETS["collapse"].config
POLL = 0.5
SUM, MEAN = "sum", "mean"
AVERAGED, SUMMED = "Averages", "Sums"


def sum_or_mean() -> None:
    """A converter, and a button that trains a VAE that fails by averaging, and the same one summed."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        pixels = st.number_input("Pixels P", 1, 100_000, 784, key="trap.pixels", width=130)
        latent_dim = st.number_input("Dimensions D", 1, 512, 32, key="trap.latent_dim", width=150)
        beta = st.number_input("β in your code", 0.0, 1000.0, 1.0, 0.5, key="trap.beta", width=130, format="%g")
        over_pixels = st.segmented_control(
            "Over pixels", (SUM, MEAN), default=MEAN, required=True, key="trap.over_pixels"
        )
        over_dimensions = st.segmented_control(
            "Over dimensions", (SUM, MEAN), default=MEAN, required=True, key="trap.over_dimensions"
        )
    from vae.analysis.objectives import effective_beta

    effective = effective_beta(beta, pixels, latent_dim, over_pixels == MEAN, over_dimensions == MEAN)
    st.latex(
        r"\beta_{\text{effective}} = \beta \cdot "
        + (r"P" if over_pixels == MEAN else "1")
        + r" / "
        + (r"D" if over_dimensions == MEAN else "1")
        + rf" = {effective:.4g}"
    )
    st.markdown(
        f"The {over_pixels} over {pixels:,} pixels and the {over_dimensions} over {latent_dim} dimensions have the "
        f"same minimum as both sums with **β = {effective:.4g}**."
    )
    st.caption(
        "Sum over pixels and over dimensions, mean over images: only then does β = 1 give −ELBO. Whether the code "
        "collapses at some β depends on the data and the network: train and see."
    )
    _train_both()


def both_configs() -> dict[str, RunConfig]:
    """The VAE that fails and the fixed one, on MNIST, or on the digits where MNIST isn't here."""
    config = COLLAPSE
    if not resources.dataset(config.dataset).available(resources.settings().data_dir):
        _, height, width = resources.dataset("digits").shape
        shared = {"dataset": "digits", "validation_size": 200, "hidden": (128,), "epochs": 30}
        config = config.model_copy(update=shared | {"beta": height * width / config.latent_dim})
    return {AVERAGED: config, SUMMED: config.model_copy(update={"beta": 1.0})}


def _train_both() -> None:
    configs = both_configs()
    found = similar_runs.found(configs)
    if len(found) < len(configs):
        averaged = configs[AVERAGED]
        st.markdown(
            f"On {escape_markdown(resources.dataset(averaged.dataset).title)} with a {averaged.latent_dim}-D code: "
            f"averaging has the effect of β = {averaged.beta:g}; summing keeps β = 1."
        )
        similar_runs.offer("Train a failing VAE and the fixed one", configs)
    if found:
        active = any(run.active for run in found.values())
        st.fragment(_outcome, run_every=POLL if active else None)(active)


def _outcome(was_active: bool) -> None:
    """Status and test numbers of both, after a prediction once there are some."""
    current = {title: resources.progress(run.id) for title, run in similar_runs.found(both_configs()).items()}
    if was_active and not any(run.active for run, _ in current.values()):
        st.rerun()
    show = partial(_rows, current)
    averaged = _ended(*current[AVERAGED]) if AVERAGED in current else None
    if was_active or averaged is None:
        show()
        return
    config = both_configs()[AVERAGED]
    counts = int(averaged["active_units"]), config.latent_dim
    questions.before("reduction", show, lambda: counts, config, {"latent_dim": config.latent_dim})


def _ended(run: Run, history: pd.DataFrame) -> pd.Series | None:
    """The VAE's numbers on the test images; None before it has ended."""
    rows = history[(history["variant"] == "vae") & (history["split"] == "test")]
    return None if rows.empty else rows.iloc[0]


def _rows(current: Mapping[str, tuple[Run, pd.DataFrame]]) -> None:
    for title, (run, history) in current.items():
        icon, colour = BADGES[run.status]
        with st.container(horizontal=True, vertical_alignment="center"):
            st.badge(run.status, icon=icon, color=colour)
            text = f"**{title}**, β = {run.config.beta:g}"
            if (row := _ended(run, history)) is not None:
                floor = run.data["floor"]["test"]["mse"]
                text += (
                    f": KL **{row['kl']:.4f}** nats, **{int(row['active_units'])}** of {run.config.latent_dim} "
                    f"dimensions active, MSE {row['mse_from_sample']:.4f} from a sample (mean image {floor:.4f}); "
                    f"{tested(run)}"
                )
            elif run.active:
                text += f": epoch {max(run.epoch, 0)} of {run.config.epochs}"
            st.markdown(text)
            if run.epoch >= 0 and st.button("Look at it", key=f"trap.look.{run.id}"):
                run_picker.select(run.id)
                open_tab(loss_terms.TABS, loss_terms.FIRST_TAB)
                st.rerun(scope="app")
