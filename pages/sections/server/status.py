"""What the server is doing now, as the Server page shows it; read once for all who look."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import pandas as pd
import streamlit as st

from pages.state import resources
from pages.state.shared_reads import shared_for
from pages.text.words import listed, plural
from vae import logs
from vae.runs.process_health import ProcessHealth, process_health, readable, versions
from vae.runs.worker_survey import Workforce
from vae.store.runs import ENDED, Run
from vae.store.sizes import Sizes, sizes

FRESH = 1.0  # seconds a look is shared between visitors
COUNTED = 30.0  # seconds for which the database's sizes are good enough
ROWS_SHOWN = 50  # rows of a table, at the most
FAILURES = 10
TILE = 171  # pixels: six in a row at 1280, two on a phone
PERCENT = "%.0f %%"


@dataclass(frozen=True)
class Board:
    """One look at the server. Shared between visitors: never changed."""

    running: tuple[Run, ...]  # longest first
    waiting: tuple[Run, ...]  # next one first
    workforce: Workforce
    health: ProcessHealth
    failed: tuple[Run, ...]  # failed or interrupted, newest first


@shared_for(FRESH)
def board() -> Board:
    """As it is now."""
    store = resources.store()
    unfinished = store.runs(2 * resources.settings().max_queued, ("queued", "running"))
    place = {run_id: number for number, run_id in enumerate(store.queue())}
    failed = store.runs(FAILURES, ("failed", "interrupted"))
    return Board(
        running=tuple(sorted((run for run in unfinished if run.status == "running"), key=_since)),
        waiting=tuple(sorted((run for run in unfinished if run.id in place), key=lambda run: place[run.id])),
        workforce=resources.jobs().workforce(),
        health=process_health(resources.settings().data_dir),
        failed=tuple(sorted(failed, key=_ended, reverse=True)),
    )


@shared_for(COUNTED)
def database() -> Sizes:
    """How large it is, and with what."""
    return sizes(resources.store())


def forget() -> None:
    """After something was cleaned up."""
    board.clear()
    database.clear()


def sessions() -> int | None:
    """Browser windows that are open; none where Streamlit doesn't say."""
    try:
        return len(st.runtime.get_instance()._session_mgr.list_active_sessions())
    except Exception:  # it is nobody's promise: another version may keep it elsewhere
        return None


def numbers(now: Board) -> None:
    """The numbers one asks for first, in a row."""
    health, workers = now.health, len(now.workforce.workers)
    there = sessions()
    tiles = [
        (
            "Running",
            f"{len(now.running):,}" + (f" of {workers:,}" if workers else ""),
            "Runs in training, of so many workers.",
        ),
        ("Queued", f"{len(now.waiting):,}", "Runs that wait for a free worker."),
        ("Visitors", "–" if there is None else f"{there:,}", "Open browser windows."),
        (
            "Dashboard memory",
            readable(health.private),
            "Memory of the process that draws the pages, without the library files that its workers share. With them: "
            f"{readable(health.memory)}.",
        ),
        (
            "Computer memory",
            f"{health.used / health.total:.0%}",
            f"{readable(health.used)} of this computer's {readable(health.total)} are in use.",
        ),
        (
            "Load",
            "–" if health.load is None else f"{health.load:.1f} / {health.cores}",
            "Busy processes, averaged over one minute / cores of this computer.",
        ),
    ]
    with st.container(horizontal=True, key="server_numbers"):
        for label, value, help_ in tiles:
            st.metric(label, value, help=help_, border=True, width=TILE)


def under_way(now: Board) -> None:
    """Runs in training."""
    st.header("Running")
    if not now.running:
        st.caption("No run is running.")
        return
    rows = [
        {
            "Run": run.name,
            "Epoch": f"{max(run.epoch, 0)} of {run.config.epochs}",
            "Done": 100 * max(run.epoch, 0) / run.config.epochs,
            "Id": run.id,
        }
        for run in now.running[:ROWS_SHOWN]
    ]
    st.dataframe(
        pd.DataFrame(rows),
        key="server.running",
        hide_index=True,
        column_config={
            "Run": st.column_config.TextColumn(width=210),
            "Epoch": st.column_config.TextColumn(width=95),
            "Done": st.column_config.ProgressColumn(format=PERCENT, max_value=100, width=125),
        },
        alt="Running runs",
    )


def queue(now: Board) -> None:
    """Runs that wait, in their order."""
    st.header("Queued")
    if not now.waiting:
        st.caption("No run is queued.")
        return
    rows = [
        {"Place": place, "Run": run.name, "Since": run.queued_at, "Id": run.id}
        for place, run in enumerate(now.waiting[:ROWS_SHOWN], start=1)
    ]
    st.dataframe(
        pd.DataFrame(rows),
        key="server.waiting",
        hide_index=True,
        column_config={
            "Place": st.column_config.NumberColumn(width=60),
            "Run": st.column_config.TextColumn(width=250),
            "Since": st.column_config.DatetimeColumn(format="distance", width=120),
        },
        alt="Queued runs",
    )
    if len(now.waiting) > ROWS_SHOWN:
        st.caption(f"And {plural(len(now.waiting) - ROWS_SHOWN, 'run')} more.")


def workers(now: Board) -> None:
    """The processes that train."""
    st.header("Workers")
    if not now.workforce.workers:
        st.caption("No workers yet. After a start they need some seconds.")
        return
    names = {run.id: run.name for run in now.running}
    rows = [
        {
            "Worker": worker.name,
            "Runs": names.get(worker.run or "", worker.run) or "nothing",
            "Memory": readable(worker.memory),
            "Processor": f"{worker.cpu:.0f} %",
            "Process": "–" if worker.pid is None else str(worker.pid),
            "Machine": worker.host,
        }
        for worker in now.workforce.workers[:ROWS_SHOWN]
    ]
    st.dataframe(
        pd.DataFrame(rows),
        key="server.workers",
        hide_index=True,
        column_config={"Runs": st.column_config.TextColumn(width="medium")},
        alt="Worker processes",
    )


def kept(now: Board) -> None:
    """What the database holds, and what room there is."""
    found = database()
    ended = {status: count for status, count in sorted(found.runs.items()) if status in ENDED}
    counts = listed([plural(ended[status], f"{status} run") for status in ended]) if ended else "no run that has ended"
    restorable = f" {plural(found.deleted, 'deleted run')} can be restored." if found.deleted else ""
    st.markdown(
        f"**{readable(found.total)}** in {found.database}: {counts}.{restorable} "
        f"The disk has {readable(now.health.disk_free)} free of {readable(now.health.disk_total)}."
    )
    if found.kinds is None:
        st.caption("The database is too large to list its parts.")
        return
    sizes_ = found.kinds | {"numbers and the rest": found.rest or 0, "unused": found.unused}
    rows = [
        {"What": name, "Size": readable(size), "Share": 100 * size / max(found.total, 1)}
        for name, size in sizes_.items()
    ]
    table = pd.DataFrame(rows).query("Share > 0").sort_values("Share", ascending=False)
    st.dataframe(
        table,
        key="server.kinds",
        hide_index=True,
        column_config={"Share": st.column_config.ProgressColumn(format=PERCENT, max_value=100)},
        alt="Parts of the database and their sizes",
    )


def wrong(now: Board, *, with_log: bool) -> None:
    """Runs that failed, and, for whoever runs the server, its last warnings."""
    rows = [{"When": _ended(run), "What": run.status, "Run": run.id, "Message": run.error or "–"} for run in now.failed]
    if with_log:
        rows += [
            {"When": event.at, "What": event.level.lower(), "Run": event.run or "–", "Message": event.text}
            for event in logs.recent()[:ROWS_SHOWN]
        ]
    if not rows:
        st.caption("No problem is known.")
        return
    st.dataframe(
        pd.DataFrame(rows).sort_values("When", ascending=False).head(ROWS_SHOWN),
        key="server.wrong",
        hide_index=True,
        column_config={
            "When": st.column_config.DatetimeColumn(format="distance", width=115),
            "What": st.column_config.TextColumn(width=95),
            "Run": st.column_config.TextColumn(width=85),
            "Message": st.column_config.TextColumn(width=700),
        },
        alt="Problems",
    )


def about(now: Board) -> None:
    """Versions, and since when."""
    up = dt.timedelta(seconds=int(now.health.uptime))
    said = " · ".join(f"{name} {number}" for name, number in versions().items())
    st.caption(f"Started {up} ago. {said} · {database().database}")


def _since(run: Run) -> dt.datetime:
    return run.started_at or run.queued_at


def _ended(run: Run) -> dt.datetime:
    return run.finished_at or run.created_at
