"""A missing report is marked once its superior was told, and only unmarked ones are looked at."""

import sqlalchemy as sa
from alembic import op

from shared import database

revision = "notification_0005"
down_revision = "notification_0004"
branch_labels = None
depends_on = None

UNTOLD = sa.text("escalated IS NULL AND accepted = 0 AND returned = 0")


def upgrade() -> None:
    op.add_column("submissions", sa.Column("escalated", database.Instant(length=27), nullable=True))
    op.create_index("submissions_missed", "submissions", ["missed"], unique=False, sqlite_where=UNTOLD, postgresql_where=UNTOLD)


def downgrade() -> None:
    op.drop_index("submissions_missed", table_name="submissions")
    with op.batch_alter_table("submissions", schema=None) as batch_op:
        batch_op.drop_column("escalated")
