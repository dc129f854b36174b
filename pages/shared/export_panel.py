"""Runs to download, and run files (capsules) from elsewhere: trained again here, and checked for identical results."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import pandas as pd
import streamlit as st

from pages.state import resources
from pages.text.escape_markdown import escape_markdown
from pages.text.terms import explain
from pages.visitors import actions
from vae.errors import InputError
from vae.exports.capsule import MAX_BYTES, Capsule, RunRecord, capsule, dumps, read
from vae.exports.rerun import DIFFERS, IMPOSSIBLE, WITHIN, Outcome, outcome_of, told_apart, unrepeatable
from vae.naming import words
from vae.store.runs import Run

from .csv_button import csv

POLL = 0.5
RUN_FILE = "Run file (JSON)"  # a capsule, as pages call it
MANY = 50  # runs beyond which a report is not read, a zip file takes a server's memory, and reruns hold up a class
RERUNS = (
    "capsule_reruns"  # in the session: digest of a file → number of its run → id of its rerun, or why there is none
)
ICONS = {WITHIN: ":material/approval:", DIFFERS: ":material/difference:", IMPOSSIBLE: ":material/block:"}


def take_home(runs: list[Run]) -> None:
    """Buttons that download the runs that are done. What they give is made when somebody asks for it."""
    ids = [run.id for run in runs if run.status == "done"]
    if not ids:
        return
    name = f"run-{ids[0]}" if len(ids) == 1 else f"{len(ids)}-runs"
    key = hashlib.sha256(" ".join(ids).encode()).hexdigest()[:12]
    trained = [run.id for run in runs if run.status == "done" and not run.imported]
    few = len(ids) <= MANY
    too_many = "" if few else f" At most {MANY} runs at a time."
    made: list[tuple[str, Callable[[], str | bytes], str, str, str, bool]] = [
        (RUN_FILE, lambda: dumps(capsule(resources.store(), trained)), f"capsule-{name}.json", "application/json",
         "All that is needed to train these runs again and check for identical results (a capsule). Not of runs whose "
         "weights were imported.", bool(trained)),
        ("Folder", lambda: _zip(ids), f"{name}.zip", "application/zip",
         f"A zip file: settings, numbers, weights, pictures, and ten lines of PyTorch that load them.{too_many}", few),
        ("Report", lambda: _report(ids), f"report-{name}.html", "text/html",
         f"One web page with all figures. It opens without internet.{too_many}", few),
    ]  # fmt: skip
    with st.container(horizontal=True, vertical_alignment="center"):
        for label, data, file, mime, told, enabled in made:
            st.download_button(
                label,
                data,
                file,
                mime,
                key=f"take_home.{label}.{key}",
                icon=":material/download:",
                on_click="ignore",
                help=told,
                disabled=not enabled,
            )
    if len(ids) < len(runs):
        st.caption(f"Only runs with the status done: {len(ids)} of these {len(runs)}.")


def _zip(ids: list[str]) -> bytes:
    from vae.exports.run_folder import as_zip

    return as_zip(resources.store(), ids)


def _report(ids: list[str]) -> str:
    from vae.exports.report import comparison

    return comparison(resources.store(), ids)


def reproduce_panel() -> None:
    """A run file: what it holds, a button that trains its runs again, and how the results compare."""
    file = st.file_uploader(
        RUN_FILE,
        type="json",
        key="capsule_file",
        max_upload_size=MAX_BYTES >> 20,
        help="Runs with their results, from any server. They are trained again here, and the results compared.",
    )
    explain("run file")
    if file is None:
        return
    content = file.getvalue()
    digest = hashlib.sha256(content).hexdigest()
    try:
        sealed = _read(digest, content)
    except InputError as error:
        st.error(escape_markdown(str(error)))
        return
    _contents(sealed)
    reruns = st.session_state.setdefault(RERUNS, {})
    count = len(sealed.runs)
    label = "Train it again" if count == 1 else f"Train all {count} again"
    few = count <= MANY
    if not few:
        st.caption(f"For more than {MANY} runs use the command line: `python -m vae reproduce FILE`.")
    if st.button(label, type="primary", icon=":material/replay:", key="reproduce", disabled=not few):
        with st.spinner("Looking at the data …"):
            reruns[digest] = {number: _train_again(old) for number, old in enumerate(sealed.runs)}
        resources.forget()
    if digest in reruns:
        active = any(_active(rerun) for rerun in reruns[digest].values())
        st.fragment(_judged, run_every=POLL if active else None)(sealed, digest, active)


@st.cache_resource(max_entries=4, ttl=1800, show_spinner=False)
def _read(digest: str, _content: bytes) -> Capsule:
    return read(_content)


def _contents(sealed: Capsule) -> None:
    """What the file holds, made when and where. It is all text from elsewhere, so none of it is read as Markdown."""
    if sealed.altered:
        st.warning(
            "This file was changed after it was written: its checksum is wrong. Training again shows what differs.",
            icon=":material/warning:",
        )
    versions = sorted({f"torch {run.versions.get('torch', '?')}" for run in sealed.runs})
    machines = sorted({run.machine.processor if run.machine else "an unknown computer" for run in sealed.runs})
    st.caption(
        escape_markdown(
            f"Made {sealed.made_at:%d %B %Y, %H:%M} with {', '.join(versions[:3])} on {', '.join(machines[:3])}."
        )
    )
    rows = [
        {
            "Run": run.name,
            "Data set": run.dataset.title,
            "Models": words("variants", run.config.variants),
            "Epochs": run.last_epoch,
            "Seed": run.config.seed,
        }
        for run in sealed.runs
    ]
    st.dataframe(pd.DataFrame(rows), hide_index=True, width="stretch")


def _train_again(old: RunRecord) -> tuple[str | None, str | None]:
    """Queue a run of a capsule: (id, None), or (None, why it can't be repeated here)."""
    if reason := unrepeatable(resources.store(), old, resources.settings()):
        return None, reason
    try:
        return actions.queue(old.config), None
    except InputError as error:
        return None, str(error)


def _active(rerun: tuple[str | None, str | None]) -> bool:
    return rerun[0] is not None and resources.run(rerun[0]).active


def _judged(sealed: Capsule, digest: str, was_active: bool) -> None:
    reruns = st.session_state[RERUNS][digest]
    active = [rerun for rerun in reruns.values() if _active(rerun)]
    if was_active and not active:
        resources.forget()
        st.rerun()  # once more as a whole, and then without polling
    if active:
        _progress([run_id for run_id, _ in reruns.values() if run_id])
    outcomes = []
    for number, (run_id, reason) in reruns.items():
        old = sealed.runs[number]
        if reason:
            outcomes.append(Outcome(old.name, IMPOSSIBLE, reason=reason))
        elif not _active((run_id, None)):
            outcomes.append(_outcome(digest, number, run_id, old))
    for outcome in outcomes:
        _show(outcome)
    if len(outcomes) > 1:
        csv(lambda: _table(outcomes), f"reproduced-{digest[:12]}", "CSV of all outcomes")


def _progress(ids: list[str]) -> None:
    runs = [resources.run(run_id) for run_id in ids]
    done = sum(max(run.epoch, 0) if run.active else run.last_epoch for run in runs)
    total = sum(run.last_epoch for run in runs)
    ended = sum(not run.active for run in runs)
    st.progress(min(done / total, 1.0), text=f"{ended} of {len(runs)} runs done; {done:,} of {total:,} epochs")


@st.cache_resource(max_entries=500, show_spinner=False)
def _outcome(digest: str, number: int, run_id: str, _old: RunRecord) -> Outcome:
    return outcome_of(resources.store(), _old, run_id)


def _show(outcome: Outcome) -> None:
    """Its sentence, and the differences as a table."""
    told = escape_markdown(f"{outcome.name}: {outcome.sentence}")
    show = st.error if outcome.verdict == DIFFERS else st.warning if outcome.verdict == IMPOSSIBLE else st.success
    show(told, icon=ICONS.get(outcome.verdict, ":material/verified:"))
    if outcome.differences:
        st.dataframe(_table([outcome]).drop(columns=["Run", "Outcome", "Trained as"]), hide_index=True, width="stretch")


def _table(outcomes: list[Outcome]) -> pd.DataFrame:
    """A row for each difference, and one for a run without any."""
    rows = []
    for outcome in outcomes:
        about = {"Run": outcome.name, "Outcome": outcome.verdict, "Trained as": outcome.run_id or "–"}
        if not outcome.differences:
            rows.append(about | {"What": "–", "In the file": "–", "Here": "–", "Later epochs": 0})
        for difference in outcome.differences:
            old, new = told_apart(difference.old, difference.new)
            rows.append(
                about | {"What": difference.what, "In the file": old, "Here": new, "Later epochs": difference.more}
            )
    return pd.DataFrame(rows)
