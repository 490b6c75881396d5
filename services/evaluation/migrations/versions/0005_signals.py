"""What each unit shows a leader, and how many show what. The tables fill by themselves: services/evaluation/mending.py settles whoever is missing."""

import sqlalchemy as sa
from alembic import op

from shared import database

revision = "evaluation_0005"
down_revision = "evaluation_0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "signals",
        sa.Column("campaign", sa.String(length=64), nullable=False),
        sa.Column("unit", sa.String(length=36), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("cluster", sa.String(length=64), nullable=False),
        sa.Column("colour", sa.String(length=12), nullable=False),
        sa.Column("was", sa.String(length=12), nullable=True),
        sa.Column("since", database.Instant(length=27), nullable=False),
        sa.Column("indicator", sa.String(length=64), nullable=True),
        sa.Column("worst", sa.Integer(), nullable=False),
        sa.Column("warnings", sa.Integer(), nullable=False),
        sa.Column("unexplained", sa.Integer(), nullable=False),
        sa.Column("unknown", sa.Integer(), nullable=False),
        sa.Column("reported", sa.Integer(), nullable=False),
        sa.Column("on_hold", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("campaign", "unit"),
    )
    with op.batch_alter_table("signals", schema=None) as batch_op:
        batch_op.create_index("signals_worst", ["campaign", "colour", "worst", "unit"], unique=False)
        batch_op.create_index("signals_since", ["campaign", "colour", "since", "unit"], unique=False)
        batch_op.create_index("signals_left", ["campaign", "was", "since", "unit"], unique=False)
        batch_op.create_index("signals_reported", ["campaign", "on_hold", "reported", "unit"], unique=False)
        batch_op.create_index("signals_unexplained", ["campaign", "unexplained", "unit"], unique=False)
    op.create_table(
        "signal_counts",
        sa.Column("campaign", sa.String(length=64), nullable=False),
        sa.Column("cluster", sa.String(length=64), nullable=False),
        sa.Column("colour", sa.String(length=12), nullable=False),
        sa.Column("reported", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("on_hold", sa.Boolean(), nullable=False),
        sa.Column("units", sa.Integer(), nullable=False),
        sa.Column("warnings", sa.Integer(), nullable=False),
        sa.Column("unexplained", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("campaign", "cluster", "colour", "reported", "on_hold"),
    )


def downgrade() -> None:
    op.drop_table("signal_counts")
    op.drop_table("signals")
