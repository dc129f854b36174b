"""Perturbation: does a small step change the picture?"""

import streamlit as st

from pages.components.decoders import decoders
from pages.components.nudge_strips import nudge_strips, payload
from pages.shared import nudging, selection, trained
from pages.shared.frame import lesson_on_a_run
from pages.shared.measurement import the_measurement, which_ingredient
from vae.figures.nudges import UNIT_TITLES
from vae.figures.tiles import to_grey
from vae.runs.store import Run

DIRECTIONS = {
    "random": "random",
    "dimension": "one dimension",
    "towards": "towards another image",
    "steepest": "steepest (by the Jacobian)",
}
PAGE, DRAW, SIZE = "perturbation.page", "perturbation.draw", "perturbation.size"


def lesson(run: Run) -> None:
    """All below the run picker; it runs again by itself when one of its controls is moved."""
    epoch = selection.epoch_picker(run)
    unit = st.segmented_control(
        "Unit of the nudge",
        list(UNIT_TITLES),
        format_func=UNIT_TITLES.get,
        default="latent_std",
        required=True,
        key="perturbation.unit",
        persist_state="session",
        help="A nudge of size s in a unit adds a vector whose root mean square per dimension is s of that unit. "
        "The answer to this page's question depends on it.",
    )
    the_strips(run, epoch, unit)
    the_measurement(run, epoch, unit)
    which_ingredient(run)


def the_strips(run: Run, epoch: int, unit: str) -> None:
    """One image or many, nudged in one direction, drawn by all decoders while the size is dragged."""
    page = st.session_state.get(PAGE, 0)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        direction = st.selectbox(
            "Direction",
            list(DIRECTIONS),
            format_func=DIRECTIONS.get,
            key="perturbation.direction",
            persist_state="session",
            width=260,
        )
        choice = choose(direction, run.config.latent_dim)
        if st.button("Other images", icon=":material/image:"):
            st.session_state[PAGE] = page = page + 1
    nudges = nudging.nudges(run.id, epoch, page, unit, direction, choice)
    key, weights = trained.shelf(run.id, epoch)
    originals = to_grey(trained.watched(run.id).x[nudging.rows(run.id, page)])
    ends, size = nudging.SIZES[unit], st.session_state.get(SIZE, 0.5)
    if weights is None:
        nudging.drawn_by_the_server(run, epoch, nudges, ends)
        return
    decoders(weights)
    size = min(max(size, ends[0]), ends[1])
    data = payload(key, originals, tuple(run.data["shape"]), nudges, UNIT_TITLES[unit], size, ends)
    sent = nudge_strips(data, key=f"nudges.{run.id}")
    if sent:
        st.session_state[SIZE] = sent
    if direction == "steepest":
        st.caption("Steepest: each decoder's own direction, which the others do not share.")


def choose(direction: str, latent_dim: int) -> int:
    """What a direction leaves open: the number of a draw, or a dimension or target counted from 0."""
    if direction == "random":
        if st.button("Draw again", icon=":material/casino:", help="Another random direction."):
            st.session_state[DRAW] = st.session_state.get(DRAW, 0) + 1
        return st.session_state.get(DRAW, 0)
    if direction == "dimension":
        names = list(range(1, latent_dim + 1))
        return st.selectbox("Dimension", names, key=f"perturbation.dimension.{latent_dim}", width=130) - 1
    if direction == "towards":
        names = list(range(1, nudging.IMAGES + 1))
        return st.selectbox("Image, from the left", names, index=1, key="perturbation.target", width=170) - 1
    return 0


st.title("Does a small step change the picture?")
st.markdown(
    "The article says: nothing tells an autoencoder how to lay codes out, so a very small change of a code can change "
    "the output a lot. Small in which unit? Nudge codes, watch both models, and then read what was measured."
)
lesson_on_a_run(lesson)
