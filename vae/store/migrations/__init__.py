"""Older databases, brought up by Alembic. Imported only when there is something to bring up: it takes a while.

To change a table: change `schema.py`, count SCHEMA_VERSION up, and write `versions/NNNN_what.py`, which says each step
by itself and imports nothing of the schema: it must mean the same when the schema has moved on. A test compares both.
"""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection

HERE = Path(__file__).resolve().parent
BASE = "base"  # before all revisions: no table


def upgrade(connection: Connection, since: str) -> None:
    """Bring tables of revision `since` to the newest, within the connection's transaction; nothing in them is lost."""
    config = _config(connection)
    command.stamp(config, since)
    command.upgrade(config, "head")


def downgrade(connection: Connection, to: str) -> None:
    """Back to an older revision, within the connection's transaction; what came with later ones is lost."""
    command.downgrade(_config(connection), to)


def _config(connection: Connection) -> Config:
    """What alembic.ini would say."""
    config = Config()
    config.set_main_option("script_location", str(HERE).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config
