"""What a person decided on a partner's proposal stands beside the event that made it."""

import sqlalchemy as sa
from alembic import op

from shared import database

revision = "reporting_0008"
down_revision = "reporting_0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("inbound_events") as batch_op:
        batch_op.add_column(sa.Column("decision", sa.String(length=16), nullable=True))
        batch_op.add_column(sa.Column("decision_reason", sa.Text(), nullable=True))
        batch_op.add_column(sa.Column("decision_at", database.Instant(length=27), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("inbound_events") as batch_op:
        batch_op.drop_column("decision_at")
        batch_op.drop_column("decision_reason")
        batch_op.drop_column("decision")
