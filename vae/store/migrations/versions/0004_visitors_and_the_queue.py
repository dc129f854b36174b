"""Who asked, the order of the queue, which requests are the same; the version is Alembic's from here on."""

from typing import Any

import sqlalchemy as sa
from alembic import op

from vae.config import RunConfig
from vae.errors import InputError

revision = "0004"
down_revision = "0003"

NEW_COLUMNS: dict[
    str, dict[str, tuple[Any, dict[str, Any]]]
] = {  # table → its new columns: type, and what else is said of them
    "runs": {
        "visitor": (sa.String(64), {}),
        "ticket": (sa.BigInteger, {"nullable": False, "server_default": "0"}),
        "fingerprint": (sa.String(64), {}),
    },
    "sweeps": {"visitor": (sa.String(64), {})},
    "uploads": {"visitor": (sa.String(64), {})},
}
INDEXED = ("fingerprint", "ticket")


def upgrade() -> None:
    """A few databases had these columns, empty, before Alembic came: there only what is missing is added."""
    there = sa.inspect(op.get_bind())
    for table, columns in NEW_COLUMNS.items():
        known = {column["name"] for column in there.get_columns(table)}
        for name, (kind, rules) in columns.items():
            if name not in known:
                op.add_column(table, sa.Column(name, kind, **rules))
    for column in INDEXED:
        op.create_index(f"runs_by_{column}", "runs", [column], if_not_exists=True)
    _fill(op.get_bind())
    op.drop_table("schema_version", if_exists=True)


def _fill(connection: sa.Connection) -> None:
    """Tickets in the order in which runs were queued, from 1; fingerprints of all configs that can still be read."""
    names = ("id", "queued_at", "ticket", "fingerprint")
    runs = sa.table("runs", *map(sa.column, names), sa.column("config", sa.JSON))
    first = sa.select(runs.c.id, runs.c.config).order_by(runs.c.ticket, runs.c.queued_at, runs.c.id)
    rows = [
        {"of": row.id, "place": place, "print": _fingerprint(row.config)}
        for place, row in enumerate(connection.execute(first), start=1)
    ]
    if rows:
        values: dict[str, Any] = {"ticket": sa.bindparam("place"), "fingerprint": sa.bindparam("print")}
        connection.execute(sa.update(runs).where(runs.c.id == sa.bindparam("of")).values(values), rows)


def _fingerprint(config: dict) -> str | None:
    try:
        return RunConfig.parse(config).fingerprint()
    except InputError:
        return None


def downgrade() -> None:
    for column in INDEXED:
        op.drop_index(f"runs_by_{column}", "runs")
    for table, columns in NEW_COLUMNS.items():
        for name in columns:
            op.drop_column(table, name)
    version = op.create_table("schema_version", sa.Column("version", sa.Integer, primary_key=True))
    op.bulk_insert(version, [{"version": 3}])
