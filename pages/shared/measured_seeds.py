"""One measurement of a run and of its other seeds: asked for by a button, made in the background, kept afterwards."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd
import streamlit as st

from pages.shared import similar_runs
from pages.state import background_measurements, loaded_models
from vae.store.runs import Run

POLL = 0.5
Show = Callable[[dict[int, pd.DataFrame]], None]  # tables by seed, that of the run shown first


def by_seed(kind: str, run: Run, epoch: int, said: str, label: str, show: Show) -> None:
    """What is `said` with a button; after a click on it how far the measurements are, and `show` what there is of them.

    `kind`: one of `vae.measuring.MEASUREMENTS`. Of other seeds those that are done, at their ends, and only where
    `epoch` is the end of this run. Raises nothing: what goes wrong is said.
    """
    asked = f"{kind}.{run.id}.{epoch}"
    if not background_measurements.is_kept(kind, run.id, epoch) and not st.session_state.get(asked):
        st.markdown(said)
        st.button(
            label,
            icon=":material/straighten:",
            type="primary",
            on_click=st.session_state.update,  # before the page is drawn anew, without the button
            args=({asked: True},),
        )
        return
    waiting = _waiting(kind, run, epoch)
    st.fragment(_panel, run_every=POLL if waiting else None)(kind, run, epoch, waiting, show)


def _family(run: Run, epoch: int) -> dict[int, Run]:
    """By seed: this run, and the others with its configuration that can be laid beside it."""
    others = {} if run.active or epoch != run.last_epoch else similar_runs.seeds_of(run.config)
    return dict(
        list({run.config.seed: run, **{s: o for s, o in others.items() if s != run.config.seed}}.items())[
            : similar_runs.MOST_SEEDS
        ]
    )


def _states(kind: str, run: Run, epoch: int) -> dict[int, background_measurements.Measurement]:
    """By seed, of the members that are done."""
    return {
        seed: background_measurements.of(kind, member.id, similar_runs.epoch_of(member, run, epoch))
        for seed, member in _family(run, epoch).items()
        if member.id == run.id
        or (not member.active and member.last_epoch in loaded_models.kept_epochs(member.id, member.epoch))
    }


def _waiting(kind: str, run: Run, epoch: int) -> bool:
    unfinished = any(state.table is None and not state.problem for state in _states(kind, run, epoch).values())
    return unfinished or any(member.active for member in _family(run, epoch).values() if member.id != run.id)


def _panel(kind: str, run: Run, epoch: int, was_waiting: bool, show: Show) -> None:
    states, family = _states(kind, run, epoch), _family(run, epoch)
    if was_waiting and not _waiting(kind, run, epoch):
        st.rerun()  # once more as a whole, and then without polling
    for seed, member in family.items():
        if member.active and member.id != run.id:
            share, at = max(member.epoch, 0) / member.config.epochs, f"training, epoch {max(member.epoch, 0)}"
            st.progress(share, text=f"Seed {seed}: {'waiting for a worker' if member.status == 'queued' else at}")
    for seed, state in states.items():
        if state.problem:
            st.error(f"Seed {seed}: {state.problem}")
            if st.button("Try again", key=f"{kind}.again.{seed}"):
                background_measurements.forget_failed(
                    kind, family[seed].id, similar_runs.epoch_of(family[seed], run, epoch)
                )
                st.rerun()
        elif state.table is None:
            st.progress(state.share, text=f"Seed {seed}: {state.what}")
    if states[run.config.seed].table is not None:
        show({seed: state.table for seed, state in states.items() if state.table is not None})
    if run.status == "done" and epoch == run.last_epoch:
        similar_runs.offer_seeds([run.config], key=f"{kind}.seeds")
