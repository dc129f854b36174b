"""A run on the stage: who it is and how far, what it shows, and what it came to. The same on every page."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Literal

import pandas as pd
import streamlit as st

from pages.components.lazy_tabs import lazy_tabs
from pages.components.stage import stage
from pages.shared import epochs
from pages.shared.csv_button import csv
from pages.shared.export_panel import take_home
from pages.shared.share_link import link
from pages.shared.time_estimates import time_left, waiting_time
from pages.shared.which_images import tested
from pages.state import resources
from pages.state.outage_banner import banner
from pages.text.escape_markdown import escape_markdown
from pages.text.words import duration
from pages.visitors import actions
from vae import naming
from vae.choices.likelihoods import LIKELIHOODS
from vae.errors import InputError
from vae.figures.style import VARIANT_TITLES
from vae.metrics import METRICS, compared, where_measured
from vae.store.runs import Run

from . import seat

POLL = 0.5  # seconds between looks at a run that is being trained, or is next
PATIENTLY = 2.0  # at one that waits behind others: a class that waits must not slow down those who look around

LINK_TOLD = "Opens this run. A server that does not have it offers to train it, with the same settings and seed."
IMPORTED = (
    "The weights of this run were imported from a file and measured here. How they were trained is not known: there is "
    "one state, shown as epoch {epochs}, and there are no curves."
)
LONG = 40  # letters of a name that has the row to itself
PROGRESS = 330  # pixels of the bar
BADGES: dict[str, tuple[str, Literal["gray", "violet", "green", "yellow", "red"]]] = {
    "queued": (":material/hourglass_top:", "gray"),
    "running": (":material/play_arrow:", "violet"),
    "done": (":material/check:", "green"),
    "stopped": (":material/stop:", "yellow"),
    "interrupted": (":material/power_off:", "yellow"),
    "failed": (":material/error:", "red"),
}


def run_header(run_id: str) -> None:
    """Status, name, progress and what can be done, in one row. Polls only while the run is under way."""
    pace = _pace(resources.run(run_id))
    st.fragment(_header, run_every=pace)(run_id, pace)


def run_stage(run_id: str, *, key: str = "stage", **shown: Any) -> Any:
    """Both models, live or replayed; `shown` and the answer as of `components.stage.stage`."""
    return stage(run_id, seat.address(run_id), key=key, epoch=epochs.looked_at(run_id), **shown)


def run_results(run_id: str) -> None:
    """Of a run that has ended, below its stage: the test images, and what to take home."""
    run, history = resources.progress(run_id)
    if run.active or run.epoch < 0:
        return
    on_test = partial(_test_table, run, history[history["split"] == "test"])
    home = partial(_take_home, run, history)
    lazy_tabs(
        {"On the test images": on_test, "Take home": home} if run.status == "done" else {"Take home": home}, "run.tab"
    )


def _take_home(run: Run, history: pd.DataFrame) -> None:
    csv(lambda: history, f"history-{run.id}", "CSV of all epochs")
    take_home([run])


def _pace(run: Run) -> float | None:
    """Seconds between looks; None once it has ended."""
    if not run.active:
        return None
    return PATIENTLY if resources.places().get(run.id, 0) > resources.jobs().workers else POLL


def _header(run_id: str, pace: float | None) -> None:
    run = resources.run(run_id)
    if pace and _pace(run) != pace:
        if not run.active:
            resources.forget()
        st.rerun()  # once more as a whole, and then in its new pace, or without polling
    icon, colour = BADGES[run.status]
    with st.container(horizontal=True, vertical_alignment="center", key="run_header"):
        st.badge(run.status, icon=icon, color=colour)
        given = f"**{escape_markdown(run.name)}**  ·  " if run.name != naming.name(run.config) else ""
        st.markdown(f"{given}run `{run.id}`", width="content" if len(given) < LONG else "stretch")
        if run.active:
            st.progress(max(run.epoch, 0) / run.config.epochs, text=_progress_text(run), width=PROGRESS)
        pressed = _stop_or_resume(run)
        if run.imported:
            link("train", {epochs.RUN: run.id}, "Opens this run on this server.")
        else:
            link("train", run.config.query(), LINK_TOLD)
    if pressed:
        try:
            pressed(run.id)
        except InputError as problem:
            st.error(str(problem))
        else:
            st.rerun()
    if run.imported:
        st.info(IMPORTED.format(epochs=run.config.epochs))
    if run.error:
        (st.error if run.status == "failed" else st.info)(run.error)
    if run.ending:
        st.caption(run.ending)
    if run.active:
        banner()


def _stop_or_resume(run: Run) -> Callable[[str], None] | None:
    """A button that stops a run or resumes it; what it does, when it was pressed."""
    if run.active:
        reason, label = actions.refusal(run.visitor, "run", "stop it"), "Stopping…" if run.stop_requested else "Stop"
        refused = run.stop_requested or reason is not None
        if st.button(label, icon=":material/stop:", disabled=refused, help=reason, key="stop"):
            return actions.stop
    elif run.resumable:
        reason = actions.refusal(run.visitor, "run", "resume it")
        shown: dict[str, Any] = {
            "icon": ":material/resume:",
            "type": "primary",
            "disabled": reason is not None,
            "help": reason,
        }
        if st.button("Resume", key="resume", **shown):
            return actions.resume
    return None


def _progress_text(run: Run) -> str:
    if run.status == "queued":
        place, wait = resources.places().get(run.id), waiting_time(run.id)
        if not place:
            return "Starting…"
        about = "" if not wait else f", about {duration(wait)}"
        return f"Waiting for a free worker: number {place} in the queue{about}."
    if run.epoch < 1:
        return "Starting…"
    return f"Epoch {run.epoch} of {run.config.epochs} · about {duration(time_left(run))} left"


def _test_table(run: Run, test: pd.DataFrame) -> None:
    """The test split, reported once, at the end."""
    likelihood = LIKELIHOODS[run.config.reconstruction]
    table = test.set_index("variant").loc[list(run.config.variants)]
    table.index = pd.Index([VARIANT_TITLES[name] for name in table.index], name="Model")
    there = where_measured(compared(), lambda name: table[name].notna().any())
    names = {name: METRICS[name].heading(likelihood.per_image) for name in there}
    table = table[list(names)].rename(columns=names).map(lambda value: "–" if pd.isna(value) else f"{value:.4g}")
    st.dataframe(table, width="stretch")
    floor = run.data["floor"]["test"]
    st.caption(
        f"Means over {tested(run)}, not used to choose anything. Predicting the mean training image costs "
        f"{floor[run.config.reconstruction]:.2f} ({likelihood.per_image}) or an MSE of {floor['mse']:.4f}. An "
        "autoencoder's reconstruction and a VAE's objective are different quantities: compare reconstructions, not "
        "losses."
    )
