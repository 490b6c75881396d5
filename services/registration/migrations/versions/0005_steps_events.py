"""From a work's step to the event that told it and to its path."""

import sqlalchemy as sa
from alembic import op

revision = "registration_0005"
down_revision = "registration_0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("work_steps", sa.Column("event", sa.String(36)))
    op.add_column("work_steps", sa.Column("traceparent", sa.String(64)))


def downgrade() -> None:
    op.drop_column("work_steps", "traceparent")
    op.drop_column("work_steps", "event")
