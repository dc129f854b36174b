"""Opening a database: SQLite in WAL mode or a PostgreSQL server, its tables made or brought up, its version checked."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, column, create_engine, event, insert, inspect, select, table
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError
from sqlalchemy.pool import NullPool

from ..errors import InputError
from . import postgresql, schema

PATIENCE = 10  # seconds to wait for SQLite's write lock
EXAMPLES = "postgresql://user:password@host:5432/database or sqlite:////folder/runs.db"


def open_database(url: str) -> Engine:
    """Open or create the run store's database. Raises InputError when it can't be used, and says why."""
    parsed = _parsed(url)
    try:
        engine = postgresql.connect(parsed) if parsed.get_backend_name() == "postgresql" else _sqlite(parsed)
        _prepare(engine)
    except (ImportError, NoSuchModuleError) as error:
        raise InputError(
            f"VAE_DATABASE_URL can't be used: its driver is missing ({str(error).splitlines()[0].rstrip('.')}). "
            "Install it with: pip install 'psycopg[binary]'."
        ) from None
    except OSError as error:
        raise InputError(_unwritable(parsed.database, error.strerror or str(error))) from None
    except DBAPIError as error:
        if parsed.get_backend_name() == "postgresql":
            raise InputError(postgresql.trouble(parsed, error)) from None
        raise InputError(_unwritable(parsed.database, str(error.orig))) from None
    return engine


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """A transaction that is the only one that writes: it waits its turn at its start, and so never fails later."""
    with engine.connect().execution_options(vae_write=True) as connection, connection.begin():
        if connection.dialect.name == "postgresql":
            postgresql.take_turn(connection)
        yield connection


def _parsed(url: str) -> URL:
    try:
        parsed = postgresql.named(make_url(url))
        backend = parsed.get_backend_name()
    except (ArgumentError, ValueError):  # neither is quoted: what can't be read may hold a password
        raise InputError(
            f"VAE_DATABASE_URL can't be read; it looks like {EXAMPLES}, where characters such as @ : / in a password "
            "are written %40 %3A %2F."
        ) from None
    if backend not in ("sqlite", "postgresql"):
        raise InputError(f"VAE_DATABASE_URL names a {backend} database, but runs are kept in {EXAMPLES}.")
    if backend == "sqlite" and parsed.database in (None, "", ":memory:"):
        raise InputError("VAE_DATABASE_URL names a database in memory, which workers can't see. Name a file.")
    return parsed


def sqlite_file(url: URL) -> Path:
    """Where a SQLite database lies: none that is open here is in memory."""
    return Path(url.database or "").expanduser()


def _sqlite(url: URL) -> Engine:
    file = sqlite_file(url).absolute()
    file.parent.mkdir(parents=True, exist_ok=True)
    file.touch()
    if not os.access(file, os.W_OK):  # opening alone writes nothing, and would not notice
        raise PermissionError(13, "it is read-only")
    # One connection per use: none is cached across threads or held across a fork.
    engine = create_engine(url, poolclass=NullPool)
    _configure_sqlite(engine, file)
    return engine


def _prepare(engine: Engine) -> None:
    """See that the tables are there and of this version. Where nothing is to be done, nothing is written or locked."""
    with engine.connect() as connection:
        found = _revision(connection)
    if found == schema.REVISION:
        return
    if found is None or found < schema.REVISION:
        with writing(engine) as connection:
            found = _revision(connection)  # somebody else may have been faster
            if found is None:
                _make(connection)
            elif found < schema.REVISION:
                from . import migrations

                migrations.upgrade(connection, found)
        return
    raise InputError(
        f"The database was written by a newer version of this program (schema {found.lstrip('0')}, this one knows "
        f"{schema.SCHEMA_VERSION}). Update the program, or name another database with VAE_DATABASE_URL."
    )


def _revision(connection: Connection) -> str | None:
    """Of the tables in a database, such as 0004; None in an empty one."""
    if connection.dialect.has_table(connection, schema.version.name) and (
        said := connection.scalar(select(schema.version.c.version_num))
    ):
        return said
    if connection.dialect.has_table(connection, schema.OLD_VERSION):
        number = connection.scalar(select(column("version")).select_from(table(schema.OLD_VERSION)))
        # Version 4 was kept there for a day: what it lacks is added with revision 0004, which looks at what is there.
        return f"{3 if number == 4 else number:04d}"
    return None


def _make(connection: Connection) -> None:
    """All tables, as the migrations would leave them, but at once. Raises InputError among another program's tables."""
    ours = set(schema.metadata.tables) - {schema.version.name}
    if theirs := sorted(ours & set(inspect(connection).get_table_names())):
        raise InputError(
            f"The database that VAE_DATABASE_URL names holds tables of another program ({', '.join(theirs)}). Give "
            "Latent Twins one of its own."
        )
    schema.metadata.create_all(connection)
    connection.execute(insert(schema.version).values(version_num=schema.REVISION))


def _unwritable(where: str | None, reason: str) -> str:
    return (
        f"The run store {where} can't be opened for writing ({reason}). Set VAE_DATABASE_URL to a database you may "
        "write to, such as sqlite:////tmp/latent_twins.db, or VAE_DATA_DIR to a folder you may write to."
    )


def _configure_sqlite(engine: Any, file: Path) -> None:
    """WAL, enforced foreign keys, and explicit BEGIN: the driver's own would take the write lock too late."""

    @event.listens_for(engine, "do_connect")
    def on_do_connect(_: Any, __: Any, arguments: list, options: dict[str, Any]) -> None:
        # A file that is gone for a moment (a volume unmounted) is not to be made anew, and empty.
        arguments[:] = [f"{file.as_uri()}?mode=rw", *arguments[1:]]
        options["uri"] = True

    @event.listens_for(engine, "connect")
    def on_connect(connection: Any, _: Any) -> None:
        connection.isolation_level = None
        cursor = connection.cursor()
        for pragma in (f"busy_timeout = {1000 * PATIENCE}", "synchronous = NORMAL", "foreign_keys = ON"):
            cursor.execute(f"PRAGMA {pragma}")
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                cursor.execute("PRAGMA journal_mode = WAL")
                break
            except sqlite3.OperationalError as error:  # the switch to WAL, alone, does not wait for its turn
                if "locked" not in str(error) or time.monotonic() > deadline:
                    raise
                time.sleep(0.02)
        cursor.close()

    @event.listens_for(engine, "begin")
    def on_begin(connection: Connection) -> None:
        writes = connection.get_execution_options().get("vae_write")
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
