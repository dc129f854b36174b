"""The frame of a lesson about a trained run."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from pages.state import loaded_models
from pages.text.escape_markdown import escape_markdown
from vae.errors import InputError
from vae.learning.networks import network_of
from vae.store.runs import Run

from . import run_picker
from .page_head import page_head


def lesson_on_a_run(
    file: str, lesson: Callable[[Run], None], sentence: str = "", otherwise: Callable[[], None] = lambda: None
) -> None:
    """The head of the page in `file`, where the visitor chooses a run, and the `lesson` of that run.

    `otherwise` is shown where there is none, or where it can't be shown.

    The lesson runs again by itself when its controls are moved.

    What can't be shown (no data set here, another one by now) is said in a sentence.
    """
    run = run_picker.run_picker(page_head(file, sentence))
    if run is None:
        otherwise()
        return

    def guarded() -> None:
        try:
            network_of(run.config)  # of a network of one's own whose file is gone, before half of the page is there
            if not loaded_models.watched(run.id).unchanged:
                st.warning("The images on this computer are not those that this run was trained on.")
            lesson(run)
        except InputError as problem:
            st.error(escape_markdown(str(problem)))
            otherwise()

    st.fragment(guarded)()
