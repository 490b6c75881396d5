"""A dead letter that can never be applied is closed, with the reason why."""

import sqlalchemy as sa
from alembic import op

revision = "registration_0006"
down_revision = "registration_0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("dead_letters", sa.Column("closed", sa.Text()))


def downgrade() -> None:
    op.drop_column("dead_letters", "closed")
