"""Perturbation: does a small step change the picture?"""

from functools import partial

import streamlit as st

from pages.components.decoders import decoders
from pages.components.lazy_tabs import lazy_tabs
from pages.components.nudge_strips import nudge_strips, payload
from pages.sections.perturbation import pair
from pages.sections.perturbation.measurement import (
    at_every_size,
    at_one_size,
    measured,
    nearest_size,
)
from pages.sections.perturbation.ways import other_ways, which_ingredient
from pages.shared import nudges, run_picker
from pages.shared.image_strips import choose_image
from pages.shared.lesson_frame import lesson_on_a_run
from pages.state import loaded_models
from pages.text.terms import explain
from vae.argument.claims import ARTICLE
from vae.choices.nudge_units import NUDGE_UNITS
from vae.figures.tiles import to_grey
from vae.store.runs import Run

PAGE, DRAW = "perturbation.page", "perturbation.draw"
AT_FIRST = ("latent_std", 0.5)


def lesson(run: Run) -> None:
    """All below the run picker; it runs again by itself when one of its controls is moved."""
    pair.choose(run)
    lazy_tabs(
        {
            "One size": partial(one_size, run),
            "Every size": partial(every_size, run),
            "Which ingredient does it?": partial(ingredient, run),
        },
        "perturbation.tab",
    )


def one_size(run: Run) -> None:
    """Strips of pictures, and beside them what was measured at the size nearest to that of the strips."""
    left, right = st.columns([5, 3], gap="medium")
    with right, st.container(horizontal=True):
        with st.popover("Direction, images, epoch", icon=":material/tune:"):
            epoch = run_picker.epoch_picker(run)
            page, direction, choice = what_to_nudge(run)
        explain("neighbour distance", "posterior σ")
    with left:
        size = the_strips(run, epoch, page, direction, choice)
    with right:
        measured(run, epoch, partial(at_one_size, run, nearest_size(size)))


def every_size(run: Run) -> None:
    """The same measurement at all sizes, in the unit of the strips."""
    unit, size = st.session_state.get(nudges.CHOSEN, AT_FIRST)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        epoch = run_picker.epoch_picker(run)
        explain("reference classifier")
    measured(run, epoch, partial(at_every_size, run, unit, nearest_size(size)))


def ingredient(run: Run) -> None:
    """Noise and KL apart, at the unit and the size of the strips; and every other way to smooth."""
    epoch, (unit, size) = run_picker.epoch_picker(run), st.session_state.get(nudges.CHOSEN, AT_FIRST)
    which_ingredient(run, epoch, unit, nearest_size(size))
    other_ways(run, epoch, nearest_size(size))


def what_to_nudge(run: Run) -> tuple[int, str, int]:
    """The page of images, the direction, and what it leaves open."""
    page = st.session_state.get(PAGE, 0)
    if st.button("Other images", icon=":material/image:"):
        st.session_state[PAGE] = page = page + 1
    direction = st.selectbox(
        "Direction",
        list(nudges.DIRECTIONS),
        format_func=nudges.DIRECTIONS.__getitem__,
        key="perturbation.direction",
        persist_state="session",
    )
    choice = choose(direction, run, page)
    if direction == "steepest":
        st.caption("Steepest: each decoder's own direction, which the others do not share.")
    return page, direction, choice


def the_strips(run: Run, epoch: int, page: int, direction: str, choice: int) -> float:
    """One image or all, nudged in one direction, drawn by all decoders while the size is dragged. Returns the size."""
    found = nudges.nudges(run.id, epoch, page, direction, choice)
    found = {name: found[name] for name in pair.of(run)}
    key, weights, why = loaded_models.shelf(run.id, epoch)
    unit, size = st.session_state.get(nudges.CHOSEN, AT_FIRST)
    if weights is None:
        unit, size = st.session_state[nudges.CHOSEN] = nudges.strips_by_the_server(run, epoch, found, why)
        return size
    decoders(weights)
    originals = to_grey(loaded_models.watched(run.id).x[nudges.rows(run.id, page)])
    names = nudges.names(run, page)
    data = payload(key, originals, names, run.shape, found, NUDGE_UNITS, unit, size)
    new_unit, new_size = nudge_strips(data, key=f"nudges.{run.id}.{'.'.join(found)}")
    unit, size = st.session_state[nudges.CHOSEN] = new_unit or unit, new_size or size
    return size


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
    f"[The article]({ARTICLE.address}): nothing tells an autoencoder how to lay out its codes, so a very small change "
    "of a code can change the output a lot. Small in which unit?",
)
