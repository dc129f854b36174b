"""Which epoch of a run a visitor looks at: in the address, and remembered for each run from page to page."""

from __future__ import annotations

import math
import re

import streamlit as st

from vae.store.runs import Run

REPLAY_FRAMES = 30  # at the most, spread over all epochs
RUN, EPOCH = "run", "epoch"  # in the address; without an epoch it is the newest


def _key(run_id: str) -> str:
    return f"epoch.{run_id}"


def take_over(run_id: str) -> None:
    """What the address asks for comes before what was looked at earlier.

    For runs of a whole page only: a fragment that looks every half second may hear of an address that has just changed.
    """
    asked = st.query_params.get(EPOCH)
    if asked is None:
        return
    if re.fullmatch("[0-9]{1,6}", asked):
        st.session_state[_key(run_id)] = int(asked)
    else:
        st.query_params.pop(EPOCH)


def looked_at(run_id: str) -> int | None:
    """None: the newest, whichever it is by now."""
    return st.session_state.get(_key(run_id))


def look_at(run_id: str, epoch: int, newest: int) -> None:
    """From now on. Who looks at the newest goes on with whichever is the newest then."""
    st.session_state[_key(run_id)] = None if epoch >= newest else epoch
    tell(run_id, min(epoch, newest), newest)


def tell(run_id: str, shown: int, newest: int) -> None:
    """Put what is shown into the address, where it isn't yet."""
    if shown == newest:
        st.query_params.pop(EPOCH, None)
    elif st.query_params.get(EPOCH) != str(shown):
        st.query_params.update({RUN: run_id, EPOCH: str(shown)})


def slider(run: Run) -> int:
    """The epoch to show, among all that are recorded.

    It spans the whole run also while that is under way, and then follows the newest epoch unless another was chosen:
    how far it still has to go is how far the run still has to go.
    """
    key, end = f"epoch_slider.{run.id}", run.config.epochs if run.active else max(run.epoch, 1)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        if not run.active and run.epoch > 0:
            if st.button("Replay", icon=":material/replay:", key="replay_button", help="Play the training again."):
                st.session_state[_frame(run.id)] = 0
                st.rerun()
            if replaying(run.id):
                _advance(run)
        asked = looked_at(run.id)
        shown = st.session_state[key] = run.epoch if asked is None else min(asked, run.epoch)

        def look() -> None:
            look_at(run.id, st.session_state[key], run.epoch)

        told = (
            "0 is the state before training. While a run is under way, the newest epoch is shown until you choose one."
        )
        st.slider("Epoch", 0, end, key=key, help=told, on_change=look)
    tell(run.id, shown, run.epoch)
    return shown


def replaying(run_id: str) -> bool:
    """Whether the visitor watches the training again."""
    return _frame(run_id) in st.session_state


def _frame(run_id: str) -> str:
    return f"replay.{run_id}"


def _advance(run: Run) -> None:
    """One frame of a replay."""
    position = st.session_state[_frame(run.id)]
    look_at(run.id, position, run.epoch)
    if position >= run.epoch:
        del st.session_state[_frame(run.id)]
        st.rerun()
    st.session_state[_frame(run.id)] = position + math.ceil(run.epoch / REPLAY_FRAMES)
