"""The trick: how can we backpropagate through a random step?"""

from collections.abc import Callable
from functools import partial

import streamlit as st

from pages.components.lazy_tabs import lazy_tabs
from pages.sections.the_trick import encoder_gradients, k_sample_bound, one_image
from pages.sections.the_trick.batch_graph import batch_graph
from pages.sections.the_trick.estimator_comparison import train_all
from pages.sections.the_trick.toy_problem import the_toy
from pages.sections.the_trick.z_by_hand import z_by_hand
from pages.shared import run_picker
from pages.shared.lesson_frame import lesson_on_a_run
from pages.text.terms import explain
from vae.choices.variants import VARIANTS
from vae.figures.trick import ESTIMATOR_TITLES
from vae.store.runs import Run

FREE = {"z by hand": st.fragment(z_by_hand), "A toy with known answers": st.fragment(the_toy)}  # they need no run
TABS, WAY = "trick.tabs", "trick.way"
AT_FIRST = "pathwise"  # gives no answer away: that a gradient passes by the trick is in all of them


def lesson(run: Run) -> None:
    """One image's step, after a prediction where it isn't by the trick; behind it batches and runs, and more."""
    from vae.measuring import noisy_variant

    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.session_state.setdefault(WAY, AT_FIRST)
        way = st.segmented_control(
            "Estimator",
            list(ESTIMATOR_TITLES),
            format_func=ESTIMATOR_TITLES.__getitem__,
            required=True,
            label_visibility="collapsed",
            key=WAY,
        )
        estimator = way or AT_FIRST
        explain("score function", "leave-one-out baseline", "detached")
        epoch = run_picker.epoch_picker(run)
    figure = partial(one_image.the_figure, run, epoch, estimator)
    if estimator == AT_FIRST or not any(VARIANTS[name].estimated for name in run.config.variants):
        figure()
    elif not encoder_gradients.before(run, epoch, figure):
        lazy_tabs(FREE, TABS)
        return
    noisy_variant(run)  # or a sentence: without noise there is no estimator to compare
    of_the_run: dict[str, Callable[[], None]] = {
        "A whole batch": partial(batch_graph, run, epoch, estimator),
        "How noisy is each?": partial(encoder_gradients.quality, run, epoch),
        "Train with each": partial(train_all, run, epoch),
        "More samples": partial(k_sample_bound.signal, run, epoch),
    }
    lazy_tabs(of_the_run | FREE, TABS)


lesson_on_a_run("the_trick.py", lesson, otherwise=partial(lazy_tabs, FREE, TABS))
