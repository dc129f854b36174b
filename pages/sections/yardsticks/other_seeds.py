"""A yardstick's tables of runs that differ from a run in their seed alone: kept ones, and those that are asked for."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from pages.shared import similar_runs
from pages.state import background_measurements, resources
from pages.text.words import plural
from vae.store.runs import Run

POLL = 0.5


def tables(kind: str, run: Run, epoch: int, table: pd.DataFrame) -> dict[int, pd.DataFrame]:
    """By seed: the `table` of this run, then kept ones of others at their last epoch, where `epoch` is the run's."""
    from vae.store.measurements import at_the_end

    others = _others(run, epoch)
    kept = at_the_end(resources.store(), kind, others.values()) if others else {}
    return {run.config.seed: table} | {seed: kept[other.id] for seed, other in others.items() if other.id in kept}


def offer(kind: str, run: Run, epoch: int) -> None:
    """A button that measures the other seeds that are trained; then one that trains those lacking for a verdict."""
    from vae.store.measurements import at_the_end

    others = _others(run, epoch)
    kept = at_the_end(resources.store(), kind, others.values()) if others else {}
    lacking = [other for other in others.values() if other.id not in kept]
    asked = f"{kind}.{run.id}.seeds"
    if lacking and not st.session_state.get(asked):
        st.button(
            f"Measure {plural(len(lacking), 'more seed')}",
            icon=":material/straighten:",
            on_click=st.session_state.update,
            args=({asked: True},),
        )
    elif lacking:
        waiting = any(state.table is None and not state.problem for state in _states(kind, lacking).values())
        st.fragment(_progress, run_every=POLL if waiting else None)(kind, lacking, waiting)
    elif run.status == "done" and epoch == run.last_epoch:
        similar_runs.offer_seeds([run.config], key=f"{kind}.seeds")


def _others(run: Run, epoch: int) -> dict[int, Run]:
    """Runs that are done, by seed; none beside an epoch that isn't the run's last."""
    if run.status != "done" or epoch != run.last_epoch:
        return {}
    found = {seed: other for seed, other in similar_runs.seeds_of(run.config).items() if seed != run.config.seed}
    done = {seed: other for seed, other in found.items() if other.status == "done"}
    return dict(sorted(done.items())[: similar_runs.MOST_SEEDS - 1])


def _states(kind: str, runs: list[Run]) -> dict[int, background_measurements.Measurement]:
    """By seed; those that nobody has asked for yet begin."""
    return {run.config.seed: background_measurements.of(kind, run.id, run.last_epoch) for run in runs}


def _progress(kind: str, runs: list[Run], was_waiting: bool) -> None:
    """Polls until all are measured or refused; then the page is drawn once more."""
    states = _states(kind, runs)
    if all(state.table is not None for state in states.values()) or (
        was_waiting and all(state.problem or state.table is not None for state in states.values())
    ):
        st.rerun()
    for run, (seed, state) in zip(runs, states.items(), strict=True):
        if state.problem:
            st.error(f"Seed {seed}: {state.problem}")
            if st.button("Try again", key=f"{kind}.again.{seed}"):
                background_measurements.forget_failed(kind, run.id, run.last_epoch)
                st.rerun()
        elif state.table is None:
            st.progress(state.share, text=f"Seed {seed}: {state.what}")
