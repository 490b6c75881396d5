"""Letters are gathered into digests."""

import sqlalchemy as sa
from alembic import op

revision = "notification_0004"
down_revision = "notification_0003"
branch_labels = None
depends_on = None

GATHERED = sa.text("digest IS NOT NULL")


def upgrade() -> None:
    op.add_column("letters", sa.Column("digest", sa.String(length=36), nullable=True))
    op.create_index("letters_digest", "letters", ["digest"], unique=False, sqlite_where=GATHERED, postgresql_where=GATHERED)


def downgrade() -> None:
    op.drop_index("letters_digest", table_name="letters")
    with op.batch_alter_table("letters", schema=None) as batch_op:
        batch_op.drop_column("digest")
