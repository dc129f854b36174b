"""Asked for what was trained already: it is offered at once, and nobody is kept from training it again."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

import streamlit as st

from pages.state import resources
from pages.visitors import actions
from pages.visitors.visitor import visitor
from vae.config import RunConfig
from vae.errors import InputError
from vae.store.runs import Run

from . import run_picker

ASKED = "again.asked"  # in the session: where it was asked, for what, and which run answers it


def train(config: RunConfig, where: str) -> bool:
    """A button was pressed: train, or let `question` ask first. Raises InputError when it can't be trained.

    Returns whether it was queued, and is looked at from the next rerun on.
    """
    same = resources.store().same(config)
    if same:
        st.session_state[ASKED] = (where, config, same.id)
    else:
        _train(config)
    return not same


def question(config: RunConfig | None, where: str) -> None:
    """Whether the run that is there is enough, under the button that was pressed; gone once the form says otherwise."""
    asked = st.session_state.get(ASKED)
    if not asked or asked[:2] != (where, config):
        return
    run = resources.run(asked[2])
    shown = run_picker.selected() == run.id
    with st.container(border=True, key="again"):
        st.markdown(f"{_told(run)}{' It is shown below.' if shown else ''}")
        with st.container(horizontal=True):
            label = "Keep this result" if shown else "Watch it" if run.active else "Show it"
            agreed = st.button(label, type="primary", icon=":material/visibility:", key="again.show")
            train_anyway = st.button("Train again", icon=":material/replay:", key="again.train")
    if agreed:
        del st.session_state[ASKED]
        run_picker.select(run.id)
        st.rerun()
    if train_anyway and config:
        try:
            _train(config)
        except InputError as problem:
            st.error(str(problem))
        else:
            st.rerun()


def _train(config: RunConfig) -> None:
    run_picker.select(actions.train(config))
    st.session_state.pop(ASKED, None)


def _told(run: Run) -> str:
    whose = "you asked" if run.visitor == visitor() else "someone asked"
    if run.status == "queued":
        return f"**This run is already queued:** {whose} for the same settings and seed (run `{run.id}`)."
    if run.active:
        progress = f"epoch {max(run.epoch, 0)} of {run.config.epochs}"
        return f"**This run is already running:** same settings, same seed, {progress} (run `{run.id}`)."
    told = f"**You already have this run:** same settings, same seed (run `{run.id}`, {run.created_at:%d %b})."
    if run.from_a_file:
        return f"{told} It was trained beforehand, and not on this machine: trained here, the last digits may differ."
    then, here = (run.versions or {}).get("torch"), _torch()
    if then and then != here:
        return f"{told} It was trained with torch {then}; this is torch {here}, so the last digits may differ."
    return f"{told} On this machine a new training gives the same numbers."


def _torch() -> str:
    try:
        return version("torch")
    except PackageNotFoundError:
        return "?"
