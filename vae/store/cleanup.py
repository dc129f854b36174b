"""A database that doesn't grow for ever: how large it is and why, what can go, and its file made smaller.

`plan` says what would go and deletes nothing; `clean` deletes exactly that. Only runs that have ended go, and none of a
sweep that is running. Ages are those of the steady clock: a computer whose time leaps forward purges no more for it.
"""

from __future__ import annotations

import datetime as dt
import logging
import shutil
import sqlite3
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Select, delete, func, select, text

from ..errors import InputError
from .database import sqlite_file
from .run_rows import utc
from .runs import ACTIVE, ENDED, Store, now
from .schema import runs, splits, sweep_runs, sweeps
from .sizes import KINDS, is_sqlite, server_bytes, sqlite_bytes

log = logging.getLogger(__name__)

MB = 2**20
MOST = 10**6  # days, or megabytes, that may be asked for
METRIC = 200  # bytes of a row of `metrics`, about
JUST_NOW = dt.timedelta(hours=1)  # what has ended since may still be looked at: it doesn't go to make room
IN_A_TRANSACTION = 20  # runs, or
BYTES_IN_A_TRANSACTION = 64 * MB  # whichever is reached first: whoever writes meanwhile waits for so long
BREATH = 0.02  # seconds between transactions, in which others get their turn
OF_RUNS = ("weights", "snapshots", "checkpoints", "originals", "measurements")

_began = now(), time.monotonic()


@dataclass(frozen=True)
class Plan:
    """What would go."""

    runs: tuple[str, ...]  # ids, in the order in which they go
    deleted: tuple[str, ...]  # ids of runs that were deleted before, and could still be restored
    bytes: dict[str, int]  # held by each of both, about
    future: int  # ended runs that are left alone because their dates lie in the future: the clock was set back

    @property
    def count(self) -> int:
        return len(self.runs) + len(self.deleted)

    @property
    def size(self) -> int:
        """In bytes."""
        return sum(self.bytes.values())


def steady_now() -> dt.datetime:
    """The time, as far as it has really passed since this process began: the wall clock, unless it leapt forward."""
    started, since = _began
    return min(now(), started + dt.timedelta(seconds=time.monotonic() - since))


def plan(
    store: Store,
    older_than_days: int | None = None,
    larger_than_mb: int | None = None,
    deleted: bool = False,
) -> Plan:
    """What `clean` would delete: runs that ended longer ago than that; those that were `deleted`; and the oldest,
    deleted ones first, until all runs together hold less than that. Nothing is written. Raises InputError.
    """
    for name, value in (("older_than_days", older_than_days), ("larger_than_mb", larger_than_mb)):
        if value is not None and not 1 <= value <= MOST:
            raise InputError(
                f"{name.replace('_', ' ')} is {value:,}, but it must be a whole number from 1 to {MOST:,}."
            )
    today = steady_now()
    with store.engine.connect() as connection:
        rows = [_dated(row) for row in connection.execute(_candidates()).mappings()]
        held = _held(connection, [row["id"] for row in rows] if larger_than_mb is None else None)
    future = [row for row in rows if row["last"] > today]
    rows = [row for row in rows if row["last"] <= today]
    going: dict[str, bool] = {}  # run id → whether it was deleted before
    for row in rows:
        binned = row["deleted_at"] is not None
        old = older_than_days is not None and today - row["last"] > dt.timedelta(days=older_than_days)
        if old or (deleted and binned):
            going[row["id"]] = binned
    if larger_than_mb is not None:
        excess = sum(held.values()) - sum(held.get(run_id, 0) for run_id in going) - larger_than_mb * MB
        # By ticket, which no clock sets; what was deleted goes before what is shown.
        for row in sorted(rows, key=lambda row: (row["deleted_at"] is None, row["ticket"], row["created_at"])):
            if excess <= 0:
                break
            if row["id"] not in going and today - row["last"] > JUST_NOW:
                going[row["id"]] = row["deleted_at"] is not None
                excess -= held.get(row["id"], 0)
    return Plan(
        runs=tuple(run_id for run_id, binned in going.items() if not binned),
        deleted=tuple(run_id for run_id, binned in going.items() if binned),
        bytes={run_id: held.get(run_id, 0) for run_id in going},
        future=len(future),
    )


def clean(store: Store, planned: Plan) -> tuple[int, int]:
    """Delete for good what was planned, but for what has been begun again or restored since. (runs, bytes) that went.

    In small transactions: who breaks it off in the middle leaves whole runs, and nobody who writes waits for long.
    """
    count = size = 0
    for ids, gone_already in ((planned.runs, False), (planned.deleted, True)):
        for batch in _batches(ids, planned.bytes):
            with store.write() as connection:
                there = (
                    runs.c.id.in_(batch),
                    runs.c.status.in_(ENDED),
                    runs.c.id.not_in(_of_running_sweeps()),
                    runs.c.deleted_at.is_not(None) if gone_already else runs.c.deleted_at.is_(None),
                )
                found = list(connection.scalars(select(runs.c.id).where(*there).with_for_update()))
                connection.execute(delete(runs).where(runs.c.id.in_(found)))
            count, size = count + len(found), size + sum(planned.bytes.get(run_id, 0) for run_id in found)
            time.sleep(BREATH)
    _drop_unused_splits(store)
    if count:
        log.info("cleaned up", extra={"count": count, "bytes": size})
    return count, size


def vacuum(store: Store) -> int:
    """Give unused room back. Returns by how many bytes the database is smaller. Raises InputError when it can't.

    SQLite writes its file anew, for which nothing else may write; PostgreSQL does it beside everything else, and keeps
    the room for what comes next.
    """
    if not is_sqlite(store):
        with store.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            before = server_bytes(connection)
            connection.execute(text("VACUUM (ANALYZE)"))
            return max(0, before - server_bytes(connection))
    with store.engine.connect() as connection:
        before, _ = sqlite_bytes(connection)
        active = connection.scalar(select(func.count()).select_from(runs).where(runs.c.status.in_(ACTIVE)))
    if active:
        said = "1 run is" if active == 1 else f"{active:,} runs are"
        raise InputError(f"The file is written anew, for which nothing may be trained: {said} under way or waiting.")
    free = shutil.disk_usage(sqlite_file(store.engine.url).resolve().parent).free
    if free < 2 * before:
        raise InputError(
            f"The file is written anew, which takes {2 * before // MB + 1:,} MB of the disk for a moment; "
            f"{free // MB:,} MB are free."
        )
    _vacuum_sqlite(store)
    with store.engine.connect() as connection:
        return max(0, before - sqlite_bytes(connection)[0])


def _of_running_sweeps() -> Select:
    return select(sweep_runs.c.run_id).join(sweeps).where(sweeps.c.status == "running")


def _candidates() -> Select:
    """Runs that may go, oldest first."""
    columns = [runs.c[name] for name in ("id", "created_at", "queued_at", "finished_at", "deleted_at", "ticket")]
    may_go = runs.c.status.in_(ENDED), runs.c.id.not_in(_of_running_sweeps())
    return select(*columns).where(*may_go).order_by(runs.c.ticket, runs.c.created_at, runs.c.id)


def _dated(row: Any) -> dict[str, Any]:
    """`last`: when something was last done with the run; one that was resumed is as young as that."""
    values = utc(dict(row))
    return values | {"last": max(filter(None, (values[name] for name in ("created_at", "queued_at", "finished_at"))))}


def _held(connection: Connection, ids: Sequence[str] | None) -> dict[str, int]:
    """Bytes by run id, about; of all runs for None."""
    wanted = None if ids is None else set(ids)
    held: dict[str, int] = {}
    tables = [(KINDS[name], name) for name in OF_RUNS] + [(METRIC, "metrics")]
    for size, name in tables:
        run_id = runs.metadata.tables[name].c.run_id
        amount = func.count() * METRIC if name == "metrics" else func.sum(size)
        for found, count in connection.execute(select(run_id, amount).group_by(run_id)):
            if wanted is None or found in wanted:
                held[found] = held.get(found, 0) + int(count or 0)
    return held


def _batches(ids: Sequence[str], held: dict[str, int]) -> list[list[str]]:
    """Runs that go in one transaction."""
    found: list[list[str]] = []
    size = 0
    for run_id in ids:
        size += held.get(run_id, 0)
        if not found or len(found[-1]) == IN_A_TRANSACTION or size > BYTES_IN_A_TRANSACTION:
            found.append([])
            size = held.get(run_id, 0)
        found[-1].append(run_id)
    return found


def _drop_unused_splits(store: Store) -> None:
    """Only while nothing is trained: a run that just begins may be about to name one."""
    with store.write() as connection:
        used = select(runs.c.split_hash).where(runs.c.split_hash.is_not(None))
        under_way = select(runs.c.id).where(runs.c.status.in_(ACTIVE)).exists()
        connection.execute(delete(splits).where(splits.c.hash.not_in(used), ~under_way))


def _vacuum_sqlite(store: Store) -> None:
    connection = store.engine.raw_connection()
    try:
        cursor = connection.cursor()
        for statement in ("PRAGMA wal_checkpoint(TRUNCATE)", "VACUUM", "PRAGMA wal_checkpoint(TRUNCATE)"):
            cursor.execute(statement)
            cursor.fetchall()
    except sqlite3.OperationalError as error:
        if "locked" in str(error) or "busy" in str(error):
            raise InputError("Somebody else is writing to the database; try again when nothing is under way.") from None
        raise InputError(f"The file could not be written anew ({error}); it stays as it was.") from None
    finally:
        connection.close()
