"""The button that a lesson begins with."""

from __future__ import annotations

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from pages.shared import train_again
from vae.config import FIRST, PRESETS
from vae.errors import InputError

CONFIG = PRESETS[FIRST].config


def train_both_now(where: str, told: DeltaGenerator) -> None:
    """A button that trains both models on images that come with the program; `told`: where is said what is wrong."""
    pressed = st.button(
        "Train both now",
        type="primary",
        icon=":material/play_arrow:",
        help=PRESETS[FIRST].description,
        width="stretch",
    )
    if pressed:
        try:
            train_again.train(CONFIG, where)
        except InputError as error:
            told.error(str(error))
    with told:
        train_again.question(CONFIG, where)
