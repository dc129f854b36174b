"""Which run a visitor looks at: in the address, and remembered from page to page."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from pages.state import loaded_models, resources
from pages.state.experiments import Experiment
from pages.state.run_index import every_run
from pages.text.escape_markdown import escape_markdown
from vae.config import RunConfig
from vae.errors import InputError
from vae.store.runs import Run

from . import epochs
from .epochs import EPOCH, RUN

KEY = "run"
PICKER, WITHIN = "picked_run", "picked_within"
SEEN, REMEMBERED = "runs_seen", 40
CHOICES = 200  # experiments offered
NARROW = 150  # pixels
LOOK = 1.0  # seconds between looks at a run that hasn't learnt anything yet


def select(run_id: str) -> None:
    """Look at this run from now on, also after a reload."""
    _remember(run_id)
    before = st.query_params.get(RUN)
    if before != run_id:
        others = {*RunConfig.model_fields, *([EPOCH] if before else [])}  # what the address said of another run
        kept = {name: st.query_params.get_all(name) for name in st.query_params if name not in others}
        st.query_params.from_dict(kept | {RUN: run_id})


def selected() -> str | None:
    """The run to show, or None. A link to a run that is not there is told in a sentence."""
    asked = st.query_params.get(RUN)
    run_id = asked or st.session_state.get(KEY)
    if not run_id:
        return None
    try:
        resources.run(run_id)
    except InputError as error:
        st.warning(escape_markdown(str(error)))  # the link's words, that is: somebody's text
        if not asked:
            st.session_state.pop(KEY)
        return None
    select(run_id)
    epochs.take_over(run_id)
    return run_id


def run_picker(place: DeltaGenerator) -> Run | None:
    """Choose, in `place`, among runs that have learnt something; the choice goes with the visitor from page to page.

    None where there is nothing to show: no run at all, one that is not there, or one that has learnt nothing yet.
    """
    chosen, every = selected(), every_run()
    if chosen is None and RUN not in st.query_params and every.experiments:
        chosen = _newest(every.runs)
        _remember(chosen)  # the address says nothing while nobody has chosen
        epochs.take_over(chosen)
    run = resources.run(chosen) if chosen else None
    if not every.experiments and run is None:
        st.info("Nothing is trained yet.", icon=":material/model_training:")
        st.page_link("start.py", label="Train both now, on the first page", icon=":material/home:")
        return None
    with place:
        _choose(run, every.experiments[:CHOICES])
    if run is not None and run.epoch < 0:
        st.fragment(_nothing_learnt, run_every=LOOK if run.active else None)(run.id)
        return None
    return run


def _newest(runs: pd.DataFrame) -> str:
    """Of `overview.RUN_COLUMNS`: the newest run of both twins. What buttons train beside a pair is often newer."""
    learnt = runs[runs["epoch"] >= 0]
    both = learnt[learnt[["ae_watched_reconstruction", "vae_watched_reconstruction"]].notna().all(axis=1)]
    return (learnt if both.empty else both)["id"].iloc[0]


def switch(place: DeltaGenerator, run_id: str | None) -> None:
    """Choose, in `place`, another run than the one shown; nothing where there is none to choose."""
    offered = every_run().experiments[:CHOICES]
    if offered or run_id:
        with place:
            _choose(resources.run(run_id) if run_id else None, offered)


def _choose(run: Run | None, offered: Sequence[Experiment]) -> None:
    """One row: the experiment, and which of its runs where there are several."""
    chosen = run.id if run else ""
    by_run = {
        chosen if chosen in experiment.runs else next(iter(experiment.runs)): experiment for experiment in offered
    }
    if run and chosen not in by_run:  # it has learnt nothing yet, or is older than all that are offered
        title = run.name if run.status == "done" else f"{run.name} · {run.status}"
        by_run = {chosen: Experiment(title, "Seed", {chosen: title}), **by_run}
    with st.container(horizontal=True, vertical_alignment="center", key="run_picker"):
        st.session_state[PICKER] = chosen or None
        st.selectbox(
            "Run",
            list(by_run),
            label_visibility="collapsed",
            index=0 if run else None,
            format_func=lambda run_id: by_run[run_id].title,
            key=PICKER,
            on_change=_pick,
            args=(PICKER,),
            placeholder="Choose one, or type a part of its name",
        )
        if run and len(by_run[chosen].runs) > 1:
            st.session_state[WITHIN] = chosen
            st.selectbox(
                by_run[chosen].which,
                list(by_run[chosen].runs),
                label_visibility="collapsed",
                format_func=by_run[chosen].runs.__getitem__,
                key=WITHIN,
                on_change=_pick,
                args=(WITHIN,),
                width=NARROW,
            )


def _pick(key: str) -> None:
    """The visitor's choice comes before the address's, which it replaces.

    A browser says a choice by its words. Those of a run that has just ended are no longer what it shows, and then
    Streamlit hands over the words themselves: nobody has chosen anything.
    """
    if (run_id := st.session_state[key]) in every_run().place:
        select(run_id)


def _nothing_learnt(run_id: str) -> None:
    """Why there is nothing to see yet; looked at again by itself while there may be."""
    run = resources.run(run_id)
    if run.epoch >= 0:
        st.rerun()
    if run.active:
        st.info(f"Run {run.id} is {run.status} and has learnt nothing yet. It is shown as soon as it has.")
    else:
        st.warning(f"Run {run.id} ({run.status}) has learnt nothing. {escape_markdown(run.error or '')}")


def _remember(run_id: str) -> None:
    """What a session knows of single runs, such as the epoch that was looked at, is kept for the last REMEMBERED."""
    st.session_state[KEY] = run_id
    seen = [seen_id for seen_id in st.session_state.get(SEEN, []) if seen_id != run_id]
    for old in seen[:-REMEMBERED]:
        for key in [key for key in st.session_state if isinstance(key, str) and f".{old}" in key]:
            del st.session_state[key]
    st.session_state[SEEN] = [*seen[-REMEMBERED:], run_id]


def epoch_picker(run: Run) -> int:
    """An epoch whose weights were kept; the last one unless the visitor, or the address, asks for another."""
    kept, key = loaded_models.kept_epochs(run.id, run.epoch), f"kept_epoch.{run.id}"
    asked = epochs.looked_at(run.id)
    shown = kept[-1] if asked is None else min(kept, key=lambda epoch: abs(epoch - asked))
    epochs.tell(run.id, shown, kept[-1])
    if len(kept) < 2:
        return shown
    st.session_state[key] = shown

    def look() -> None:
        epochs.look_at(run.id, st.session_state[key], kept[-1])

    return st.select_slider("Epoch", kept, key=key, help="0 is the state before training.", on_change=look)
