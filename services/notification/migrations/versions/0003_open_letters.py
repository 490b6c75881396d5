"""An index of the letters that still want something, by unit."""

import sqlalchemy as sa
from alembic import op

revision = "notification_0003"
down_revision = "notification_0002"
branch_labels = None
depends_on = None

OPEN = sa.text("settled IS NULL")


def upgrade() -> None:
    op.create_index("letters_open", "letters", ["unit", "rule"], unique=False, sqlite_where=OPEN, postgresql_where=OPEN)


def downgrade() -> None:
    op.drop_index("letters_open", table_name="letters")
