"""What has been measured on runs: classifiers and measurements."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.create_table(
        "classifiers",
        sa.Column("dataset_hash", sa.String(64), primary_key=True),
        sa.Column("accuracy", sa.Float, nullable=False),
        sa.Column("payload", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "measurements",
        sa.Column("run_id", sa.String(12), sa.ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("epoch", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("kind", sa.String(40), primary_key=True),
        sa.Column("rows", sa.JSON, nullable=False),
    )


def downgrade() -> None:
    op.drop_table("measurements")
    op.drop_table("classifiers")
