"""The frame of a lesson about a trained run."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from pages.state import loaded_models
from pages.text.escape_markdown import escape_markdown
from vae.errors import InputError
from vae.store.runs import Run

from . import run_picker


def lesson_on_a_run(lesson: Callable[[Run], None]) -> None:
    """Let the visitor choose a run, and show `lesson` of it, which runs again by itself when its controls are moved.

    What can't be shown (no data set here, another one by now) is said in a sentence.
    """
    run = run_picker.run_picker()
    if run is None:
        return

    def guarded() -> None:
        try:
            if not loaded_models.watched(run.id).unchanged:
                st.warning("The images on this computer are not those that this run was trained on.")
            lesson(run)
        except InputError as problem:
            st.error(escape_markdown(str(problem)))

    st.fragment(guarded)()
