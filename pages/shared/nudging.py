"""Nudges of a trained run's codes, as the Perturbation page shows them."""

from __future__ import annotations

import numpy as np
import streamlit as st

from pages.components.nudge_strips import Nudge
from vae.figures.style import VARIANT_COLOURS, VARIANT_TITLES
from vae.figures.tiles import to_grey
from vae.runs.store import Run

from . import resources, trained
from .strips import strip

COLUMNS, STEPS = 10, 25  # of the server's strips and of its slider
IMAGES = 12  # in a row, to choose from
# Ends of the size slider, in each unit: from what can't be seen to what changes everything.
SIZES = {"absolute": (0.01, 10), "latent_std": (0.01, 10), "neighbour": (0.1, 1000), "posterior_std": (0.01, 30)}


def rows(run_id: str, page: int) -> slice:
    """The watched images of a page of IMAGES; after the last page comes the first again."""
    pages = max(1, len(trained.watched(run_id).x) // IMAGES)
    start = page % pages * IMAGES
    return slice(start, start + IMAGES)


@st.cache_data(max_entries=60, show_spinner=False)
def nudges(run_id: str, epoch: int, page: int, unit: str, direction: str, choice: int) -> dict[str, Nudge]:
    """A nudge of size 1 of each image on a page, by variant.

    `choice`: the number of a random draw, the dimension, or the target's place on the page, counted from 0.
    """
    from vae.analysis import directions
    from vae.analysis.sensitivity import scale
    from vae.learning.training import stream

    found, chosen = {}, rows(run_id, page)
    for name, codes in trained.codes(run_id, epoch).items():
        mu, whole = codes.mu[chosen], scale(unit, codes)
        if whole is None:
            found[name] = Nudge(mu, None)
            continue
        here = whole[chosen] if whole.ndim == 2 else whole
        if direction == "random":
            seed = resources.run(run_id).config.seed
            u = directions.random(*mu.shape, stream(seed, f"direction {choice}"))
        elif direction == "dimension":
            u = directions.along(*mu.shape, choice)
        elif direction == "towards":
            u = directions.towards(mu, choice, here)
        else:
            u = directions.steepest_of(trained.models(run_id, epoch)[name], mu, here)
        found[name] = Nudge(mu, directions.step(u, here))
    return found


def drawn_by_the_server(run: Run, epoch: int, found: dict[str, Nudge], ends: tuple[float, float]) -> None:
    """The strips of the first image where the decoders are too large for a page."""
    from vae.analysis.geometry import decode

    steps = np.geomspace(*ends, STEPS)
    size = st.select_slider("Size", [float(f"{value:.2g}") for value in steps], value=float(f"{steps[STEPS // 2]:.2g}"))
    st.caption("These decoders are too large for a page, so the server draws when the slider is let go.")
    for name, nudge in found.items():
        if nudge.step is None:
            st.caption(f"{VARIANT_TITLES[name]} has no such unit.")
            continue
        z = nudge.z[0] + np.linspace(0, size, COLUMNS, dtype=np.float32)[:, None] * nudge.step[0]
        images = to_grey(decode(trained.models(run.id, epoch)[name], z))
        strip(VARIANT_TITLES[name], images, tuple(run.data["shape"]), COLUMNS, VARIANT_COLOURS[name])
