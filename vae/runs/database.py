"""Opening a database: SQLite in WAL mode or a server, its tables made, its version checked."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, insert, select, update
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError
from sqlalchemy.pool import NullPool

from ..errors import InputError
from . import schema

PATIENCE = 10  # seconds to wait for SQLite's write lock


def open_database(url: str) -> Engine:
    """Open or create the run store's database. Raises InputError when it can't be used, and says why."""
    try:
        parsed = make_url(url)
        if parsed.get_backend_name() != "sqlite":
            engine = create_engine(parsed, pool_pre_ping=True)
        elif parsed.database in (None, "", ":memory:"):
            raise InputError("VAE_DATABASE_URL names a database in memory, which workers can't see. Name a file.")
        else:
            file = Path(parsed.database).absolute()
            file.parent.mkdir(parents=True, exist_ok=True)
            file.touch()
            # One connection per use: none is cached across threads or held across a fork.
            engine = create_engine(parsed, poolclass=NullPool)
            _configure_sqlite(engine, file)
        _prepare(engine)
    except (ArgumentError, NoSuchModuleError, ModuleNotFoundError) as error:
        raise InputError(f"VAE_DATABASE_URL can't be used: {str(error).splitlines()[0]}.") from None
    except OSError as error:
        raise InputError(_unwritable(parsed.database, error.strerror)) from None
    except DBAPIError as error:
        raise InputError(_unwritable(parsed.database, str(error.orig))) from None
    return engine


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """A transaction that takes SQLite's write lock at its start, so that it waits its turn instead of failing."""
    with engine.connect().execution_options(vae_write=True) as connection, connection.begin():
        yield connection


def _prepare(engine: Engine) -> None:
    with writing(engine) as connection:
        if connection.dialect.has_table(connection, "schema_version"):
            version = connection.scalar(select(schema.schema_version.c.version))
        else:
            schema.metadata.create_all(connection)
            connection.execute(insert(schema.schema_version).values(version=schema.SCHEMA_VERSION))
            version = schema.SCHEMA_VERSION
        if version < schema.SCHEMA_VERSION:
            _upgrade(connection, version)
            version = schema.SCHEMA_VERSION
    if version != schema.SCHEMA_VERSION:
        raise InputError(
            f"The database was written by {'a newer' if version > schema.SCHEMA_VERSION else 'an older'} version of "
            f"this program (schema {version}, this one knows {schema.SCHEMA_VERSION}). Update the program, or name "
            "another database with VAE_DATABASE_URL."
        )


def _upgrade(connection: Connection, version: int) -> None:
    """Bring an older database to this version; nothing in it is lost."""
    runs, sweeps, uploads = schema.runs.c, schema.sweeps.c, schema.uploads.c
    columns = [runs.tags, runs.note, runs.deleted_at] if version < 3 else [sweeps.visitor, uploads.visitor]
    for column in [*columns, runs.visitor, runs.ticket, runs.fingerprint]:
        kind = column.type.compile(connection.dialect) + ("" if column.nullable else " NOT NULL DEFAULT 0")
        connection.exec_driver_sql(f"ALTER TABLE {column.table.name} ADD COLUMN {column.name} {kind}")
    schema.metadata.create_all(connection)  # tables that came with later versions
    for index in schema.runs.indexes:
        index.create(connection, checkfirst=True)
    connection.execute(update(schema.schema_version).values(version=schema.SCHEMA_VERSION))


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
