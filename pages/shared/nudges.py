"""Nudges of a trained run's codes, as strips of pictures."""

from __future__ import annotations

import numpy as np
import streamlit as st

from pages.components.nudge_strips import Nudge
from pages.shared.image_strips import numbered, strip
from pages.state import loaded_models, resources
from pages.state.memory_cache import memory_cached
from vae.choices.nudge_units import NUDGE_UNITS
from vae.figures.style import VARIANT_COLOURS, VARIANT_TITLES
from vae.figures.tiles import to_grey
from vae.store.runs import Run

DIRECTIONS = {
    "random": "random",
    "dimension": "one dimension",
    "towards": "towards another image",
    "steepest": "steepest (by the Jacobian)",
}
CHOSEN = "perturbation.chosen"  # in the session: unit and size
STRIP_COLUMNS, SLIDER_STEPS = 10, 25  # of the server's strips and of its slider
IMAGES = 12  # in a row, to choose from


def rows(run_id: str, page: int) -> slice:
    """The watched images of a page of IMAGES; after the last page comes the first again."""
    pages = max(1, len(loaded_models.watched(run_id).x) // IMAGES)
    start = page % pages * IMAGES
    return slice(start, start + IMAGES)


def names(run: Run, page: int) -> list[str]:
    """What the images of a page are called."""
    return numbered(loaded_models.watched(run.id).labels[rows(run.id, page)], run.data["classes"])


@memory_cached
def _scales(run_id: str, epoch: int) -> dict[str, dict[str, np.ndarray]]:
    """`sensitivity.scale` by variant and unit, without the units that a variant lacks; never changed."""
    from vae.analysis.sensitivity import scale

    of_all = {
        name: {unit: scale(unit, codes) for unit in NUDGE_UNITS}
        for name, codes in loaded_models.codes(run_id, epoch).items()
    }
    return {
        name: {unit: step for unit, step in of_variant.items() if step is not None}
        for name, of_variant in of_all.items()
    }


@st.cache_data(max_entries=60, show_spinner=False)
def nudges(run_id: str, epoch: int, page: int, direction: str, choice: int) -> dict[str, Nudge]:
    """A nudge of size 1, in each unit, of each image on a page, by variant.

    `choice`: the number of a random draw, the dimension, or the target's place on the page, counted from 0.
    """
    from vae.analysis import directions
    from vae.learning.randomness import stream

    found, on_page, seed = {}, rows(run_id, page), resources.run(run_id).config.seed
    for name, codes in loaded_models.codes(run_id, epoch).items():
        mu, steps = codes.mu[on_page], {}
        for unit, whole in _scales(run_id, epoch)[name].items():
            here = whole[on_page] if whole.ndim == 2 else whole
            if direction == "random":
                u = directions.random(len(mu), codes.latent_dim, stream(seed, f"direction {choice}"))
            elif direction == "dimension":
                u = directions.along(len(mu), codes.latent_dim, choice)
            elif direction == "towards":
                u = directions.towards(mu, choice, here)
            else:
                u = directions.steepest_of(loaded_models.models(run_id, epoch)[name], mu, here)
            steps[unit] = directions.step(u, here)
        found[name] = Nudge(mu, steps)
    return found


def strips_by_the_server(run: Run, epoch: int, found: dict[str, Nudge], why: str) -> tuple[str, float]:
    """The strips of the first image where a page can't draw them, and `why`; the unit and size that were chosen."""
    from vae.analysis.geometry import decode

    unit = st.segmented_control(
        "Unit of the nudge",
        list(NUDGE_UNITS),
        format_func=lambda unit: NUDGE_UNITS[unit].title,
        default="latent_std",
        required=True,
    )
    steps = np.geomspace(*NUDGE_UNITS[unit].sizes, SLIDER_STEPS)
    size = st.select_slider(
        "Size", [float(f"{value:.2g}") for value in steps], value=float(f"{steps[SLIDER_STEPS // 2]:.2g}")
    )
    st.caption(f"{why}, so the server draws when the slider is let go.")
    for name, nudge in found.items():
        if unit not in nudge.steps:
            st.caption(f"{VARIANT_TITLES[name]} has no such unit.")
            continue
        z = nudge.z[0] + np.linspace(0, size, STRIP_COLUMNS, dtype=np.float32)[:, None] * nudge.steps[unit][0]
        pictures = decode(loaded_models.models(run.id, epoch)[name], z)
        changes = ", ".join(f"{rmse:.3f}" for rmse in np.sqrt(np.square(pictures - pictures[0]).mean(axis=1)))
        told = f"nudged by 0 to {size:g} {NUDGE_UNITS[unit].title}. Pixel RMSE {changes}"
        shape = run.shape
        strip(VARIANT_TITLES[name], to_grey(pictures), shape, STRIP_COLUMNS, VARIANT_COLOURS[name], told=told)
    return unit, size
