"""The button that a lesson begins with."""

from __future__ import annotations

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from pages.shared import train_again
from vae.config import FIRST, PRESETS
from vae.errors import InputError

CONFIG = PRESETS[FIRST].config


PROBLEM = "first_run.problem"  # in the session: why the run that was asked for can't be trained


def train_both_now(where: str, told: DeltaGenerator) -> None:
    """A button that trains both models on images that come with the program; `told`: where is said what is wrong."""
    st.button(
        "Train both now",
        type="primary",
        icon=":material/play_arrow:",
        help=PRESETS[FIRST].description,
        width="stretch",
        on_click=_train,  # before all else: another click at once would end this run of the page, and lose it
        args=(where,),
    )
    if problem := st.session_state.pop(PROBLEM, None):
        told.error(problem)
    with told:
        train_again.question(CONFIG, where)


def _train(where: str) -> None:
    try:
        train_again.train(CONFIG, where)
    except InputError as error:
        st.session_state[PROBLEM] = str(error)
