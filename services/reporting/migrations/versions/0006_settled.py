"""A person may say of a refused event that nothing more is to be done."""

import sqlalchemy as sa
from alembic import op

from shared import database

revision = "reporting_0006"
down_revision = "reporting_0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("inbound_events") as batch_op:
        batch_op.add_column(sa.Column("handled_at", database.Instant(length=27), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("inbound_events") as batch_op:
        batch_op.drop_column("handled_at")
