"""Partners' keys and scope; what an inbound event became, and its place on the way."""

import sqlalchemy as sa
from alembic import op

from shared import database

revision = "reporting_0002"
down_revision = "reporting_0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("partners") as batch_op:
        batch_op.add_column(sa.Column("types", sa.JSON(), nullable=True))
        batch_op.add_column(sa.Column("units", sa.JSON(), nullable=True))
    op.create_table("admissions",
    sa.Column("client", sa.String(length=64), nullable=False),
    sa.Column("revision", sa.Integer(), nullable=False),
    sa.Column("keys", sa.JSON(), nullable=False),
    sa.Column("quota", sa.Integer(), nullable=False),
    sa.Column("signing_keys", sa.JSON(), nullable=False),
    sa.Column("revoked", sa.Boolean(), nullable=False),
    sa.PrimaryKeyConstraint("client")
    )
    op.create_table("paces",
    sa.Column("client", sa.String(length=64), nullable=False),
    sa.Column("minute", database.Instant(length=27), nullable=False),
    sa.Column("taken", sa.Integer(), nullable=False),
    sa.PrimaryKeyConstraint("client")
    )
    with op.batch_alter_table("inbound_events") as batch_op:
        batch_op.add_column(sa.Column("receipt", sa.String(length=160), nullable=True))
        batch_op.add_column(sa.Column("happened_at", database.Instant(length=27), nullable=True))
        batch_op.add_column(sa.Column("traceparent", sa.String(length=64), nullable=True))
        batch_op.add_column(sa.Column("sandbox", sa.Boolean(), nullable=True))
        batch_op.add_column(sa.Column("effect", sa.String(length=160), nullable=True))
        batch_op.add_column(sa.Column("effect_revision", sa.Integer(), nullable=True))
        batch_op.add_column(sa.Column("superseded_by", sa.String(length=36), nullable=True))
        batch_op.create_index("inbound_of_client", ["client", "received_at"], unique=False)
        batch_op.create_index("inbound_receipt", ["receipt"], unique=False)
        batch_op.create_index("inbound_effect", ["effect"], unique=False)


def downgrade() -> None:
    with op.batch_alter_table("inbound_events") as batch_op:
        for index in ("inbound_of_client", "inbound_receipt", "inbound_effect"):
            batch_op.drop_index(index)
        for column in ("superseded_by", "effect_revision", "effect", "sandbox", "traceparent", "happened_at", "receipt"):
            batch_op.drop_column(column)
    op.drop_table("paces")
    op.drop_table("admissions")
    with op.batch_alter_table("partners") as batch_op:
        batch_op.drop_column("units")
        batch_op.drop_column("types")
