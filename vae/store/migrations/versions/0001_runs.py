"""Runs, their splits, metrics, pictures, weights and checkpoints."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

BLOBS = {  # table → its key beside the run
    "snapshots": ("variant", "epoch"),
    "weights": ("variant", "epoch"),
    "originals": (),
}


def upgrade() -> None:
    op.create_table(
        "splits",
        sa.Column("hash", sa.String(64), primary_key=True),
        sa.Column("seed", sa.Integer, nullable=False),
        sa.Column("rows", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "runs",
        sa.Column("id", sa.String(12), primary_key=True),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("config", sa.JSON, nullable=False),
        sa.Column("status", sa.String(12), nullable=False),
        sa.Column("error", sa.Text),
        sa.Column("stop_requested", sa.Boolean, nullable=False),
        sa.Column("epoch", sa.Integer, nullable=False),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("owner", sa.String(40), nullable=False),
        sa.Column("pulse", sa.Integer, nullable=False),
        sa.Column("versions", sa.JSON),
        sa.Column("data", sa.JSON),
        sa.Column("split_hash", sa.String(64), sa.ForeignKey("splits.hash")),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("queued_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True)),
        sa.Column("finished_at", sa.DateTime(timezone=True)),
        sa.Column("seconds", sa.Float, nullable=False),
    )
    op.create_index("runs_by_status", "runs", ["status", "queued_at"])
    op.create_index("runs_by_age", "runs", ["created_at"])
    op.create_table(
        "metrics",
        _run_id(),
        sa.Column("variant", sa.String(16), primary_key=True),
        sa.Column("split", sa.String(12), primary_key=True),
        sa.Column("epoch", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("loss", sa.Float, nullable=False),
        sa.Column("reconstruction", sa.Float, nullable=False),
        sa.Column("kl", sa.Float),
        sa.Column("kl_per_dim", sa.JSON),
        sa.Column("mse_from_mean", sa.Float, nullable=False),
        sa.Column("mse_from_sample", sa.Float),
        sa.Column("active_units", sa.Integer, nullable=False),
        sa.Column("seconds", sa.Float),
    )
    kinds: dict[str, sa.types.TypeEngine] = {"variant": sa.String(16), "epoch": sa.Integer()}
    for table, keys in BLOBS.items():
        named = [sa.Column(key, kinds[key], primary_key=True, autoincrement=False) for key in keys]
        op.create_table(table, _run_id(), *named, sa.Column("payload", sa.LargeBinary, nullable=False))
    op.create_table(
        "checkpoints",
        _run_id(),
        sa.Column("epoch", sa.Integer, nullable=False),
        sa.Column("payload", sa.LargeBinary, nullable=False),
    )


def downgrade() -> None:
    for table in ("checkpoints", *BLOBS, "metrics", "runs", "splits"):
        op.drop_table(table)
    # Kept by hand up to version 3, and made by no revision: without tables it would speak of nothing.
    op.execute("DROP TABLE IF EXISTS schema_version")


def _run_id() -> sa.Column:
    return sa.Column("run_id", sa.String(12), sa.ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True)
