"""The trick: how can we backpropagate through a random step?"""

from collections.abc import Sequence

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from pages.sections.the_trick import encoder_gradients, one_image
from pages.sections.the_trick.batch_graph import batch_graph
from pages.sections.the_trick.estimator_comparison import train_all
from pages.sections.the_trick.toy_problem import formulas, the_toy
from pages.sections.the_trick.z_by_hand import z_by_hand
from pages.shared import run_picker
from pages.shared.lesson_frame import lesson_on_a_run
from vae.figures.trick import ESTIMATOR_TITLES
from vae.store.runs import Run

FREE = ("z by hand", "A toy with known answers")  # tabs that need no run


def lesson(run: Run) -> None:
    """One image's step; behind it whole batches, trained runs, and what needs no run."""
    from vae.measuring import noisy_variant

    with st.container(horizontal=True, vertical_alignment="bottom"):
        estimator = st.segmented_control(
            "Estimator",
            list(ESTIMATOR_TITLES),
            format_func=ESTIMATOR_TITLES.__getitem__,
            default="pathwise",
            required=True,
            label_visibility="collapsed",
            key="trick.way",
        )
        epoch = run_picker.epoch_picker(run)
    one_image.the_figure(run, epoch, estimator)
    noisy_variant(run)  # or a sentence: without noise there is no estimator to compare
    graph, noise, training, *free = st.tabs(["A whole batch", "How noisy is each?", "Train with each", *FREE])
    with graph:
        batch_graph(run, epoch, estimator)
    with noise:
        encoder_gradients.quality(run, epoch)
    with training:
        train_all(run)
    fill(free)


def fill(tabs: Sequence[DeltaGenerator]) -> None:
    """With what needs no run."""
    by_hand, toy = tabs
    with by_hand:
        st.fragment(z_by_hand)()
    with toy:
        formulas()
        st.fragment(the_toy)()


lesson_on_a_run("the_trick.py", lesson, otherwise=lambda: fill(st.tabs(FREE)))
