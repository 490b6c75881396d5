"""What partners propose about works and units."""

import sqlalchemy as sa
from alembic import op

from shared import database

revision = "registration_0003"
down_revision = "registration_0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table("proposals",
    sa.Column("id", sa.String(length=36), nullable=False),
    sa.Column("kind", sa.String(length=64), nullable=False),
    sa.Column("campaign", sa.String(length=64), nullable=False),
    sa.Column("client", sa.String(length=64), nullable=False),
    sa.Column("event", sa.String(length=255), nullable=False),
    sa.Column("unit", sa.String(length=36), nullable=True),
    sa.Column("facts", sa.JSON(), nullable=False),
    sa.Column("state", sa.String(length=64), nullable=False),
    sa.Column("proposed_at", database.Instant(length=27), nullable=False),
    sa.Column("decided_by", sa.String(length=255), nullable=True),
    sa.Column("decided_at", database.Instant(length=27), nullable=True),
    sa.Column("reason", sa.Text(), nullable=False),
    sa.PrimaryKeyConstraint("id")
    )
    op.create_index("proposals_of_campaign", "proposals", ["campaign", "state"], unique=False)


def downgrade() -> None:
    op.drop_table("proposals")
