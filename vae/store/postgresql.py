"""A PostgreSQL server as the run store: how to connect, how writers take turns, and what to say when it can't be."""

from __future__ import annotations

from typing import Any

from sqlalchemy import URL, Connection, Engine, bindparam, create_engine, event, func, select
from sqlalchemy.exc import DBAPIError

PATIENCE = 10  # seconds to wait for another writer's transaction
UNREACHABLE = 5  # seconds after which a server that does not answer counts as not there
ABANDONED = 30  # seconds after which a writer that has fallen silent in its transaction loses its turn
CONNECTIONS = 15  # at the most, per program: a server has a hundred unless told otherwise
WRITERS = 0x4C61_5477  # the lock that writers of one database take; advisory locks are known by a number

_take_turn = select(func.pg_advisory_xact_lock(bindparam("lock", WRITERS)))


def named(url: URL) -> URL:
    """`postgres://` and `postgresql://` mean the driver that requirements.txt brings along."""
    return url.set(drivername="postgresql+psycopg") if url.drivername in ("postgres", "postgresql") else url


def arguments(url: URL) -> dict[str, Any]:
    """What libpq is told at each connection, unless the URL says otherwise."""
    session = {
        "lock_timeout": f"{PATIENCE}s",
        "idle_in_transaction_session_timeout": f"{ABANDONED}s",
        "TimeZone": "UTC",
        # A writer sees what the one before it wrote, whatever the server's default is.
        "default_transaction_isolation": r"read\ committed",
    }
    mine = {
        "connect_timeout": UNREACHABLE,
        "application_name": "latent_twins",
        # A server whose machine or network has gone away is told from one that computes.
        "keepalives_idle": ABANDONED,
        "keepalives_interval": UNREACHABLE,
        "keepalives_count": 3,
        "tcp_user_timeout": 1000 * ABANDONED,
    }
    own = " ".join(f"-c {name}={value}" for name, value in session.items())
    theirs = url.query.get("options", "")
    return {name: value for name, value in mine.items() if name not in url.query} | {
        "options": f"{own} {theirs}".strip()
    }


def pool() -> dict[str, Any]:
    """Few connections, each looked at before it is used: a server that was started anew breaks none of them."""
    return {
        "pool_pre_ping": True,
        "pool_size": 5,
        "max_overflow": CONNECTIONS - 5,
        "pool_timeout": PATIENCE,
        "pool_recycle": 1800,
    }


def connect(url: URL) -> Engine:
    """An engine; nothing is asked of the server yet."""
    engine = create_engine(url, connect_args=arguments(url), **pool())
    if url.get_driver_name() == "psycopg":
        event.listen(engine, "connect", _leave_out_nul)
    return engine


def take_turn(connection: Connection) -> None:
    """Wait until no other transaction writes, and keep others waiting until this one ends."""
    connection.execute(_take_turn)


def trouble(url: URL, error: DBAPIError) -> str:
    """One sentence on what the server, or the way to it, has said, and one on what to do. Never the password."""
    primary = getattr(getattr(error.orig, "diag", None), "message_primary", None)
    lines = [line for line in str(error.orig).splitlines() if not line[:1].isspace()]  # what is indented asks back
    said = (primary or " ".join(lines) or type(error.orig).__name__).strip().rstrip(".")
    if url.password:
        said = said.replace(str(url.password), "***")
    if getattr(error.orig, "sqlstate", None) == "42501":  # insufficient_privilege
        advice = (
            f"Give the database to that user (ALTER DATABASE {url.database} OWNER TO {url.username}), or name the one "
            "who made its tables."
        )
    else:
        advice = "See that the server runs, and that host, port, user, password and database in the URL are right."
    return f"VAE_DATABASE_URL names {url.render_as_string(hide_password=True)}, which can't be used: {said}. {advice}"


def _leave_out_nul(connection: Any, _: Any) -> None:
    """SQLite keeps a NUL character in a text; PostgreSQL refuses the whole statement: here it is left out."""
    from psycopg.types.string import StrDumper

    class WithoutNul(StrDumper):
        def dump(self, obj: str) -> Any:
            return super().dump(obj.replace("\0", ""))

    connection.adapters.register_dumper(str, WithoutNul)
