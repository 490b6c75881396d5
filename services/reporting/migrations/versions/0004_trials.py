"""Partners' sandboxes, and how evaluation scored what was tried out in them."""

import sqlalchemy as sa
from alembic import op

from shared import database

revision = "reporting_0004"
down_revision = "reporting_0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("inbound_events") as batch_op:
        batch_op.add_column(sa.Column("trial", sa.Integer(), nullable=True))
    op.create_table(
        "trials",
        sa.Column("client", sa.String(length=64), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("begun_at", database.Instant(length=27), nullable=True),
        sa.PrimaryKeyConstraint("client"),
    )
    op.create_table(
        "trial_scores",
        sa.Column("campaign", sa.String(length=64), nullable=False),
        sa.Column("unit", sa.String(length=36), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("score", database.Exact(length=64), nullable=False),
        sa.Column("grade", sa.String(length=64), nullable=True),
        sa.Column("parts", sa.JSON(), nullable=False),
        sa.Column("at", database.Instant(length=27), nullable=False),
        sa.PrimaryKeyConstraint("campaign", "unit"),
    )


def downgrade() -> None:
    op.drop_table("trial_scores")
    op.drop_table("trials")
    with op.batch_alter_table("inbound_events") as batch_op:
        batch_op.drop_column("trial")
