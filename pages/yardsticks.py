"""Yardsticks: which model is better, and for what?"""

from collections.abc import Callable
from functools import partial

import streamlit as st

from pages.components.lazy_tabs import lazy_tabs
from pages.sections.yardsticks.anomalies import anomalies
from pages.sections.yardsticks.codes import codes
from pages.sections.yardsticks.likelihood import likelihood
from pages.sections.yardsticks.neighbours import neighbours
from pages.sections.yardsticks.samples import samples
from pages.shared import run_picker
from pages.shared.lesson_frame import lesson_on_a_run
from vae.store.runs import Run

TABS = "yardsticks.tabs"


def lesson(run: Run) -> None:
    """One yardstick a tab, each measured when it is asked for."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        epoch = run_picker.epoch_picker(run)
    tabs: dict[str, Callable[[], None]] = {
        "Samples": partial(samples, run, epoch),
        "Codes": partial(codes, run, epoch),
        "Neighbours": partial(neighbours, run, epoch),
        "Anomalies": partial(anomalies, run, epoch),
        "Likelihood": partial(likelihood, run, epoch),
    }
    lazy_tabs(tabs, TABS)


lesson_on_a_run("yardsticks.py", lesson)
