"""The table of all runs: filters above, rows to tick, and below it what was ticked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from functools import partial
from typing import Any

import numpy as np
import streamlit as st

from pages.shared.csv_button import csv
from pages.state import resources
from pages.state.run_index import MARKS, TEST_COLUMNS, EveryRun, every_run, forget
from pages.text.words import plural
from pages.visitors.visitor import local, visitor
from vae import naming
from vae.figures.style import TERM_COLOURS, VARIANT_COLOURS, VARIANT_SHORT
from vae.metrics import METRICS

from . import compared_runs, run_actions
from .chosen_list import chosen_list
from .compared_runs import MOST_RUNS, MOST_SETTINGS, ComparedSetting

POLL = 2.0  # seconds between looks while runs are under way
HEIGHT, ROW = 318, 35  # pixels: at the most, and of a row
KEY, SHOWN_IDS = "compare.table", "compare.shown"  # SHOWN_IDS: ids of the rows as they were last sent
AE, VAE = VARIANT_COLOURS["ae"], VARIANT_COLOURS["vae"]
MARK_COLOURS = [AE, VAE, TERM_COLOURS["loss"]]  # of run_index.MARKS
FILTERS = {"dataset": "Data set", "reconstruction": "Loss", "status": "Status", "tag": "Tag"}


def table() -> None:
    """Filters and table, by themselves: a filter redraws nothing else."""
    every = every_run()
    st.fragment(_table, run_every=POLL if every.active else None)(every.active, compared_runs.standing(every))


def _table(was_active: bool, stood: dict[str, str]) -> None:
    every = every_run()
    if (was_active and not every.active) or compared_runs.standing(every) != stood:
        forget()
        st.rerun()  # as a whole: what is said of the chosen runs beside the table, too
    rows = filters(every)
    shown = every.ids[rows]
    _tick(shown)
    columns = {name: told for name, told in RUN_TABLE_COLUMNS.items() if name in every.columns}
    st.dataframe(
        every.table.take(rows) if len(rows) < len(every.ids) else every.table,
        key=KEY,
        height=min(HEIGHT, ROW * (len(rows) + 1) + 3),
        column_config=columns,
        column_order=list(columns),
        on_select=_ticked,
        selection_mode="multi-row",
        placeholder="–",
        alt="All runs",
    )
    found, too_many = compared_runs.settings(every)
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        st.markdown(_counted(len(rows), len(every.ids), set(shown), found))
        with st.popover("More", icon=":material/more_horiz:", key="compare.more"):
            if found:
                run_actions.buttons(every, [run for setting in found for run in setting.runs])
                st.button("Choose none", icon=":material/deselect:", type="tertiary", on_click=_none)
            csv(
                lambda: every.runs.iloc[rows].drop(columns=["settings", *every.never_asked]),
                "runs",
                "CSV of these runs",
            )
    _yardsticks(every)
    run_actions.told(every)
    if too_many:
        st.warning(
            f"At most {MOST_SETTINGS} different settings and {MOST_RUNS} runs can be compared at a time: "
            f"{plural(too_many, 'chosen run')} left out."
        )
    chosen_list(found)


def _yardsticks(every: EveryRun) -> None:
    """Where to ask for what training does not measure, and of how many runs somebody has."""
    names = dict.fromkeys(metric.asked for metric in METRICS.values() if metric.asked)
    chosen = compared_runs.ids()
    st.page_link(
        "yardsticks.py",
        label=f"Yardsticks: {', '.join(names)}",
        icon=":material/straighten:",
        help="Measured when you ask for them, run by run; then they have columns in this table. So far of "
        + (f"{every.asked:,} of {plural(len(every.ids), 'run')}." if every.asked else "no run."),
        query_params={"run": chosen[0]} if chosen else None,
    )


def _counted(rows: int, there: int, shown: Set[str], found: Sequence[ComparedSetting]) -> str:
    """How many runs the table shows, and how many are chosen."""
    ticked = compared_runs.ids()
    said = f"**{plural(rows, 'run')}**" + (f" of {there:,}" if rows < there else "") + f" · {len(ticked)} chosen"
    if hidden := len(set(ticked) - shown):
        said += f", {hidden} of them hidden by the filter"
    return said + (f" ({plural(len(found), 'setting')})" if found else "")


def filters(every: EveryRun) -> np.ndarray:
    """Row numbers of what the visitor wants to see."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        words = st.text_input(
            "Search",
            key="compare.search",
            type="search",
            live="15ms",
            icon=":material/search:",
            placeholder="Search: name, tag, note or id",
            label_visibility="collapsed",
            persist_state="session",
        )
        with st.popover("Filter", icon=":material/filter_list:", key="compare.filters"):
            wanted = {name: _wanted(every, name) for name in FILTERS}
            mine = None
            if not local() and st.toggle("Only mine", key="compare.mine", persist_state="session"):
                mine = resources.asked_by(visitor())
    return matching(every, words, wanted, mine)


def _wanted(every: EveryRun, name: str) -> list[str]:
    """Values of one kind that the visitor wants to see; none: any."""
    options = every.tags if name == "tag" else sorted(set(every.runs[name]))
    key = f"compare.filter.{name}"
    before = st.session_state.get(key, [])
    kept = [value for value in before if value in options]
    if kept != before:
        st.session_state[key] = kept
    return st.multiselect(
        FILTERS[name],
        options,
        key=key,
        format_func=partial(naming.words, name),
        placeholder="All" if options else "None yet",
        disabled=not options,
        persist_state="session",
        width=260,
    )


def matching(
    every: EveryRun, words: str, wanted: Mapping[str, Sequence[str]], among: Set[str] | None = None
) -> np.ndarray:
    """Row numbers of runs that hold all `words`, and one of the wanted values of each kind (none wanted: any).

    `among`: ids that alone are wanted.
    """
    keep = np.ones(len(every.ids), dtype=bool)
    if among is not None:
        keep &= np.fromiter((run_id in among for run_id in every.ids), bool, len(keep))
    if asked := words.lower().split():
        keep &= np.fromiter((all(word in text for word in asked) for text in every.text), bool, len(keep))
    for name in ("dataset", "reconstruction", "status"):
        if values := wanted.get(name):
            keep &= every.runs[name].isin(values).to_numpy()
    if tags := set(wanted.get("tag") or ()):
        keep &= np.fromiter((not tags.isdisjoint(tags_of_run) for tags_of_run in every.runs["tags"]), bool, len(keep))
    return np.flatnonzero(keep)


def _tick(shown: np.ndarray) -> None:
    """Ticks belong to runs, rows to the filter: where a run has moved to another row, its tick goes with it."""
    picked = set(compared_runs.ids())
    rows = [row for row, run_id in enumerate(shown) if run_id in picked]
    state = st.session_state.get(KEY)
    before = sorted(state["selection"]["rows"]) if state else []
    if before != rows:
        st.session_state[KEY] = {"selection": {"rows": rows, "columns": [], "cells": []}}
    st.session_state[SHOWN_IDS] = list(shown)


def _ticked() -> None:
    """Rows were ticked or unticked: what the filter hides stays chosen."""
    shown: list[str] = st.session_state[SHOWN_IDS]
    rows = st.session_state[KEY]["selection"]["rows"]
    now = [shown[row] for row in rows if row < len(shown)]
    gone, before = set(shown) - set(now), compared_runs.ids()
    compared_runs.choose([*(run_id for run_id in before if run_id not in gone), *now])
    if (
        compared_runs.ids() != before
    ):  # the browser also tells what a link has ticked: no reason to drop a click that came with it
        st.rerun()


def _none() -> None:
    compared_runs.choose([])
    st.rerun()


def _number(title: str, style: str, explanation: str | None = None) -> Any:
    """Every column has a width: finding one means measuring the text of its cells, in the browser, at every filter."""
    return st.column_config.NumberColumn(title, format=style, help=explanation, width=30 + 8 * len(title))


_OF = "At the last recorded epoch, on the validation images (training images where none are set aside)."
_TEST = "On the test images, measured once, when the run was done. Not used to choose anything."
RUN_TABLE_COLUMNS: dict[str, Any] = {
    "name": st.column_config.TextColumn("Run", pinned=True, width=190),
    "ae_watched_reconstruction": _number("AE rec.", "%.2f", f"Reconstruction per image. {_OF}"),
    "vae_watched_reconstruction": _number("VAE rec.", "%.2f", f"Reconstruction per image, from a sample. {_OF}"),
    "vae_watched_kl": _number("VAE KL", "%.2f", f"Nats per image. {_OF}"),
    "vae_bound": _number("VAE rec. + KL", "%.2f", f"The negative bound (β = 1), whatever β was trained with. {_OF}"),
    "best": st.column_config.MultiselectColumn(
        "Lowest in its group",
        options=list(MARKS),
        color=MARK_COLOURS,
        width=180,
        help="On validation images, among runs with the same images and the same reconstruction loss. One seed each: "
        "another seed may give another order.",
    ),
    "ae_curve": st.column_config.LineChartColumn(
        "AE objective", color=AE, width=90, help="Per epoch, on the validation images; each curve has its own scale."
    ),
    "vae_curve": st.column_config.LineChartColumn(
        "VAE objective", color=VAE, width=100, help="Reconstruction + β · KL per epoch; each curve has its own scale."
    ),
    "status": st.column_config.TextColumn("Status", width=90),
    "tags": st.column_config.ListColumn("Tags", width=120),
    "note": st.column_config.TextColumn("Note", width=150),
    **{
        column: _number(
            f"{VARIANT_SHORT[variant]} {METRICS[name].short}, test",
            METRICS[name].style,
            f"{METRICS[name].sentence} {_TEST}",
        )
        for column, (variant, name) in TEST_COLUMNS.items()
    },
    "dataset": st.column_config.TextColumn("Data set", width=110),
    "reconstruction": st.column_config.TextColumn("Loss", width=110, help="The reconstruction loss."),
    "latent_dim": _number("Dimensions", "%d", "Of the code."),
    "beta": _number("β", "%g", "The weight of the KL."),
    "seed": _number("Seed", "%d"),
    "epochs": _number("Epochs", "%d"),
    "hidden": st.column_config.TextColumn("Hidden layers", width=120),
    "estimator": st.column_config.TextColumn("Estimator", width=110),
    "variants": st.column_config.TextColumn("Variants", width=110),
    "seconds": _number("Seconds", "%.1f", "Spent in its epochs, without waiting."),
    "created_at": st.column_config.DatetimeColumn("Made", format="distance", width=120),
    "id": st.column_config.TextColumn("Id", width=90),
}
