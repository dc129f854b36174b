"""The same yardstick laid on other seeds of a configuration: what is kept of them, and a button for what is not."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd
import streamlit as st

from pages.shared import similar_runs
from pages.shared.on_request import POLL
from pages.state import background_measurements, resources
from vae.store.measurements import at_the_end
from vae.store.runs import Run

Show = Callable[[dict[int, pd.DataFrame]], None]


def over_seeds(kind: str, run: Run, epoch: int, table: pd.DataFrame, show: Show) -> None:
    """`show` the tables of all seeds that are measured, by seed: this run's `table`, and at its last epoch others'.

    Then a button that measures the others that are done, and one that trains those lacking for a verdict.
    """
    if epoch != run.last_epoch:
        show({run.config.seed: table})
        return
    waiting = _waiting(kind, run)
    st.fragment(_panel, run_every=POLL if waiting else None)(kind, run, table, waiting, show)


def _others(run: Run) -> dict[int, Run]:
    """Other seeds of the configuration that are done."""
    family = [(seed, other) for seed, other in similar_runs.seeds_of(run.config).items() if seed != run.config.seed]
    return {seed: other for seed, other in family if other.status == "done"}


def _asked(kind: str, run: Run) -> str:
    return f"{kind}.seeds.{run.id}"


def _states(kind: str, run: Run) -> dict[int, background_measurements.Measurement]:
    """Of the other seeds, once somebody has asked for them."""
    if not st.session_state.get(_asked(kind, run)):
        return {}
    found = list(_others(run).items())[: similar_runs.MOST_SEEDS - 1]
    return {seed: background_measurements.of(kind, other.id, other.last_epoch) for seed, other in found}


def _waiting(kind: str, run: Run) -> bool:
    return any(state.table is None and not state.problem for state in _states(kind, run).values())


def _panel(kind: str, run: Run, table: pd.DataFrame, was_waiting: bool, show: Show) -> None:
    if was_waiting and not _waiting(kind, run):
        st.rerun()  # once more as a whole, and then without polling
    states = _states(kind, run)
    for seed, state in states.items():
        if state.problem:
            st.error(f"Seed {seed}: {state.problem}")
            if st.button("Try again", key=f"{kind}.again.{seed}"):
                other = _others(run)[seed]
                background_measurements.forget_failed(kind, other.id, other.last_epoch)
                st.rerun()
        elif state.table is None:
            st.progress(state.share, text=f"Seed {seed}: {state.what}")
    others = dict(list(_others(run).items())[: similar_runs.MOST_SEEDS - 1])
    kept = at_the_end(resources.store(), kind, others.values())
    tables = {seed: kept[other.id] for seed, other in others.items() if other.id in kept}
    show({run.config.seed: table} | tables)
    if (left := len(others) - len(tables)) and not states:
        label = f"Measure {left} more seed{'s' * (left > 1)}"
        if st.button(label, icon=":material/straighten:", key=f"{kind}.measure_seeds"):
            st.session_state[_asked(kind, run)] = True
            st.rerun()  # as a whole: this fragment doesn't poll yet
    if run.status == "done":
        similar_runs.offer_seeds([run.config], key=f"{kind}.train_seeds")
