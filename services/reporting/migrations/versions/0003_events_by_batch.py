"""Indexes by which a batch of partners' events finds what came before it."""

import sqlalchemy as sa
from alembic import op

revision = "reporting_0003"
down_revision = "reporting_0002"
branch_labels = None
depends_on = None

LAST = sa.text("CASE state WHEN 'conflict' THEN false WHEN 'rejected' THEN superseded_by IS NULL ELSE true END")
CURRENT = sa.text("current")


def upgrade() -> None:
    op.create_index("inbound_last", "inbound_events", ["client", "event"], sqlite_where=LAST, postgresql_where=LAST)
    op.create_index(
        "observations_current", "observations", ["campaign", "unit", "indicator", "client", "as_of"],
        sqlite_where=CURRENT, postgresql_where=CURRENT,
    )  # fmt: skip


def downgrade() -> None:
    op.drop_index("observations_current", "observations")
    op.drop_index("inbound_last", "inbound_events")
