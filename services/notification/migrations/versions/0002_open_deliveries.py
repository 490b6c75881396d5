"""An index of the deliveries that are still open."""

import sqlalchemy as sa
from alembic import op

revision = "notification_0002"
down_revision = "notification_0001"
branch_labels = None
depends_on = None

OPEN = sa.text("state IN ('waiting', 'queued')")


def upgrade() -> None:
    with op.batch_alter_table("deliveries", schema=None) as batch_op:
        batch_op.drop_index("deliveries_state")
        batch_op.create_index("deliveries_open", ["channel", "due_at"], unique=False, sqlite_where=OPEN, postgresql_where=OPEN)


def downgrade() -> None:
    with op.batch_alter_table("deliveries", schema=None) as batch_op:
        batch_op.drop_index("deliveries_open", sqlite_where=OPEN, postgresql_where=OPEN)
        batch_op.create_index("deliveries_state", ["state", "channel", "due_at"], unique=False)
