"""The chosen settings, one line each: letter and line style, name, how they stand, and the way to Train."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import streamlit as st

from pages.components.svg import svg
from pages.stage.run_panel import BADGES
from vae.figures.comparing import dash_of
from vae.figures.style import ALARM, NEUTRAL

from .compared_runs import ComparedSetting

SEEDS_LINKED = 6  # of each of the settings
SVG_DASHES = {"solid": "", "dash": "9 7", "dot": "2 5", "dashdot": "9 4 2 4", "longdash": "15 7"}
SVG_DASHES |= {"longdashdot": "15 5 3 5", "1px,7px": "1 7", "14px,3px,3px,3px,3px,3px": "14 3 3 3 3 3"}
TAG = f"border:1px solid {NEUTRAL};border-radius:.8rem;padding:.05rem .55rem;font-size:.85rem"
NOTE = f"border-left:3px solid {NEUTRAL};padding-left:.6rem;font-size:.9rem;white-space:pre-wrap;opacity:.85"


def chosen_list(found: Sequence[ComparedSetting]) -> None:
    """A line for each of the settings; errors and notes of its runs below it."""
    for setting in found:
        _line(setting)
        for run in setting.runs:
            if run.error:
                st.html(f"<div style='color:{ALARM};font-size:.9rem'>{run.id}: {escape(run.error)}</div>")
            if run.note:
                st.html(f"<div style='{NOTE}'>{escape(run.note)}</div>")


def _line(setting: ComparedSetting) -> None:
    single = len(setting.runs) == 1
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        with st.container(width=64):
            svg(_sample(setting.letter), key=f"compare.sample.{setting.letter}")
        st.html(f"<div>{escape(setting.title)}</div>", width="content")
        for status in dict.fromkeys(run.status for run in setting.runs if run.status != "done"):
            icon, colour = BADGES[status]
            count = sum(run.status == status for run in setting.runs)
            st.badge(status if single else f"{count} {status}", icon=icon, color=colour)
        for tag in dict.fromkeys(tag for run in setting.runs for tag in run.tags):
            st.html(f"<span style='{TAG}'>{escape(tag)}</span>", width="content")
        for run in setting.runs[:SEEDS_LINKED]:
            label = "Open in Train" if single else f"seed {run.config.seed}"
            st.page_link("train.py", label=label, query_params={"run": run.id}, help=f"Open run {run.id} in Train")


def _sample(letter: str) -> str:
    """The letter and a piece of its line."""
    return (
        f'<svg width="62" height="22" role="img" aria-label="Settings {letter}">'
        f'<text x="0" y="17" font-size="17" font-weight="700" fill="currentColor">{letter}</text>'
        f'<line x1="18" x2="60" y1="11" y2="11" stroke="currentColor" stroke-width="2.5" '
        f'stroke-dasharray="{SVG_DASHES[dash_of(letter)]}"/></svg>'
    )
