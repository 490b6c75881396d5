"""Which shadow campaigns hold a report about a unit."""

import sqlalchemy as sa
from alembic import op

revision = "evaluation_0003"
down_revision = "evaluation_0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "shadows",
        sa.Column("campaign", sa.String(length=64), nullable=False),
        sa.Column("unit", sa.String(length=36), nullable=False),
        sa.Column("shadow", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("campaign", "unit", "shadow"),
    )


def downgrade() -> None:
    op.drop_table("shadows")
