"""The same VAE under several β: reconstructions and codes side by side."""

from __future__ import annotations

import streamlit as st

from pages.components.figure import figure
from vae.config import RunConfig
from vae.figures.latent import latent_scatter
from vae.figures.style import VARIANT_COLOURS
from vae.runs.store import Run

from . import kin, resources
from .strips import heading, strip

BETAS = (0.0, 0.1, 1.0, 4.0, 20.0)
IMAGES = 6
POLL = 0.5


def configs(run: Run) -> dict[float, RunConfig]:
    """The run's VAE with each β, all else the same."""
    return {beta: run.config.model_copy(update={"variants": ("vae",), "beta": beta}) for beta in BETAS}


def sweep(run: Run) -> None:
    """A button, and a column for each β that was trained."""
    st.header("Other weights of the KL", divider="gray")
    wanted = configs(run)
    found = kin.found(wanted)
    if len(found) < len(wanted):
        listed = ", ".join(f"{beta:g}" for beta in BETAS)
        missing = len(wanted) - len(found)
        st.markdown(f"This run's VAE with β = {listed}, all else the same, {missing} still to train.")
        kin.offer("Train with every β", wanted)
    if found:
        active = any(it.active for it in found.values())
        st.fragment(_thumbnails, run_every=POLL if active else None)(run, active)


def _thumbnails(run: Run, was_active: bool) -> None:
    found = kin.found(configs(run))
    if was_active and not any(it.active for it in found.values()):
        st.rerun()
    read = {beta: resources.progress(it.id)[0] for beta, it in found.items()}  # `found` may be an epoch ahead of it
    started = {beta: it for beta, it in read.items() if it.epoch >= 0}
    if not started:
        st.progress(0.0, text="Waiting for a worker")
        return
    for column, (beta, it) in zip(st.columns(len(started)), started.items(), strict=True):
        with column:
            _one(beta, it)
    numbers = {beta: _numbers(it) for beta, it in started.items()}
    kl = ", ".join(f"β = {beta:g}: {kl:.2f}" for beta, (kl, _) in numbers.items())
    lost = ", ".join(f"β = {beta:g}: {reconstruction:.2f}" for beta, (_, reconstruction) in numbers.items())
    st.markdown(f"**What to notice.** KL in nats: {kl}. Reconstruction: {lost}.")


def _numbers(run: Run) -> tuple[float, float]:
    """KL and reconstruction at the last recorded epoch."""
    _, history = resources.progress(run.id)
    row = history[(history["split"] != "test") & (history["epoch"] == run.epoch)].iloc[0]
    return float(row["kl"]), float(row["reconstruction"])


def _one(beta: float, run: Run) -> None:
    pictures, images = resources.snapshot(run.id, run.epoch)["vae"], resources.originals(run.id)
    heading(f"β = {beta:g}", VARIANT_COLOURS["vae"])
    shape = tuple(run.data["shape"])
    strip("Originals", images["images"][:IMAGES], shape, IMAGES)
    strip("Rebuilt from μ", pictures["from_mean"][:IMAGES], shape, IMAGES, VARIANT_COLOURS["vae"])
    drawing = latent_scatter(pictures["codes"], images["labels"], run.data["classes"], run.config.latent_dim)
    drawing.update_layout(height=240)
    figure(drawing, key=f"beta.{beta:g}", alt=f"Codes with β = {beta:g}")
