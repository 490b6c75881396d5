"""Requests that the HTTP door refused are counted by partner, day and reason."""

import sqlalchemy as sa
from alembic import op

from shared import database

revision = "reporting_0007"
down_revision = "reporting_0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "door_refusals",
        sa.Column("client", sa.String(length=64), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("reason", sa.String(length=255), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("faults", sa.JSON(), nullable=False),
        sa.Column("at", database.Instant(length=27), nullable=False),
        sa.PrimaryKeyConstraint("client", "day", "status", "reason"),
    )


def downgrade() -> None:
    op.drop_table("door_refusals")
