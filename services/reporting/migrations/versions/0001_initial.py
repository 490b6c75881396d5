"""initial."""

import sqlalchemy as sa
from alembic import op

from shared import database

revision = "reporting_0001"
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

    op.create_table("commitments",
    sa.Column("campaign", sa.String(length=64), nullable=False),
    sa.Column("unit", sa.String(length=36), nullable=False),
    sa.Column("indicator", sa.String(length=64), nullable=False),
    sa.Column("revision", sa.Integer(), nullable=False),
    sa.Column("baseline", database.Exact(length=64), nullable=True),
    sa.Column("target", database.Exact(length=64), nullable=False),
    sa.Column("unit_of_measure", sa.String(length=32), nullable=False),
    sa.Column("effective_from", sa.Date(), nullable=False),
    sa.PrimaryKeyConstraint("campaign", "unit", "indicator", "revision")
    )
    op.create_table("discrepancies",
    sa.Column("discrepancy", sa.String(length=36), nullable=False),
    sa.Column("campaign", sa.String(length=64), nullable=False),
    sa.Column("unit", sa.String(length=36), nullable=False),
    sa.Column("indicator", sa.String(length=64), nullable=False),
    sa.Column("round", sa.String(length=64), nullable=False),
    sa.Column("client", sa.String(length=64), nullable=False),
    sa.Column("revision", sa.Integer(), nullable=False),
    sa.Column("state", sa.String(length=16), nullable=False),
    sa.Column("reported", database.Exact(length=64), nullable=False),
    sa.Column("observed", database.Exact(length=64), nullable=False),
    sa.Column("as_of", sa.Date(), nullable=False),
    sa.Column("kept", sa.String(length=16), nullable=False),
    sa.Column("reason", sa.Text(), nullable=False),
    sa.Column("opened_at", database.Instant(length=27), nullable=False),
    sa.Column("resolved_at", database.Instant(length=27), nullable=True),
    sa.Column("resolved_by_name", sa.String(length=255), nullable=False),
    sa.PrimaryKeyConstraint("discrepancy")
    )
    with op.batch_alter_table("discrepancies", schema=None) as batch_op:
        batch_op.create_index("discrepancies_of_unit", ["campaign", "unit"], unique=False)

    op.create_table("holds",
    sa.Column("hold", sa.String(length=36), nullable=False),
    sa.Column("campaign", sa.String(length=64), nullable=False),
    sa.Column("unit", sa.String(length=36), nullable=False),
    sa.Column("since", database.Instant(length=27), nullable=False),
    sa.Column("expires_on", sa.Date(), nullable=True),
    sa.PrimaryKeyConstraint("hold")
    )
    with op.batch_alter_table("holds", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_holds_campaign"), ["campaign"], unique=False)

    op.create_table("idempotent_answers",
    sa.Column("officer", sa.String(length=36), nullable=False),
    sa.Column("key", sa.String(length=128), nullable=False),
    sa.Column("request_hash", sa.String(length=64), nullable=False),
    sa.Column("answer", sa.JSON(), nullable=False),
    sa.Column("at", database.Instant(length=27), nullable=False),
    sa.PrimaryKeyConstraint("officer", "key")
    )
    op.create_table("inbound_events",
    sa.Column("id", sa.String(length=36), nullable=False),
    sa.Column("client", sa.String(length=64), nullable=False),
    sa.Column("event", sa.String(length=160), nullable=False),
    sa.Column("body_hash", sa.String(length=64), nullable=False),
    sa.Column("type", sa.String(length=256), nullable=False),
    sa.Column("subject", sa.String(length=256), nullable=False),
    sa.Column("state", sa.String(length=16), nullable=False),
    sa.Column("headers", sa.JSON(), nullable=False),
    sa.Column("body", sa.LargeBinary(), nullable=False),
    sa.Column("size", sa.Integer(), nullable=False),
    sa.Column("faults", sa.JSON(), nullable=False),
    sa.Column("observation", sa.String(length=36), nullable=True),
    sa.Column("repeats", sa.Integer(), nullable=False),
    sa.Column("received_at", database.Instant(length=27), nullable=False),
    sa.Column("decided_at", database.Instant(length=27), nullable=True),
    sa.PrimaryKeyConstraint("id")
    )
    with op.batch_alter_table("inbound_events", schema=None) as batch_op:
        batch_op.create_index("inbound_identity", ["client", "event", "body_hash"], unique=False)
        batch_op.create_index(batch_op.f("ix_inbound_events_state"), ["state"], unique=False)

    op.create_table("lifted_holds",
    sa.Column("hold", sa.String(length=36), nullable=False),
    sa.Column("at", database.Instant(length=27), nullable=False),
    sa.PrimaryKeyConstraint("hold")
    )
    op.create_table("observations",
    sa.Column("observation", sa.String(length=36), nullable=False),
    sa.Column("revision", sa.Integer(), nullable=False),
    sa.Column("campaign", sa.String(length=64), nullable=False),
    sa.Column("client", sa.String(length=64), nullable=False),
    sa.Column("unit", sa.String(length=36), nullable=False),
    sa.Column("indicator", sa.String(length=64), nullable=False),
    sa.Column("as_of", sa.Date(), nullable=False),
    sa.Column("value", database.Exact(length=64), nullable=False),
    sa.Column("unit_of_measure", sa.String(length=32), nullable=False),
    sa.Column("kind", sa.String(length=16), nullable=False),
    sa.Column("note", sa.Text(), nullable=False),
    sa.Column("current", sa.Boolean(), nullable=False),
    sa.Column("at", database.Instant(length=27), nullable=False),
    sa.PrimaryKeyConstraint("observation", "revision")
    )
    with op.batch_alter_table("observations", schema=None) as batch_op:
        batch_op.create_index("observations_of_unit", ["campaign", "unit"], unique=False)

    op.create_table("openings",
    sa.Column("opening", sa.String(length=36), nullable=False),
    sa.Column("campaign", sa.String(length=64), nullable=False),
    sa.Column("unit", sa.String(length=36), nullable=False),
    sa.Column("round", sa.String(length=64), nullable=False),
    sa.Column("until", database.Instant(length=27), nullable=False),
    sa.Column("reason", sa.Text(), nullable=False),
    sa.Column("decided_by", sa.String(length=36), nullable=False),
    sa.Column("decided_by_name", sa.String(length=255), nullable=False),
    sa.Column("at", database.Instant(length=27), nullable=False),
    sa.PrimaryKeyConstraint("opening")
    )
    with op.batch_alter_table("openings", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_openings_campaign"), ["campaign"], unique=False)

    op.create_table("participants",
    sa.Column("campaign", sa.String(length=64), nullable=False),
    sa.Column("unit", sa.String(length=36), nullable=False),
    sa.Column("revision", sa.Integer(), nullable=False),
    sa.Column("cluster", sa.String(length=64), nullable=False),
    sa.Column("since", database.Instant(length=27), nullable=False),
    sa.PrimaryKeyConstraint("campaign", "unit")
    )
    op.create_table("partners",
    sa.Column("client", sa.String(length=64), nullable=False),
    sa.Column("campaign", sa.String(length=64), nullable=False),
    sa.Column("revision", sa.Integer(), nullable=False),
    sa.Column("title", sa.String(length=255), nullable=False),
    sa.Column("unit", sa.String(length=36), nullable=False),
    sa.Column("indicators", sa.JSON(), nullable=False),
    sa.Column("kinds", sa.JSON(), nullable=False),
    sa.Column("active", sa.Boolean(), nullable=False),
    sa.PrimaryKeyConstraint("client", "campaign")
    )
    op.create_table("report_values",
    sa.Column("report", sa.String(length=36), nullable=False),
    sa.Column("revision", sa.Integer(), nullable=False),
    sa.Column("indicator", sa.String(length=64), nullable=False),
    sa.Column("place", sa.Integer(), nullable=False),
    sa.Column("value", database.Exact(length=64), nullable=True),
    sa.Column("unit_of_measure", sa.String(length=32), nullable=False),
    sa.Column("kind", sa.String(length=16), nullable=False),
    sa.Column("as_of", sa.Date(), nullable=False),
    sa.Column("note", sa.Text(), nullable=False),
    sa.Column("flag", sa.String(length=16), nullable=False),
    sa.PrimaryKeyConstraint("report", "revision", "indicator")
    )
    op.create_table("report_versions",
    sa.Column("report", sa.String(length=36), nullable=False),
    sa.Column("revision", sa.Integer(), nullable=False),
    sa.Column("status", sa.String(length=16), nullable=False),
    sa.Column("channel", sa.String(length=16), nullable=False),
    sa.Column("at", database.Instant(length=27), nullable=False),
    sa.Column("actor", sa.String(length=64), nullable=False),
    sa.Column("actor_name", sa.String(length=255), nullable=False),
    sa.Column("reason", sa.Text(), nullable=False),
    sa.Column("notes", sa.JSON(), nullable=False),
    sa.PrimaryKeyConstraint("report", "revision")
    )
    op.create_table("reports",
    sa.Column("report", sa.String(length=36), nullable=False),
    sa.Column("campaign", sa.String(length=64), nullable=False),
    sa.Column("unit", sa.String(length=36), nullable=False),
    sa.Column("round", sa.String(length=64), nullable=False),
    sa.Column("revision", sa.Integer(), nullable=False),
    sa.Column("status", sa.String(length=16), nullable=False),
    sa.Column("first_submitted_at", database.Instant(length=27), nullable=False),
    sa.Column("submitted_at", database.Instant(length=27), nullable=False),
    sa.Column("on_time", sa.Boolean(), nullable=False),
    sa.Column("accepted_revision", sa.Integer(), nullable=False),
    sa.Column("acceptances", sa.Integer(), nullable=False),
    sa.Column("returns", sa.Integer(), nullable=False),
    sa.PrimaryKeyConstraint("report"),
    sa.UniqueConstraint("campaign", "unit", "round", name="one_report_per_round")
    )
    with op.batch_alter_table("reports", schema=None) as batch_op:
        batch_op.create_index("reports_of_round", ["campaign", "round"], unique=False)

    op.create_table("rounds",
    sa.Column("campaign", sa.String(length=64), nullable=False),
    sa.Column("round", sa.String(length=64), nullable=False),
    sa.Column("revision", sa.Integer(), nullable=False),
    sa.Column("cutoff", sa.Date(), nullable=False),
    sa.Column("deadline", database.Instant(length=27), nullable=False),
    sa.Column("opened_at", database.Instant(length=27), nullable=False),
    sa.Column("closed_at", database.Instant(length=27), nullable=True),
    sa.Column("expected", sa.Integer(), nullable=True),
    sa.Column("on_time", sa.Integer(), nullable=True),
    sa.Column("missing", sa.Integer(), nullable=True),
    sa.PrimaryKeyConstraint("campaign", "round")
    )


def downgrade() -> None:
    op.drop_table("rounds")
    with op.batch_alter_table("reports", schema=None) as batch_op:
        batch_op.drop_index("reports_of_round")

    op.drop_table("reports")
    op.drop_table("report_versions")
    op.drop_table("report_values")
    op.drop_table("partners")
    op.drop_table("participants")
    with op.batch_alter_table("openings", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_openings_campaign"))

    op.drop_table("openings")
    with op.batch_alter_table("observations", schema=None) as batch_op:
        batch_op.drop_index("observations_of_unit")

    op.drop_table("observations")
    op.drop_table("lifted_holds")
    with op.batch_alter_table("inbound_events", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_inbound_events_state"))
        batch_op.drop_index("inbound_identity")

    op.drop_table("inbound_events")
    op.drop_table("idempotent_answers")
    with op.batch_alter_table("holds", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_holds_campaign"))

    op.drop_table("holds")
    with op.batch_alter_table("discrepancies", schema=None) as batch_op:
        batch_op.drop_index("discrepancies_of_unit")

    op.drop_table("discrepancies")
    op.drop_table("commitments")
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
