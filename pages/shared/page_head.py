"""The first row of every page: its question, and at the right the run that is looked at."""

from __future__ import annotations

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from pages._lessons import question


def page_head(file: str, sentence: str = "") -> DeltaGenerator:
    """Show the question of the page in `file` and a `sentence` about it; where the run picker goes."""
    left, right = st.columns([3, 2], vertical_alignment="center", gap="medium")
    left.title(question(file))
    if sentence:
        st.markdown(sentence)
    return right
