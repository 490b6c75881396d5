"""Events are found by the trace that they belong to."""

import sqlalchemy as sa
from alembic import op

revision = "evaluation_0004"
down_revision = "evaluation_0003"
branch_labels = None
depends_on = None

END_OF_TRACE = "substr(traceparent, 24, 12)"


def upgrade() -> None:
    op.create_index("inbox_trace", "inbox", [sa.text(END_OF_TRACE)], unique=False)
    op.create_index("outbox_trace", "outbox", [sa.text(END_OF_TRACE)], unique=False)


def downgrade() -> None:
    op.drop_index("outbox_trace", table_name="outbox")
    op.drop_index("inbox_trace", table_name="inbox")
