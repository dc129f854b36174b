"""Which run a visitor looks at: in the link, and remembered from page to page."""

from __future__ import annotations

import streamlit as st

from vae.errors import InputError
from vae.runs.store import Run

from . import resources, trained
from .plain import plain

KEY = "run"
PICKER = "picked_run"
SEEN, REMEMBERED = "runs_seen", 40
CHOICES = 60  # runs offered


def select(run_id: str) -> None:
    """Look at this run from now on, also after a reload."""
    st.session_state[KEY] = run_id
    _forget_all_but(run_id)
    st.query_params[KEY] = run_id


def selected() -> str | None:
    """The run to show, or None. A link to a run that is not there is told in a sentence."""
    run_id = st.query_params.get(KEY) or st.session_state.get(KEY)
    if not run_id:
        return None
    try:
        resources.run(run_id)
    except InputError as error:
        st.warning(plain(str(error)))  # the link's words, that is: somebody's text
        st.session_state.pop(KEY, None)
        st.query_params.pop(KEY, None)
        return None
    select(run_id)
    return run_id


def run_picker() -> Run | None:
    """Choose among the newest runs that have learnt something; the choice goes with the visitor from page to page."""
    options = {run.id: run for run in resources.recent(CHOICES) if run.epoch >= 0}
    chosen = selected()
    if chosen and chosen not in options:
        run = resources.run(chosen)
        if run.epoch >= 0:
            options = {chosen: run, **options}
        else:
            _nothing_learnt(run)
            chosen = None
    if not options:
        st.info("Nothing is trained yet.", icon=":material/model_training:")
        st.page_link("start.py", label="Train both now, on the first page", icon=":material/home:")
        return None
    st.session_state[PICKER] = chosen or next(iter(options))
    st.selectbox("Run", list(options), format_func=lambda run_id: _title(options[run_id]), key=PICKER, on_change=_pick)
    select(st.session_state[PICKER])
    return options[st.session_state[PICKER]]


def _forget_all_but(run_id: str) -> None:
    """What a session knows of single runs, such as the epoch that was looked at, is kept for the last REMEMBERED."""
    seen = [it for it in st.session_state.get(SEEN, []) if it != run_id]
    for old in seen[:-REMEMBERED]:
        for key in [key for key in st.session_state if isinstance(key, str) and f".{old}" in key]:
            del st.session_state[key]
    st.session_state[SEEN] = [*seen[-REMEMBERED:], run_id]


def _pick() -> None:
    """The visitor's choice comes before the link's, which it replaces."""
    select(st.session_state[PICKER])


def _nothing_learnt(run: Run) -> None:
    """Why the run in the link is not the one below."""
    if run.active:
        st.info(f"Run {run.id} is {run.status} and has learnt nothing yet; below is another one. Look again soon.")
    else:
        st.warning(f"Run {run.id} ({run.status}) has learnt nothing; below is another one. {plain(run.error or '')}")


def _title(run: Run) -> str:
    return f"{run.name} · {run.status} · {run.id}"


def epoch_picker(run: Run) -> int:
    """An epoch whose weights were kept; the last one unless the visitor chose another."""
    kept, key = trained.kept_epochs(run.id, run.epoch), f"kept_epoch.{run.id}"
    if len(kept) < 2:
        return kept[-1]
    if st.session_state.get(key) not in kept:
        st.session_state[key] = kept[-1]
    return st.select_slider("Epoch", kept, key=key, help="0 is the state before training.", persist_state="session")
