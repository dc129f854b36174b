"""How large the database is, and with what."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, Text, cast, func, select, text
from sqlalchemy.exc import DBAPIError

from .database import sqlite_file
from .runs import Store
from .schema import checkpoints, classifiers, measurements, originals, runs, snapshots, splits, uploads, weights

PATIENCE = 2.0  # seconds that counting bytes may take before it is given up
KINDS: dict[str, ColumnElement] = {
    "weights": func.length(weights.c.payload),
    "snapshots": func.length(snapshots.c.payload),
    "checkpoints": func.length(checkpoints.c.payload),
    "originals": func.length(originals.c.payload),
    "measurements": func.length(cast(measurements.c.rows, Text)),
    "uploads": func.length(uploads.c.payload),
    "classifiers": func.length(classifiers.c.payload),
    "splits": func.length(splits.c.rows),
}


@dataclass(frozen=True)
class Sizes:
    """Of the database. In bytes."""

    database: str  # SQLite 3.40.1, PostgreSQL 15.4
    total: int  # of the file and its log, or what the server says
    unused: int  # of it, in the file: `vacuum` gives it back
    kinds: dict[str, int] | None  # by name of KINDS; none: there is too much to count
    runs: dict[str, int]  # how many, by status; deleted ones apart
    deleted: int  # runs that can be restored

    @property
    def rest(self) -> int | None:
        """Numbers of epochs, settings, indices, Optuna's tables."""
        return None if self.kinds is None else max(0, self.total - self.unused - sum(self.kinds.values()))


def sizes(store: Store) -> Sizes:
    """Takes up to PATIENCE seconds where there is much: 0.1 s for a thousand runs."""
    with store.engine.connect() as connection:
        shown = select(runs.c.status, func.count()).where(runs.c.deleted_at.is_(None)).group_by(runs.c.status)
        counted: dict[str, int] = dict(connection.execute(shown).all())
        deleted = connection.scalar(select(func.count()).select_from(runs).where(runs.c.deleted_at.is_not(None)))
        total, unused = sqlite_bytes(connection) if is_sqlite(store) else (server_bytes(connection), 0)
    return Sizes(database_version(store), total, unused, _kinds(store), counted, deleted or 0)


def database_version(store: Store) -> str:
    """The program that holds the data: SQLite 3.40.1."""
    if is_sqlite(store):
        return f"SQLite {sqlite3.sqlite_version}"
    with store.engine.connect() as connection:
        version = ".".join(map(str, connection.dialect.server_version_info or ()))
    name = store.engine.dialect.name
    return f"{'PostgreSQL' if name == 'postgresql' else name} {version}"


def is_sqlite(store: Store) -> bool:
    """Whether it is a file here."""
    return store.engine.dialect.name == "sqlite"


def sqlite_bytes(connection: Connection) -> tuple[int, int]:
    """Of the file and its write-ahead log, and what of the file is unused."""
    page, pages, free = (
        connection.exec_driver_sql(f"PRAGMA {name}").scalar_one()
        for name in ("page_size", "page_count", "freelist_count")
    )
    file = sqlite_file(connection.engine.url)
    journal = file.with_name(f"{file.name}-wal")
    return page * pages + (journal.stat().st_size if journal.exists() else 0), page * free


def server_bytes(connection: Connection) -> int:
    """What a database server says that it takes; elsewhere what lies in its tables."""
    if connection.dialect.name == "postgresql":
        return connection.execute(text("SELECT pg_database_size(current_database())")).scalar_one()
    return sum(connection.execute(select(func.coalesce(func.sum(size), 0))).scalar_one() for size in KINDS.values())


def _kinds(store: Store) -> dict[str, int] | None:
    """Bytes of each of KINDS. SQLite reads no payload for it, only where it begins."""
    with store.engine.connect() as connection:
        if connection.dialect.name == "postgresql":  # what a table takes on disk is known without reading it
            size = text("SELECT pg_total_relation_size(CAST(:name AS regclass))")
            return {name: connection.scalar(size, {"name": name}) for name in KINDS}
        try:
            with _limited(connection):
                return {name: connection.scalar(select(func.sum(size))) or 0 for name, size in KINDS.items()}
        except DBAPIError as error:
            if "interrupted" in str(error.orig):
                return None
            raise


@contextmanager
def _limited(connection: Connection) -> Iterator[None]:
    """SQLite gives up what takes longer than PATIENCE."""
    driver, deadline = connection.connection.driver_connection, time.monotonic() + PATIENCE
    if isinstance(driver, sqlite3.Connection):
        driver.set_progress_handler(lambda: time.monotonic() > deadline, 10_000)  # looks every 10,000 steps
    yield  # connections are not kept: the next one has no such limit
