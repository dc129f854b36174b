"""Rooms, in which a class answers on its phones."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.create_table(
        "rooms",
        sa.Column("code", sa.String(12), primary_key=True),
        sa.Column("visitor", sa.String(64), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_asked", sa.DateTime(timezone=True), nullable=False),
        sa.Column("closed", sa.Boolean, nullable=False),
        sa.Column("claim", sa.Integer),
        sa.Column("choices", sa.Integer),
        sa.Column("revealed", sa.JSON, nullable=False),
    )
    op.create_table(
        "room_answers",
        sa.Column("room", sa.String(12), sa.ForeignKey("rooms.code", ondelete="CASCADE"), primary_key=True),
        sa.Column("claim", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("visitor", sa.String(64), primary_key=True),
        sa.Column("choice", sa.Integer, nullable=False),
    )


def downgrade() -> None:
    """What a class has answered is lost."""
    for table in ("room_answers", "rooms"):
        op.drop_table(table)
