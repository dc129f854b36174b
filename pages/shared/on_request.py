"""A measurement of a run that takes seconds: asked for by a button, made in the background, kept afterwards."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd
import streamlit as st

from pages.state import background_measurements
from vae.store.runs import Run

POLL = 0.5


def on_request(kind: str, run: Run, epoch: int, said: str, label: str, show: Callable[[pd.DataFrame], None]) -> None:
    """What is `said` with a button; after a click on it how far the measurement is, and then `show` with its table.

    `kind`: one of `vae.measuring.MEASUREMENTS`.
    """
    asked = f"{kind}.{run.id}.{epoch}"
    if not background_measurements.is_kept(kind, run.id, epoch) and not st.session_state.get(asked):
        st.markdown(said)
        st.button(
            label,
            icon=":material/straighten:",
            type="primary",
            on_click=st.session_state.update,  # before the page is drawn anew: the button is then not beside its result
            args=({asked: True},),
        )
        return
    state = background_measurements.of(kind, run.id, epoch)
    waiting = state.table is None and not state.problem
    st.fragment(_panel, run_every=POLL if waiting else None)(kind, run, epoch, waiting, show)


def _panel(kind: str, run: Run, epoch: int, was_waiting: bool, show: Callable[[pd.DataFrame], None]) -> None:
    state = background_measurements.of(kind, run.id, epoch)
    if state.problem:
        st.error(state.problem)
        if st.button("Try again", key=f"{kind}.again"):
            background_measurements.forget_failed(kind, run.id, epoch)
            st.rerun()
        return
    if state.table is None:
        st.progress(state.share, text=state.what)
        return
    if was_waiting:
        st.rerun()
    show(state.table)
