"""Perturbation: does a small step change the picture?"""

import streamlit as st

from pages.components.decoders import decoders
from pages.components.nudge_strips import nudge_strips, payload
from pages.sections.perturbation import nudges
from pages.sections.perturbation.measurement import the_measurement, which_ingredient
from pages.shared import run_picker
from pages.shared.image_strips import choose_image
from pages.shared.lesson_frame import lesson_on_a_run
from pages.state import loaded_models
from vae.choices.nudge_units import NUDGE_UNITS
from vae.figures.tiles import to_grey
from vae.store.runs import Run

DIRECTIONS = {
    "random": "random",
    "dimension": "one dimension",
    "towards": "towards another image",
    "steepest": "steepest (by the Jacobian)",
}
PAGE, DRAW, CHOSEN = "perturbation.page", "perturbation.draw", "perturbation.chosen"  # CHOSEN: unit and size


def lesson(run: Run) -> None:
    """All below the run picker; it runs again by itself when one of its controls is moved."""
    epoch = run_picker.epoch_picker(run)
    unit = the_strips(run, epoch)
    the_measurement(run, epoch, unit)
    which_ingredient(run)


def the_strips(run: Run, epoch: int) -> str:
    """One image or many, nudged in one direction, drawn by all decoders while the size is dragged. Returns the unit."""
    page = st.session_state.get(PAGE, 0)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        direction = st.selectbox(
            "Direction",
            list(DIRECTIONS),
            format_func=DIRECTIONS.__getitem__,
            key="perturbation.direction",
            persist_state="session",
            width=260,
        )
        choice = choose(direction, run, page)
        if st.button("Other images", icon=":material/image:"):
            st.session_state[PAGE] = page = page + 1
    found = nudges.nudges(run.id, epoch, page, direction, choice)
    key, weights = loaded_models.shelf(run.id, epoch)
    if weights is None:
        return nudges.strips_by_the_server(run, epoch, found)
    decoders(weights)
    originals = to_grey(loaded_models.watched(run.id).x[nudges.rows(run.id, page)])
    unit, size = st.session_state.get(CHOSEN, ("latent_std", 0.5))
    names = nudges.names(run, page)
    data = payload(key, originals, names, run.shape, found, NUDGE_UNITS, unit, size)
    new_unit, new_size = nudge_strips(data, key=f"nudges.{run.id}")
    unit, size = st.session_state[CHOSEN] = new_unit or unit, new_size or size
    if direction == "steepest":
        st.caption("Steepest: each decoder's own direction, which the others do not share.")
    return unit


def choose(direction: str, run: Run, page: int) -> int:
    """What a direction leaves open: the number of a draw, or a dimension or target counted from 0."""
    if direction == "random":
        if st.button("Draw again", icon=":material/casino:", help="Another random direction."):
            st.session_state[DRAW] = st.session_state.get(DRAW, 0) + 1
        return st.session_state.get(DRAW, 0)
    if direction == "dimension":
        latent_dim = run.config.latent_dim
        key = f"perturbation.dimension.{latent_dim}"
        return st.selectbox("Dimension", range(1, latent_dim + 1), key=key, width=130) - 1
    if direction == "towards":
        names = nudges.names(run, page)
        return choose_image("Image, from the left", names, f"perturbation.target.{len(names)}", 2)
    return 0


lesson_on_a_run(
    "perturbation.py",
    lesson,
    "The article says: nothing tells an autoencoder how to lay codes out, so a very small change of a code can change "
    "the output a lot. Small in which unit? Nudge codes, watch both models, and then read what was measured.",
)
