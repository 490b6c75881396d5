"""Keys of partner systems, what they may say and about which units."""

import sqlalchemy as sa
from alembic import op

from shared import database

revision = "registration_0002"
down_revision = "registration_0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("partners") as batch_op:
        batch_op.add_column(sa.Column("types", sa.JSON(), nullable=True))
        batch_op.add_column(sa.Column("units", sa.JSON(), nullable=True))
        batch_op.add_column(sa.Column("origin", sa.String(length=64), nullable=True))
    op.create_table("partner_clients",
    sa.Column("client", sa.String(length=64), nullable=False),
    sa.Column("revision", sa.Integer(), nullable=False),
    sa.Column("contact", sa.String(length=255), nullable=False),
    sa.Column("quota", sa.Integer(), nullable=False),
    sa.Column("signing_keys", sa.JSON(), nullable=False),
    sa.Column("revoked_at", database.Instant(length=27), nullable=True),
    sa.PrimaryKeyConstraint("client")
    )
    op.create_table("partner_keys",
    sa.Column("key", sa.String(length=36), nullable=False),
    sa.Column("client", sa.String(length=64), nullable=False),
    sa.Column("nkey", sa.String(length=64), nullable=False),
    sa.Column("secret_sha256", sa.String(length=64), nullable=False),
    sa.Column("issued_at", database.Instant(length=27), nullable=False),
    sa.Column("issued_by", sa.String(length=255), nullable=False),
    sa.Column("expires_at", database.Instant(length=27), nullable=True),
    sa.PrimaryKeyConstraint("key")
    )
    op.create_index("ix_partner_keys_client", "partner_keys", ["client"], unique=False)


def downgrade() -> None:
    op.drop_table("partner_keys")
    op.drop_table("partner_clients")
    with op.batch_alter_table("partners") as batch_op:
        batch_op.drop_column("origin")
        batch_op.drop_column("units")
        batch_op.drop_column("types")
