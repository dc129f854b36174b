"""Linear twins: what theory says must come out, laid over what did."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import pandas as pd
import streamlit as st

from pages.components.figure import figure
from pages.shared import run_picker, similar_runs
from pages.shared.csv_button import csv
from pages.shared.which_images import tested
from pages.state import loaded_models, principal_axes, resources
from pages.state.memory_cache import memory_cached
from pages.text.terms import explain
from vae.config import PRESETS, RunConfig
from vae.figures.closed_forms.linear_twins import codes_and_axes, collapse_line, kl_beside_theory
from vae.figures.style import VARIANT_TITLES
from vae.store.runs import Run
from vae.store.tensor_bytes import unpack

POLL = 0.5
KEY = "linear.beta"
BETAS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 9.0, 10.0, 12.0, 16.0, 20.0)
FEW_IMAGES = 10_000  # below which steps of 50 images are taken
STEPS = 25_000  # that twins of few images are trained for
CLOSE = 0.03  # of a KL; what is not used may cost this many nats
LEAST = 0.02


def twins_of(run: Run, beta: float) -> RunConfig:
    """The run's own config with `beta` if it is linear, or linear twins of the same images and size."""
    from vae.analysis.closed_forms.linear_twins import known

    if known(run.config):
        return run.config.model_copy(update={"beta": beta})
    of_images = ("dataset", "binarisation", "held_out_class", "validation_size", "train_limit")
    same = (*of_images, "latent_dim", "seed", "device", "precision")
    update = {field: getattr(run.config, field) for field in same} | {"beta": beta}
    images = run.data["train_size"]
    if images < FEW_IMAGES:
        epochs = min(1000, max(60, round(STEPS * 50 / images)))
        update |= {"batch_size": 50, "learning_rate": 0.01, "epochs": epochs}
    return PRESETS["linear"].config.model_copy(update=update)


def linear_twins(run: Run) -> None:
    """The collapse line under a slider, and the twins that were trained at its β beside what theory says of them."""
    from vae.analysis.closed_forms.linear_twins import known

    st.markdown(
        "Without a non-linearity, and with squared error, the best models are known: the AE's is **PCA**, the VAE's is "
        "**probabilistic PCA** with σ² = β/2. It uses a principal axis only where its variance λ is above **β/2**."
    )
    variances = principal_axes.principal_axes(run.id).variances
    betas = sorted({*BETAS, run.config.beta} - {0.0})
    first = run.config.beta if known(run.config) and run.config.beta else nearest(variances[0], betas)
    left, right = st.columns([1, 2], gap="medium")
    with left:
        beta = st.select_slider("β of the squared error", betas, value=first, format_func="{:g}".format, key=KEY)
        count = int((variances[: run.config.latent_dim] > beta / 2).sum())
        st.markdown(
            f"At β = **{beta:g}** the best linear VAE uses **{count} of {run.config.latent_dim}** dimensions. At β = "
            f"{2 * variances[0]:.3g} and above, none: it collapses."
        )
        _rule_of_thumb(run, variances)
        explain("active units", "β")
    with right:
        drawing = collapse_line(variances, beta, run.config.latent_dim)
        figure(drawing, key="linear.line", alt="Variance along each principal axis, and the line β/2")
    config = twins_of(run, beta)
    trained = similar_runs.found({"": config}).get("")
    if trained is None:
        st.button(
            f"Train linear twins with β = {beta:g}", icon=":material/play_arrow:", on_click=_train, args=(config,)
        )
    else:
        st.fragment(_beside_theory, run_every=POLL if trained.active else None)(run, trained, config, trained.active)


def nearest(variance: float, betas: list[float]) -> float:
    """The β of the list whose line is nearest to half of a variance, so that it stands among those of the axes."""
    return min(betas, key=lambda beta: abs(math.log(beta / variance)))


def _rule_of_thumb(run: Run, variances: np.ndarray) -> None:
    """What the line is for a run that is not linear."""
    from vae.analysis.closed_forms.linear_twins import known, squared_error_beta

    if known(run.config):
        return
    beta = squared_error_beta(run.config)
    if beta is None:
        st.caption("For the run above the line says nothing: its reconstruction is no squared error.")
        return
    count = int((variances[: run.config.latent_dim] > beta / 2).sum())
    _, history = resources.progress(run.id)
    rows = history[(history["variant"] == "vae") & (history["split"] != "test") & (history["epoch"] == run.epoch)]
    active = "" if rows.empty else f" In it, {int(rows['active_units'].iloc[0])} are active."
    st.caption(
        "For the run above, whose networks are no linear ones, the line is only a rule of thumb: at its β, as squared "
        f"error {beta:.3g}, a linear VAE would use {count} dimensions.{active}"
    )


def _train(config: RunConfig) -> None:
    similar_runs.queue([config])


def _beside_theory(run: Run, trained: Run, config: RunConfig, was_active: bool) -> None:
    current, _ = resources.progress(trained.id)
    if current.active:
        share = max(current.epoch, 0) / current.config.epochs
        st.progress(share, text=f"Linear twins: {current.status}, epoch {max(current.epoch, 0)} of {config.epochs}")
        return
    if was_active:
        st.rerun()
    if current.epoch < 0:
        st.info("These twins ended before their first epoch. Look at them on the Train page.")
        return
    epoch = loaded_models.kept_epochs(current.id, current.epoch)[-1]
    found = beside_theory(current.id, epoch)
    table = pd.DataFrame(
        [
            {
                "Model": VARIANT_TITLES[name],
                "MSE per pixel": f"{against.mse:.5f}",
                "Best possible": f"{against.best_mse:.5f}",
                "÷ best": f"{against.mse / against.best_mse:.4f}",
            }
            for name, against in found.items()
        ]
    )
    left, right = st.columns(2, gap="medium")
    with left:
        if "vae" in found:
            drawing = kl_beside_theory(found["vae"].kl, best_kl_of(run, config))
            figure(drawing, key="linear.kl", alt="KL of each dimension, trained and as theory has it")
        st.dataframe(table, hide_index=True, width="stretch")
    with right:
        for column, (name, against) in zip(st.columns(max(2, len(found))), found.items(), strict=False):
            with column:
                st.markdown(f"**{VARIANT_TITLES[name]}**")
                drawing = codes_and_axes(against.correlations, name)
                figure(drawing, key=f"linear.axes.{name}", alt=f"Correlations of codes and principal axes: {name}")
        st.caption(
            "How each dimension goes with each principal axis, |r| over training images. A diagonal: each dimension "
            "is an axis."
        )
    st.markdown(f"**What to notice.** {' '.join(said(run, config, found))}")
    st.caption(
        f"Epoch {epoch}, one seed. KL and r over the {current.data['train_size']:,} training images, which theory is "
        f"of; MSE from the mean over {tested(current)}. Baldi and Hornik 1989; Tipping and Bishop 1999; Lucas et al. "
        "2019 (arXiv 1911.02469)."
    )
    if current.id != run.id:
        st.button("Look at this run", key="linear.look", on_click=run_picker.select, args=(current.id,))
    csv(lambda: table, f"linear-twins-{current.id}")


@memory_cached
def beside_theory(run_id: str, epoch: int) -> dict:
    """`AgainstTheory` of the run's AE and VAE; shared by all visitors: never changed."""
    from vae.analysis.closed_forms.linear_twins import against_theory

    config, images = resources.run(run_id).config, loaded_models.images_it_is_tested_on(run_id)
    rows, principal = unpack(resources.store().split_rows(run_id))["train"], principal_axes.principal_axes(run_id)
    models = loaded_models.models(run_id, epoch)
    return {
        name: against_theory(models[name], name, config, images, rows, principal)
        for name in ("ae", "vae")
        if name in models
    }


def best_kl_of(run: Run, config: RunConfig) -> np.ndarray:
    """`best_kl` of the run's images, (D,)."""
    from vae.analysis.closed_forms.linear_twins import best_kl

    return best_kl(principal_axes.principal_axes(run.id).variances[: config.latent_dim], config.beta)


def said(run: Run, config: RunConfig, found: Mapping) -> list[str]:
    """What the figures show, whichever way it came out."""
    sentences = []
    if "ae" in found:
        ae = found["ae"]
        sentences.append(
            f"The AE's error is {ae.mse / ae.best_mse:.4f} × PCA's. A linear map of its codes gives "
            f"{ae.explained.mean():.1%} of where images lie along the axes, but a single dimension goes with one axis "
            f"by |r| = {_diagonal(ae.correlations):.2f} on average: nothing tells it to find the axes themselves."
            if _diagonal(ae.correlations) < 0.9
            else f"The AE's error is {ae.mse / ae.best_mse:.4f} × PCA's, and its dimensions happen to lie along the "
            f"axes (|r| = {_diagonal(ae.correlations):.2f})."
        )
    if "vae" in found:
        vae, best = found["vae"], best_kl_of(run, config)
        in_use, trained_use = int((best > 0).sum()), int((vae.kl > LEAST).sum())
        off = float(np.max(np.abs(vae.kl[best > 0] / best[best > 0] - 1))) if in_use else 0.0
        sentences.append(
            f"The VAE uses {trained_use} of {config.latent_dim} dimensions (KL above {LEAST:g} nats); theory says "
            f"{in_use}."
        )
        if in_use:
            there = "within" if off <= CLOSE else "further than"
            sentences.append(
                f"Their KL is at most {off:.1%} off, {there} {CLOSE:.0%}; they go with one axis each by |r| = "
                f"{_diagonal(vae.correlations[:in_use, :in_use]):.2f} on average."
            )
        if off > CLOSE:
            sentences.append(
                "What is left may be training that is not at the end, or the noise of its steps: just above the line "
                "the objective is nearly flat."
            )
    return sentences


def _diagonal(correlations: np.ndarray) -> float:
    return float(np.diag(correlations).mean())
