"""initial."""

import sqlalchemy as sa
from alembic import op

from shared import database

revision = "registration_0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table("audit",
    sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
    sa.Column("at", database.Instant(length=27), nullable=False),
    sa.Column("actor", sa.String(length=64), nullable=False),
    sa.Column("actor_name", sa.String(length=255), nullable=False),
    sa.Column("unit", sa.String(length=36), nullable=False),
    sa.Column("action", sa.String(length=64), nullable=False),
    sa.Column("subject", sa.String(length=160), nullable=False),
    sa.Column("details", sa.Text(), nullable=False),
    sa.Column("previous", sa.String(length=64), nullable=False),
    sa.Column("hash", sa.String(length=64), nullable=False),
    sa.PrimaryKeyConstraint("number")
    )
    with op.batch_alter_table("audit", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_audit_unit"), ["unit"], unique=False)

    op.create_table("dead_letters",
    sa.Column("id", sa.String(length=36), nullable=False),
    sa.Column("event", sa.String(length=160), nullable=False),
    sa.Column("type", sa.String(length=256), nullable=False),
    sa.Column("subject", sa.String(length=256), nullable=False),
    sa.Column("headers", sa.Text(), nullable=False),
    sa.Column("body", sa.LargeBinary(), nullable=False),
    sa.Column("reason", sa.Text(), nullable=False),
    sa.Column("attempts", sa.Integer(), nullable=False),
    sa.Column("kept", database.Instant(length=27), nullable=False),
    sa.Column("replayed", database.Instant(length=27), nullable=True),
    sa.PrimaryKeyConstraint("id")
    )
    op.create_table("ended_sessions",
    sa.Column("session", sa.String(length=36), nullable=False),
    sa.PrimaryKeyConstraint("session")
    )
    op.create_table("handled_ticks",
    sa.Column("name", sa.String(length=16), nullable=False),
    sa.Column("instant", database.Instant(length=27), nullable=False),
    sa.PrimaryKeyConstraint("name")
    )
    op.create_table("inbox",
    sa.Column("source", sa.String(length=128), nullable=False),
    sa.Column("id", sa.String(length=160), nullable=False),
    sa.Column("type", sa.String(length=128), nullable=False),
    sa.Column("applied", database.Instant(length=27), nullable=False),
    sa.Column("recorded", database.Instant(length=27), nullable=True),
    sa.Column("traceparent", sa.String(length=64), nullable=True),
    sa.PrimaryKeyConstraint("source", "id")
    )
    op.create_table("known_campaigns",
    sa.Column("campaign", sa.String(length=64), nullable=False),
    sa.Column("revision", sa.Integer(), nullable=False),
    sa.Column("digest", sa.String(length=64), nullable=False),
    sa.Column("definition", sa.Text(), nullable=False),
    sa.PrimaryKeyConstraint("campaign")
    )
    op.create_table("known_keys",
    sa.Column("key", sa.String(length=36), nullable=False),
    sa.Column("public_pem", sa.Text(), nullable=False),
    sa.Column("expires_at", database.Instant(length=27), nullable=False),
    sa.PrimaryKeyConstraint("key")
    )
    op.create_table("known_officers",
    sa.Column("officer", sa.String(length=36), nullable=False),
    sa.Column("revision", sa.Integer(), nullable=False),
    sa.Column("name", sa.String(length=255), nullable=False),
    sa.Column("post", sa.String(length=255), nullable=False),
    sa.Column("unit", sa.String(length=36), nullable=False),
    sa.Column("roles", sa.JSON(), nullable=False),
    sa.Column("email", sa.String(length=255), nullable=True),
    sa.Column("active", sa.Boolean(), nullable=False),
    sa.PrimaryKeyConstraint("officer")
    )
    with op.batch_alter_table("known_officers", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_known_officers_unit"), ["unit"], unique=False)

    op.create_table("known_phases",
    sa.Column("campaign", sa.String(length=64), nullable=False),
    sa.Column("revision", sa.Integer(), nullable=False),
    sa.Column("phase", sa.String(length=16), nullable=False),
    sa.Column("at", database.Instant(length=27), nullable=False),
    sa.PrimaryKeyConstraint("campaign")
    )
    op.create_table("known_unit_identifiers",
    sa.Column("unit", sa.String(length=36), nullable=False),
    sa.Column("scheme", sa.String(length=32), nullable=False),
    sa.Column("value", sa.String(length=64), nullable=False),
    sa.Column("valid_from", sa.Date(), nullable=False),
    sa.Column("valid_to", sa.Date(), nullable=True),
    sa.PrimaryKeyConstraint("unit", "scheme", "value", "valid_from")
    )
    with op.batch_alter_table("known_unit_identifiers", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_known_unit_identifiers_value"), ["value"], unique=False)

    op.create_table("known_unit_versions",
    sa.Column("unit", sa.String(length=36), nullable=False),
    sa.Column("valid_from", sa.Date(), nullable=False),
    sa.Column("valid_to", sa.Date(), nullable=True),
    sa.Column("name", sa.String(length=255), nullable=False),
    sa.Column("search", sa.String(length=255), nullable=False),
    sa.Column("kind", sa.String(length=16), nullable=False),
    sa.Column("parent", sa.String(length=36), nullable=True),
    sa.PrimaryKeyConstraint("unit", "valid_from")
    )
    with op.batch_alter_table("known_unit_versions", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_known_unit_versions_parent"), ["parent"], unique=False)

    op.create_table("known_units",
    sa.Column("unit", sa.String(length=36), nullable=False),
    sa.Column("revision", sa.Integer(), nullable=False),
    sa.Column("position", sa.Integer(), nullable=False),
    sa.Column("sample", sa.Boolean(), nullable=False),
    sa.Column("body", sa.JSON(), nullable=False),
    sa.PrimaryKeyConstraint("unit")
    )
    op.create_table("outbox",
    sa.Column("position", sa.Integer(), autoincrement=True, nullable=False),
    sa.Column("id", sa.String(length=36), nullable=False),
    sa.Column("type", sa.String(length=128), nullable=False),
    sa.Column("subject", sa.String(length=256), nullable=False),
    sa.Column("campaign", sa.String(length=64), nullable=False),
    sa.Column("body", sa.Text(), nullable=False),
    sa.Column("time", database.Instant(length=27), nullable=False),
    sa.Column("recorded", database.Instant(length=27), nullable=False),
    sa.Column("traceparent", sa.String(length=64), nullable=True),
    sa.Column("sent", database.Instant(length=27), nullable=True),
    sa.PrimaryKeyConstraint("position"),
    sa.UniqueConstraint("id")
    )
    with op.batch_alter_table("outbox", schema=None) as batch_op:
        batch_op.create_index("outbox_unsent", ["position"], unique=False, sqlite_where=sa.text("sent IS NULL"), postgresql_where=sa.text("sent IS NULL"))

    op.create_table("accounts",
    sa.Column("officer", sa.String(length=36), nullable=False),
    sa.Column("login", sa.String(length=255), nullable=False),
    sa.Column("revision", sa.Integer(), nullable=False),
    sa.Column("active", sa.Boolean(), nullable=False),
    sa.Column("shown", sa.Boolean(), nullable=False),
    sa.Column("password_hash", sa.String(length=255), nullable=True),
    sa.PrimaryKeyConstraint("officer"),
    sa.UniqueConstraint("login")
    )
    op.create_table("amendments",
    sa.Column("id", sa.String(length=36), nullable=False),
    sa.Column("campaign", sa.String(length=64), nullable=False),
    sa.Column("unit", sa.String(length=36), nullable=False),
    sa.Column("indicator", sa.String(length=64), nullable=False),
    sa.Column("baseline", database.Exact(length=64), nullable=True),
    sa.Column("target", database.Exact(length=64), nullable=False),
    sa.Column("effective_from", sa.Date(), nullable=False),
    sa.Column("reason", sa.Text(), nullable=False),
    sa.Column("legal_basis", sa.Text(), nullable=False),
    sa.Column("status", sa.String(length=64), nullable=False),
    sa.Column("proposed_by", sa.String(length=36), nullable=False),
    sa.Column("proposed_at", database.Instant(length=27), nullable=False),
    sa.Column("decided_by", sa.String(length=36), nullable=True),
    sa.Column("decided_at", database.Instant(length=27), nullable=True),
    sa.Column("answer", sa.Text(), nullable=False),
    sa.PrimaryKeyConstraint("id")
    )
    with op.batch_alter_table("amendments", schema=None) as batch_op:
        batch_op.create_index("amendments_of_unit", ["campaign", "unit", "indicator"], unique=False)

    op.create_table("campaign_phases",
    sa.Column("campaign", sa.String(length=64), nullable=False),
    sa.Column("revision", sa.Integer(), autoincrement=False, nullable=False),
    sa.Column("phase", sa.String(length=64), nullable=False),
    sa.Column("at", database.Instant(length=27), nullable=False),
    sa.PrimaryKeyConstraint("campaign", "revision")
    )
    op.create_table("campaign_versions",
    sa.Column("campaign", sa.String(length=64), nullable=False),
    sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
    sa.Column("fingerprint", sa.String(length=64), nullable=False),
    sa.Column("definition", sa.Text(), nullable=False),
    sa.Column("loaded_at", database.Instant(length=27), nullable=False),
    sa.PrimaryKeyConstraint("campaign", "version")
    )
    op.create_table("commitments",
    sa.Column("campaign", sa.String(length=64), nullable=False),
    sa.Column("unit", sa.String(length=36), nullable=False),
    sa.Column("indicator", sa.String(length=64), nullable=False),
    sa.Column("revision", sa.Integer(), autoincrement=False, nullable=False),
    sa.Column("baseline", database.Exact(length=64), nullable=True),
    sa.Column("target", database.Exact(length=64), nullable=False),
    sa.Column("unit_of_measure", sa.String(length=64), nullable=False),
    sa.Column("effective_from", sa.Date(), nullable=False),
    sa.Column("reason", sa.Text(), nullable=False),
    sa.Column("legal_basis", sa.Text(), nullable=False),
    sa.Column("approved_by", sa.String(length=36), nullable=False),
    sa.Column("approved_at", database.Instant(length=27), nullable=False),
    sa.PrimaryKeyConstraint("campaign", "unit", "indicator", "revision")
    )
    op.create_table("failed_sign_ins",
    sa.Column("login", sa.String(length=255), nullable=False),
    sa.Column("address", sa.String(length=64), nullable=False),
    sa.Column("failures", sa.Integer(), nullable=False),
    sa.Column("since", database.Instant(length=27), nullable=False),
    sa.PrimaryKeyConstraint("login", "address")
    )
    with op.batch_alter_table("failed_sign_ins", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_failed_sign_ins_since"), ["since"], unique=False)

    op.create_table("memberships",
    sa.Column("campaign", sa.String(length=64), nullable=False),
    sa.Column("unit", sa.String(length=36), nullable=False),
    sa.Column("valid_from", sa.Date(), nullable=False),
    sa.Column("valid_to", sa.Date(), nullable=True),
    sa.Column("cluster", sa.String(length=64), nullable=False),
    sa.PrimaryKeyConstraint("campaign", "unit", "valid_from")
    )
    op.create_table("participations",
    sa.Column("id", sa.String(length=36), nullable=False),
    sa.Column("campaign", sa.String(length=64), nullable=False),
    sa.Column("unit", sa.String(length=36), nullable=False),
    sa.Column("cluster", sa.String(length=64), nullable=False),
    sa.Column("status", sa.String(length=64), nullable=False),
    sa.Column("revision", sa.Integer(), nullable=False),
    sa.Column("head_name", sa.String(length=255), nullable=False),
    sa.Column("head_post", sa.String(length=255), nullable=False),
    sa.Column("focal_name", sa.String(length=255), nullable=False),
    sa.Column("focal_post", sa.String(length=255), nullable=False),
    sa.Column("commitments", sa.JSON(), nullable=False),
    sa.Column("reason", sa.Text(), nullable=False),
    sa.Column("submitted_by", sa.String(length=36), nullable=True),
    sa.Column("submitted_at", database.Instant(length=27), nullable=True),
    sa.Column("decided_by", sa.String(length=36), nullable=True),
    sa.Column("decided_at", database.Instant(length=27), nullable=True),
    sa.PrimaryKeyConstraint("id"),
    sa.UniqueConstraint("campaign", "unit")
    )
    with op.batch_alter_table("participations", schema=None) as batch_op:
        batch_op.create_index("participations_status", ["campaign", "status"], unique=False)

    op.create_table("partners",
    sa.Column("campaign", sa.String(length=64), nullable=False),
    sa.Column("client", sa.String(length=64), nullable=False),
    sa.Column("revision", sa.Integer(), nullable=False),
    sa.Column("title", sa.String(length=255), nullable=False),
    sa.Column("unit", sa.String(length=36), nullable=False),
    sa.Column("indicators", sa.JSON(), nullable=False),
    sa.Column("kinds", sa.JSON(), nullable=False),
    sa.Column("active", sa.Boolean(), nullable=False),
    sa.PrimaryKeyConstraint("campaign", "client")
    )
    op.create_table("successions",
    sa.Column("succession", sa.String(length=36), nullable=False),
    sa.Column("revision", sa.Integer(), nullable=False),
    sa.Column("successor", sa.String(length=36), nullable=False),
    sa.Column("day", sa.Date(), nullable=False),
    sa.Column("legal_act", sa.String(length=255), nullable=False),
    sa.Column("predecessors", sa.JSON(), nullable=False),
    sa.PrimaryKeyConstraint("succession"),
    sa.UniqueConstraint("successor", "day", "legal_act")
    )
    op.create_table("units",
    sa.Column("unit", sa.String(length=36), nullable=False),
    sa.Column("key", sa.String(length=255), nullable=False),
    sa.Column("revision", sa.Integer(), nullable=False),
    sa.Column("content", sa.String(length=64), nullable=False),
    sa.PrimaryKeyConstraint("unit"),
    sa.UniqueConstraint("key")
    )
    op.create_table("work_steps",
    sa.Column("work", sa.String(length=36), nullable=False),
    sa.Column("revision", sa.Integer(), autoincrement=False, nullable=False),
    sa.Column("status", sa.String(length=64), nullable=False),
    sa.Column("day", sa.Date(), nullable=False),
    sa.Column("recorded_by", sa.String(length=36), nullable=False),
    sa.Column("recorded_name", sa.String(length=255), nullable=False),
    sa.Column("recorded_at", database.Instant(length=27), nullable=False),
    sa.PrimaryKeyConstraint("work", "revision")
    )
    op.create_table("works",
    sa.Column("id", sa.String(length=36), nullable=False),
    sa.Column("campaign", sa.String(length=64), nullable=False),
    sa.Column("unit", sa.String(length=36), nullable=False),
    sa.Column("title", sa.String(length=255), nullable=False),
    sa.Column("purpose", sa.String(length=64), nullable=False),
    sa.Column("state_share", database.Exact(length=64), nullable=False),
    sa.Column("people_share", database.Exact(length=64), nullable=False),
    sa.Column("status", sa.String(length=64), nullable=False),
    sa.Column("confirmed", sa.Boolean(), nullable=False),
    sa.Column("revision", sa.Integer(), nullable=False),
    sa.PrimaryKeyConstraint("id")
    )
    with op.batch_alter_table("works", schema=None) as batch_op:
        batch_op.create_index("works_of_unit", ["campaign", "unit"], unique=False)



def downgrade() -> None:
    with op.batch_alter_table("works", schema=None) as batch_op:
        batch_op.drop_index("works_of_unit")

    op.drop_table("works")
    op.drop_table("work_steps")
    op.drop_table("units")
    op.drop_table("successions")
    op.drop_table("partners")
    with op.batch_alter_table("participations", schema=None) as batch_op:
        batch_op.drop_index("participations_status")

    op.drop_table("participations")
    op.drop_table("memberships")
    with op.batch_alter_table("failed_sign_ins", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_failed_sign_ins_since"))

    op.drop_table("failed_sign_ins")
    op.drop_table("commitments")
    op.drop_table("campaign_versions")
    op.drop_table("campaign_phases")
    with op.batch_alter_table("amendments", schema=None) as batch_op:
        batch_op.drop_index("amendments_of_unit")

    op.drop_table("amendments")
    op.drop_table("accounts")
    with op.batch_alter_table("outbox", schema=None) as batch_op:
        batch_op.drop_index("outbox_unsent", sqlite_where=sa.text("sent IS NULL"), postgresql_where=sa.text("sent IS NULL"))

    op.drop_table("outbox")
    op.drop_table("known_units")
    with op.batch_alter_table("known_unit_versions", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_known_unit_versions_parent"))

    op.drop_table("known_unit_versions")
    with op.batch_alter_table("known_unit_identifiers", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_known_unit_identifiers_value"))

    op.drop_table("known_unit_identifiers")
    op.drop_table("known_phases")
    with op.batch_alter_table("known_officers", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_known_officers_unit"))

    op.drop_table("known_officers")
    op.drop_table("known_keys")
    op.drop_table("known_campaigns")
    op.drop_table("inbox")
    op.drop_table("handled_ticks")
    op.drop_table("ended_sessions")
    op.drop_table("dead_letters")
    with op.batch_alter_table("audit", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_audit_unit"))

    op.drop_table("audit")
