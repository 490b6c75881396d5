"""initial."""

import sqlalchemy as sa
from alembic import op

from shared import database

revision = "notification_0001"
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

    op.create_table("channels",
    sa.Column("channel", sa.String(length=16), nullable=False),
    sa.Column("open", sa.Boolean(), nullable=False),
    sa.PrimaryKeyConstraint("channel")
    )
    op.create_table("closed_rounds",
    sa.Column("campaign", sa.String(length=64), nullable=False),
    sa.Column("round", sa.String(length=64), nullable=False),
    sa.Column("revision", sa.Integer(), nullable=False),
    sa.PrimaryKeyConstraint("campaign", "round")
    )
    op.create_table("deliveries",
    sa.Column("delivery", sa.String(length=36), nullable=False),
    sa.Column("letter", sa.String(length=36), nullable=False),
    sa.Column("officer", sa.String(length=36), nullable=False),
    sa.Column("channel", sa.String(length=16), nullable=False),
    sa.Column("state", sa.String(length=16), nullable=False),
    sa.Column("due_at", database.Instant(length=27), nullable=False),
    sa.Column("attempts", sa.Integer(), nullable=False),
    sa.Column("next_attempt", database.Instant(length=27), nullable=True),
    sa.Column("message_id", sa.String(length=120), nullable=False),
    sa.Column("error", sa.String(length=400), nullable=False),
    sa.Column("delivered_at", database.Instant(length=27), nullable=True),
    sa.Column("read_at", database.Instant(length=27), nullable=True),
    sa.PrimaryKeyConstraint("delivery"),
    sa.UniqueConstraint("letter", "officer", "channel", name="deliveries_once")
    )
    with op.batch_alter_table("deliveries", schema=None) as batch_op:
        batch_op.create_index("deliveries_officer", ["officer", "channel", "state"], unique=False)
        batch_op.create_index("deliveries_state", ["state", "channel", "due_at"], unique=False)

    op.create_table("ended_matters",
    sa.Column("campaign", sa.String(length=64), nullable=False),
    sa.Column("cause", sa.String(length=160), nullable=False),
    sa.Column("revision", sa.Integer(), nullable=False),
    sa.PrimaryKeyConstraint("campaign", "cause")
    )
    op.create_table("holds",
    sa.Column("hold", sa.String(length=36), nullable=False),
    sa.Column("campaign", sa.String(length=64), nullable=False),
    sa.Column("unit", sa.String(length=36), nullable=False),
    sa.Column("since", database.Instant(length=27), nullable=True),
    sa.Column("lifted", sa.Boolean(), nullable=False),
    sa.PrimaryKeyConstraint("hold")
    )
    with op.batch_alter_table("holds", schema=None) as batch_op:
        batch_op.create_index("holds_unit", ["campaign", "unit"], unique=False)

    op.create_table("letters",
    sa.Column("letter", sa.String(length=36), nullable=False),
    sa.Column("rule", sa.String(length=40), nullable=False),
    sa.Column("audience", sa.String(length=16), nullable=False),
    sa.Column("campaign", sa.String(length=64), nullable=False),
    sa.Column("unit", sa.String(length=36), nullable=False),
    sa.Column("addressee", sa.String(length=36), nullable=True),
    sa.Column("cause", sa.String(length=160), nullable=False),
    sa.Column("revision", sa.Integer(), nullable=False),
    sa.Column("parameters", sa.JSON(), nullable=False),
    sa.Column("created", database.Instant(length=27), nullable=False),
    sa.Column("settled", database.Instant(length=27), nullable=True),
    sa.Column("event", sa.String(length=160), nullable=False),
    sa.Column("traceparent", sa.String(length=64), nullable=True),
    sa.PrimaryKeyConstraint("letter"),
    sa.UniqueConstraint("rule", "audience", "campaign", "unit", "cause", "revision", name="letters_once")
    )
    with op.batch_alter_table("letters", schema=None) as batch_op:
        batch_op.create_index("letters_addressee", ["addressee", "created"], unique=False)
        batch_op.create_index("letters_cause", ["campaign", "cause"], unique=False)
        batch_op.create_index("letters_unit", ["unit", "created"], unique=False)

    op.create_table("mutes",
    sa.Column("officer", sa.String(length=36), nullable=False),
    sa.Column("rule", sa.String(length=40), nullable=False),
    sa.PrimaryKeyConstraint("officer", "rule")
    )
    op.create_table("participants",
    sa.Column("campaign", sa.String(length=64), nullable=False),
    sa.Column("unit", sa.String(length=36), nullable=False),
    sa.Column("revision", sa.Integer(), nullable=False),
    sa.Column("status", sa.String(length=16), nullable=False),
    sa.PrimaryKeyConstraint("campaign", "unit")
    )
    op.create_table("rounds",
    sa.Column("campaign", sa.String(length=64), nullable=False),
    sa.Column("round", sa.String(length=64), nullable=False),
    sa.Column("revision", sa.Integer(), nullable=False),
    sa.Column("opened_at", database.Instant(length=27), nullable=False),
    sa.Column("cutoff", sa.Date(), nullable=False),
    sa.Column("deadline", database.Instant(length=27), nullable=False),
    sa.Column("event", sa.String(length=160), nullable=False),
    sa.PrimaryKeyConstraint("campaign", "round")
    )
    op.create_table("submissions",
    sa.Column("campaign", sa.String(length=64), nullable=False),
    sa.Column("round", sa.String(length=64), nullable=False),
    sa.Column("unit", sa.String(length=36), nullable=False),
    sa.Column("accepted", sa.Integer(), nullable=False),
    sa.Column("returned", sa.Integer(), nullable=False),
    sa.Column("missed", database.Instant(length=27), nullable=True),
    sa.Column("event", sa.String(length=160), nullable=False),
    sa.PrimaryKeyConstraint("campaign", "round", "unit")
    )


def downgrade() -> None:
    op.drop_table("submissions")
    op.drop_table("rounds")
    op.drop_table("participants")
    op.drop_table("mutes")
    with op.batch_alter_table("letters", schema=None) as batch_op:
        batch_op.drop_index("letters_unit")
        batch_op.drop_index("letters_cause")
        batch_op.drop_index("letters_addressee")

    op.drop_table("letters")
    with op.batch_alter_table("holds", schema=None) as batch_op:
        batch_op.drop_index("holds_unit")

    op.drop_table("holds")
    op.drop_table("ended_matters")
    with op.batch_alter_table("deliveries", schema=None) as batch_op:
        batch_op.drop_index("deliveries_state")
        batch_op.drop_index("deliveries_officer")

    op.drop_table("deliveries")
    op.drop_table("closed_rounds")
    op.drop_table("channels")
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
