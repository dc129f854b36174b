"""Metrics that came later have no column of their own: one more of them is no other schema."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Empty for all that was measured before. A table that was made by today's schema has it already."""
    if "extra" not in {column["name"] for column in sa.inspect(op.get_bind()).get_columns("metrics")}:
        op.add_column("metrics", sa.Column("extra", sa.JSON))


def downgrade() -> None:
    """What was measured without a column of its own is lost."""
    op.drop_column("metrics", "extra")
