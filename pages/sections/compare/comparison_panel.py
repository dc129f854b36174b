"""The chosen runs: who they are, what can be done with them, and how they compare."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import streamlit as st

from pages.components.svg import svg
from pages.shared.csv_button import csv
from pages.stage.run_panel import BADGES
from pages.state.run_index import every_run, forget
from pages.text.words import plural
from vae.figures.comparing import dash_of
from vae.figures.style import ALARM, NEUTRAL

from . import compared_runs, paired_difference, run_actions, run_curves, side_by_side
from .compared_runs import MOST_SETTINGS, ComparedSetting

POLL = 1.0  # seconds between looks while a chosen run is under way
SEEDS_LINKED = 6  # of each of the settings
SVG_DASHES = {"solid": "", "dash": "9 7", "dot": "2 5", "dashdot": "9 4 2 4", "longdash": "15 7"}
SVG_DASHES |= {"longdashdot": "15 5 3 5", "1px,7px": "1 7", "14px,3px,3px,3px,3px,3px": "14 3 3 3 3 3"}


def panel() -> list[ComparedSetting]:
    """All about the chosen runs, looked at again by itself while one is under way. Returns what is compared."""
    every = every_run()
    found, _ = compared_runs.settings(every)
    active = any(run.active for setting in found for run in setting.runs)
    st.fragment(_panel, run_every=POLL if active else None)(compared_runs.standing(every))
    return found


def _panel(stood: dict[str, str]) -> None:
    every = every_run()
    found, too_many = compared_runs.settings(every)
    if any(run.status != stood.get(run.id) for setting in found for run in setting.runs):
        forget()
        st.rerun()  # as a whole: the table tells the same, and what can be taken home is another
    run_actions.told(every)
    if not found:
        st.info(
            "Tick runs in the table to lay them over one another: curves, a paired difference, reconstructions and "
            "codes side by side.",
            icon=":material/checklist:",
        )
        return
    runs = [run for setting in found for run in setting.runs]
    st.header(f"{plural(len(runs), 'run')}, {plural(len(found), 'setting')}", divider="gray")
    run_actions.buttons(every, runs)
    if too_many:
        st.warning(
            f"Up to {MOST_SETTINGS} different settings, with up to {compared_runs.MOST_RUNS} runs in all, are compared "
            f"at a time: {plural(too_many, 'chosen run')} left out."
        )
    for setting in found:
        _who(setting)
    what_differs(found)
    run_curves.overlaid_curves(found, every.groups)
    if len(found) > 1:
        paired_difference.paired_differences(found)
    side_by_side.side_by_side(found)


def _who(setting: ComparedSetting) -> None:
    """One line: its letter and dash, its name, how it stands, and the ways to Train."""
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        with st.container(width=78):
            svg(_sample(setting.letter), key=f"compare.sample.{setting.letter}")
        st.html(f"<div style='min-width:9rem'>{escape(setting.title)}</div>", width="content")
        for status in dict.fromkeys(run.status for run in setting.runs):
            icon, colour = BADGES[status]
            count = sum(run.status == status for run in setting.runs)
            st.badge(f"{count} {status}" if len(setting.runs) > 1 else status, icon=icon, color=colour)
        for tag in dict.fromkeys(tag for run in setting.runs for tag in run.tags):
            st.html(f"<span style='{TAG}'>{escape(tag)}</span>", width="content")
        for run in setting.runs[:SEEDS_LINKED]:
            label = "Open in Train" if len(setting.runs) == 1 else f"seed {run.config.seed}"
            st.page_link("train.py", label=label, icon=":material/open_in_new:", query_params={"run": run.id})
    for run in setting.runs:
        if run.error:
            st.html(f"<div style='color:{ALARM};font-size:.9rem'>{run.id}: {escape(run.error)}</div>")
        if run.note:
            st.html(f"<div style='{NOTE}'>{escape(run.note)}</div>")


TAG = f"border:1px solid {NEUTRAL};border-radius:.8rem;padding:.05rem .55rem;font-size:.85rem"
NOTE = f"border-left:3px solid {NEUTRAL};padding-left:.6rem;font-size:.9rem;white-space:pre-wrap;opacity:.85"


def _sample(letter: str) -> str:
    """The letter and a piece of its line."""
    return (
        f'<svg width="76" height="22" role="img" aria-label="Settings {letter}">'
        f'<text x="0" y="17" font-size="17" font-weight="700" fill="currentColor">{letter}</text>'
        f'<line x1="20" x2="74" y1="11" y2="11" stroke="currentColor" stroke-width="2.5" '
        f'stroke-dasharray="{SVG_DASHES[dash_of(letter)]}"/></svg>'
    )


def what_differs(found: Sequence[ComparedSetting]) -> None:
    """A table of what their configs do not share."""
    from vae.analysis.comparing import differing

    if len(found) == 1:
        if len(found[0].runs) > 1:
            st.caption("These runs differ in the seed alone.")
        return
    table = differing({setting.letter: setting.config for setting in found})
    st.header("What differs", divider="gray")
    st.dataframe(
        table,
        hide_index=True,
        width="content",
        column_config={"setting": st.column_config.TextColumn("Setting", pinned=True)},
    )
    st.caption("All else is the same, the seeds of each aside.")
    csv(lambda: table, "differences-of-settings")
