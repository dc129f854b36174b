"""The two models of a run that Perturbation lays side by side: any two."""

from __future__ import annotations

import streamlit as st

from vae.choices.variants import VARIANTS, twins
from vae.figures.style import VARIANT_TITLES
from vae.store.runs import Run

LEFT, RIGHT = "perturbation.left", "perturbation.right"  # in the session
ARTICLES = twins(tuple(VARIANTS))  # the two that the article compares


def choose(run: Run) -> None:
    """Two boxes, where a run holds more than two models."""
    names = run.config.variants
    if len(names) < 3:
        return
    left, right = of(run)
    with st.container(horizontal=True, vertical_alignment="bottom", key="perturbation_pair"):
        _box("Model", names, left, LEFT)
        _box("beside", tuple(name for name in names if name != left), right, RIGHT)


def _box(label: str, names: tuple[str, ...], chosen: str, key: str) -> None:
    st.session_state[key] = chosen
    st.selectbox(label, names, format_func=VARIANT_TITLES.__getitem__, key=key, width=260, persist_state="session")


def of(run: Run) -> tuple[str, ...]:
    """The chosen ones; the article's two at first, and as many as there are where a run holds fewer."""
    names = run.config.variants
    if len(names) < 3:
        return names
    first, second = twins(names)
    left = st.session_state.get(LEFT)
    left = left if left in names else first
    right = st.session_state.get(RIGHT)
    if right not in names or right == left:
        right = second if second != left else first
    return left, right
