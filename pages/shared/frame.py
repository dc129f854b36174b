"""The frame of a lesson about a trained run."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from vae.errors import InputError
from vae.runs.store import Run

from . import selection, trained
from .plain import plain


def lesson_on_a_run(lesson: Callable[[Run], None]) -> None:
    """Let the visitor choose a run, and show `lesson` of it, which runs again by itself when its controls are moved.

    What can't be shown (no data set here, another one by now) is said in a sentence.
    """
    run = selection.run_picker()
    if run is None:
        return

    def guarded() -> None:
        try:
            if not trained.watched(run.id).unchanged:
                st.warning("The images on this computer are not those that this run was trained on.")
            lesson(run)
        except InputError as problem:
            st.error(plain(str(problem)))

    st.fragment(guarded)()
