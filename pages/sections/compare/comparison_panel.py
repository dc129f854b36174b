"""The chosen runs from several sides, one tab each; all runs where none is chosen."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import streamlit as st

from pages.components.lazy_tabs import lazy_tabs
from pages.shared.csv_button import csv
from pages.shared.export_panel import reproduce_panel, take_home
from pages.state.run_index import every_run, forget
from pages.text.terms import explain
from vae.analysis.comparing import differing

from . import compared_runs
from .compared_runs import ComparedSetting
from .paired_difference import paired_differences
from .rate_distortion import frontier
from .run_curves import overlaid_curves
from .side_by_side import side_by_side

POLL = 1.0  # seconds between looks while a chosen run is under way
View = Callable[[Sequence[ComparedSetting]], None]


def panel() -> None:
    """Tabs. The open one looks again by itself while a chosen run is under way."""
    every = every_run()
    found, _ = compared_runs.settings(every)
    active = any(run.active for setting in found for run in setting.runs)
    part = st.fragment(_view, run_every=POLL if active else None)
    lazy_tabs(
        {title: partial(part, draw, compared_runs.standing(every)) for title, draw in _views(found).items()},
        "compare.view",
    )


def _views(found: Sequence[ComparedSetting]) -> dict[str, View]:
    """What there is to see, by title."""
    views: dict[str, View] = {}
    if found:
        views["Curves"] = overlaid_curves
    if len(found) > 1:
        views["Difference"] = paired_differences
    if found:
        views |= {"Images": side_by_side, "Settings": what_differs}
    return views | {"Rate and distortion": frontier, "Files": _files}


def _view(draw: View, stood: dict[str, str]) -> None:
    found, _ = compared_runs.settings(every_run())
    if any(run.status != stood.get(run.id) for setting in found for run in setting.runs):
        forget()
        st.rerun()  # as a whole: the table tells the same, and what can be downloaded is another
    draw(found)


def what_differs(found: Sequence[ComparedSetting]) -> None:
    """A table of what their configs do not share."""
    if len(found) == 1:
        st.caption("These runs differ only in the seed." if len(found[0].runs) > 1 else "Tick another run to compare.")
        return
    table = differing({setting.letter: setting.config for setting in found})
    column = st.column_config.TextColumn("Setting", pinned=True)
    st.dataframe(table, hide_index=True, width="content", column_config={"setting": column})
    st.caption("All other settings are the same, apart from the seeds.")
    csv(lambda: table, "differences-of-settings")


def _files(found: Sequence[ComparedSetting]) -> None:
    """What can be downloaded of the chosen runs, and a run file from elsewhere."""
    runs = [run for setting in found for run in setting.runs]
    if any(run.status == "done" for run in runs):  # what is still in training can't be downloaded
        st.header("Download")
        take_home(runs)
    st.header("Can we reproduce the result?")
    st.markdown(
        "A run file holds runs with their results. Upload one from any server: its runs are trained again here and "
        "checked for identical results."
    )
    explain("run file")
    reproduce_panel()
