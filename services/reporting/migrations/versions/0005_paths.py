"""Events are found by the trace that they belong to; a report's version knows the event that it was said in."""

import sqlalchemy as sa
from alembic import op

revision = "reporting_0005"
down_revision = "reporting_0004"
branch_labels = None
depends_on = None

END_OF_TRACE = "substr(traceparent, 24, 12)"


def upgrade() -> None:
    op.create_index("inbox_trace", "inbox", [sa.text(END_OF_TRACE)], unique=False)
    op.create_index("outbox_trace", "outbox", [sa.text(END_OF_TRACE)], unique=False)
    with op.batch_alter_table("report_versions") as batch_op:
        batch_op.add_column(sa.Column("event", sa.String(length=36), nullable=True))
        batch_op.add_column(sa.Column("traceparent", sa.String(length=64), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("report_versions") as batch_op:
        batch_op.drop_column("traceparent")
        batch_op.drop_column("event")
    op.drop_index("outbox_trace", table_name="outbox")
    op.drop_index("inbox_trace", table_name="inbox")
