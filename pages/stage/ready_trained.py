"""Runs that come with the program, loaded by one click: for a room without time."""

from __future__ import annotations

import streamlit as st

from pages.shared import run_picker
from pages.state import resources, run_index
from pages.state.shared_reads import shared_for
from pages.text.escape_markdown import escape_markdown
from pages.visitors import actions
from vae.errors import InputError
from vae.exports import examples

PROBLEM, SELECT = "ready_trained.problem", "ready_trained.select"  # in the session, until the page is made again
FRESH = 2.0  # seconds that visitors share a look


@shared_for(FRESH)
def _missing() -> list[str]:
    """Names of the examples that aren't there."""
    try:
        return examples.missing(resources.store())
    except InputError:  # a file is gone: nothing to offer
        return []


def offer() -> None:
    """A quiet button, while some of them aren't there."""
    if problem := st.session_state.pop(PROBLEM, None):
        st.error(escape_markdown(problem))
    if not _missing():
        return
    told = ", ".join(example.title for example in examples.EXAMPLES.values())
    st.button(
        "Load ready-trained runs",
        type="tertiary",
        icon=":material/inventory_2:",
        help=f"Both models, trained beforehand on {told}, each with a 2-D code. They come with the program.",
        key="ready_trained",
        on_click=_load,  # before all else: another click at once would end this run of the page, and lose it
    )


def _load() -> None:
    try:
        loaded = actions.load_examples()
    except InputError as error:
        st.session_state[PROBLEM] = str(error)
        return
    _missing.clear()
    run_index.forget()
    run_picker.select(next(iter(loaded.runs.values())))
