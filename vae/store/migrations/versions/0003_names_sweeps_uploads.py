"""Names that people give, runs that were deleted and may come back, sweeps, and images of one's own."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

NAMES: dict[str, Any] = {"tags": sa.JSON, "note": sa.Text, "deleted_at": sa.DateTime(timezone=True)}


def upgrade() -> None:
    for name, kind in NAMES.items():
        op.add_column("runs", sa.Column(name, kind))
    op.create_table(
        "sweeps",
        sa.Column("id", sa.String(12), primary_key=True),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("spec", sa.JSON, nullable=False),
        sa.Column("status", sa.String(12), nullable=False),
        sa.Column("error", sa.Text),
        sa.Column("owner", sa.String(40), nullable=False),
        sa.Column("pulse", sa.Integer, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True)),
    )
    op.create_table(
        "sweep_runs",
        sa.Column("sweep_id", sa.String(12), sa.ForeignKey("sweeps.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("seed", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("run_id", sa.String(12), sa.ForeignKey("runs.id", ondelete="CASCADE"), nullable=False),
    )
    op.create_index("sweep_runs_by_run", "sweep_runs", ["run_id"])
    op.create_table(
        "uploads",
        sa.Column("hash", sa.String(64), primary_key=True),
        sa.Column("name", sa.String(80), nullable=False),
        sa.Column("info", sa.JSON, nullable=False),
        sa.Column("payload", sa.LargeBinary, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
    )


def downgrade() -> None:
    for table in ("uploads", "sweep_runs", "sweeps"):
        op.drop_table(table)
    for name in reversed(NAMES):
        op.drop_column("runs", name)
