"""The tables of reporting: rounds, reports with every version, what partners sent, and the little it must know of the others."""

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    Date,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    bindparam,
    text,
)

from shared.database import Exact, Instant

metadata = MetaData()

rounds = Table(
    "rounds",
    metadata,
    Column("campaign", String(64), primary_key=True),
    Column("round", String(64), primary_key=True),
    Column("revision", Integer, nullable=False),
    Column("cutoff", Date, nullable=False),
    Column("deadline", Instant, nullable=False),
    Column("opened_at", Instant, nullable=False),
    Column("closed_at", Instant),
    Column("expected", Integer),
    Column("on_time", Integer),
    Column("missing", Integer),
)

participants = Table(
    "participants",
    metadata,
    Column("campaign", String(64), primary_key=True),
    Column("unit", String(36), primary_key=True),
    Column("revision", Integer, nullable=False),
    Column("cluster", String(64), nullable=False),
    Column("since", Instant, nullable=False),
)

commitments = Table(
    "commitments",
    metadata,
    Column("campaign", String(64), primary_key=True),
    Column("unit", String(36), primary_key=True),
    Column("indicator", String(64), primary_key=True),
    Column("revision", Integer, primary_key=True),
    Column("baseline", Exact),
    Column("target", Exact, nullable=False),
    Column("unit_of_measure", String(32), nullable=False),
    Column("effective_from", Date, nullable=False),
)

holds = Table(
    "holds",
    metadata,
    Column("hold", String(36), primary_key=True),
    Column("campaign", String(64), nullable=False, index=True),
    Column("unit", String(36), nullable=False),
    Column("since", Instant, nullable=False),
    Column("expires_on", Date),
)
"""Kept apart from `lifted_holds`, so that the two events may come in any order."""

lifted_holds = Table(
    "lifted_holds",
    metadata,
    Column("hold", String(36), primary_key=True),
    Column("at", Instant, nullable=False),
)

reports = Table(
    "reports",
    metadata,
    Column("report", String(36), primary_key=True),
    Column("campaign", String(64), nullable=False),
    Column("unit", String(36), nullable=False),
    Column("round", String(64), nullable=False),
    Column("revision", Integer, nullable=False),
    Column("status", String(16), nullable=False),
    Column("first_submitted_at", Instant, nullable=False),
    Column("submitted_at", Instant, nullable=False),
    Column("on_time", Boolean, nullable=False),
    Column("accepted_revision", Integer, nullable=False),
    Column("acceptances", Integer, nullable=False),
    Column("returns", Integer, nullable=False),
    UniqueConstraint("campaign", "unit", "round", name="one_report_per_round"),
)
Index("reports_of_round", reports.c.campaign, reports.c.round)

versions = Table(
    "report_versions",
    metadata,
    Column("report", String(36), primary_key=True),
    Column("revision", Integer, primary_key=True),
    Column("status", String(16), nullable=False),
    Column("channel", String(16), nullable=False),
    Column("at", Instant, nullable=False),
    Column("actor", String(64), nullable=False),
    Column("actor_name", String(255), nullable=False),
    Column("reason", Text, nullable=False),
    Column("notes", JSON, nullable=False),
    Column("event", String(36)),
    Column("traceparent", String(64)),
)
"""Appended, never overwritten: each acceptance and each return. `notes` of a return: remarks by indicator.

`event`, `traceparent`: the event by which it was told, and its trace; null in what is older than these columns.
"""

figures = Table(
    "report_values",
    metadata,
    Column("report", String(36), primary_key=True),
    Column("revision", Integer, primary_key=True),
    Column("indicator", String(64), primary_key=True),
    Column("place", Integer, nullable=False),
    Column("value", Exact),
    Column("unit_of_measure", String(32), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("as_of", Date, nullable=False),
    Column("note", Text, nullable=False),
    Column("flag", String(16), nullable=False),
)

answers = Table(
    "idempotent_answers",
    metadata,
    Column("officer", String(36), primary_key=True),
    Column("key", String(128), primary_key=True),
    Column("request_hash", String(64), nullable=False),
    Column("answer", JSON, nullable=False),
    Column("at", Instant, nullable=False),
)

openings = Table(
    "openings",
    metadata,
    Column("opening", String(36), primary_key=True),
    Column("campaign", String(64), nullable=False, index=True),
    Column("unit", String(36), nullable=False),
    Column("round", String(64), nullable=False),
    Column("until", Instant, nullable=False),
    Column("reason", Text, nullable=False),
    Column("decided_by", String(36), nullable=False),
    Column("decided_by_name", String(255), nullable=False),
    Column("at", Instant, nullable=False),
)

partners = Table(
    "partners",
    metadata,
    Column("client", String(64), primary_key=True),
    Column("campaign", String(64), primary_key=True),
    Column("revision", Integer, nullable=False),
    Column("title", String(255), nullable=False),
    Column("unit", String(36), nullable=False),
    Column("indicators", JSON, nullable=False),
    Column("kinds", JSON, nullable=False),
    Column("active", Boolean, nullable=False),
    Column("types", JSON),
    Column("units", JSON),
)
"""What a partner may say in a campaign. Null in what came later: the observation alone; all units of the kinds."""

admissions = Table(
    "admissions",
    metadata,
    Column("client", String(64), primary_key=True),
    Column("revision", Integer, nullable=False),
    Column("keys", JSON, nullable=False),
    Column("quota", Integer, nullable=False),
    Column("signing_keys", JSON, nullable=False),
    Column("revoked", Boolean, nullable=False),
)
"""By which keys a partner comes in and at which pace. One without a row was never given keys: it comes over the broker alone, unlimited."""

paces = Table(
    "paces",
    metadata,
    Column("client", String(64), primary_key=True),
    Column("minute", Instant, nullable=False),
    Column("taken", Integer, nullable=False),
)
"""How many events of a client were taken in the minute in which one was taken last."""

inbound = Table(
    "inbound_events",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("client", String(64), nullable=False),
    Column("event", String(160), nullable=False),
    Column("body_hash", String(64), nullable=False),
    Column("type", String(256), nullable=False),
    Column("subject", String(256), nullable=False),
    Column("state", String(16), nullable=False, index=True),
    Column("headers", JSON, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("size", Integer, nullable=False),
    Column("faults", JSON, nullable=False),
    Column("observation", String(36)),
    Column("repeats", Integer, nullable=False),
    Column("received_at", Instant, nullable=False),
    Column("decided_at", Instant),
    Column("receipt", String(160)),
    Column("happened_at", Instant),
    Column("traceparent", String(64)),
    Column("sandbox", Boolean),
    Column("effect", String(160)),
    Column("effect_revision", Integer),
    Column("superseded_by", String(36)),
    Column("trial", Integer),
    Column("handled_at", Instant),
    Column("decision", String(16)),
    Column("decision_reason", Text),
    Column("decision_at", Instant),
)
"""`receipt`: its place in the stream; `happened_at`: by its own words; `effect`: what it became, as kind:id; `superseded_by`: a later event;
`trial`: of a trial, in which of its client's sandboxes it was, once that is over; `handled_at`: when a person said of a refused one that
nothing more is to be done; `decision`: what a person decided in registration on what became a proposal."""
Index("inbound_of_client", inbound.c.client, inbound.c.received_at)
Index("inbound_receipt", inbound.c.receipt)
Index("inbound_effect", inbound.c.effect)
Index("inbound_identity", inbound.c.client, inbound.c.event, inbound.c.body_hash)
LAST_OF_ID = text("CASE state WHEN 'conflict' THEN false WHEN 'rejected' THEN superseded_by IS NULL ELSE true END")
"""Of all that came under an id: what stands, and what was refused last. However often an id comes again, these stay few.

One expression that no other index can serve a part of: SQLite would read all that was ever accepted."""
OF_CLIENT = inbound.c.client.concat("") == bindparam("client")
"""Of a partner, among events in a state that few are in: found by the state, for SQLite would rather read all that the partner ever sent."""
Index("inbound_last", inbound.c.client, inbound.c.event, sqlite_where=LAST_OF_ID, postgresql_where=LAST_OF_ID)

refusals = Table(
    "door_refusals",
    metadata,
    Column("client", String(64), primary_key=True),
    Column("day", Date, primary_key=True),
    Column("status", Integer, primary_key=True),
    Column("reason", String(255), primary_key=True),
    Column("number", Integer, nullable=False),
    Column("faults", JSON, nullable=False),
    Column("at", Instant, nullable=False),
)
"""Requests that the HTTP door refused whole. `reason`: the sentence in Vietnamese before anything is filled in; `faults`: those of the last one."""

trials = Table(
    "trials",
    metadata,
    Column("client", String(64), primary_key=True),
    Column("number", Integer, nullable=False),
    Column("begun_at", Instant),
)
"""Which of its sandboxes a partner is in, counted from 1, and since when: null until something is tried out in it."""

trial_scores = Table(
    "trial_scores",
    metadata,
    Column("campaign", String(64), primary_key=True),
    Column("unit", String(36), primary_key=True),
    Column("revision", Integer, nullable=False),
    Column("score", Exact, nullable=False),
    Column("grade", String(64)),
    Column("parts", JSON, nullable=False),
    Column("at", Instant, nullable=False),
)
"""How evaluation scored a unit in a shadow campaign."""

observations = Table(
    "observations",
    metadata,
    Column("observation", String(36), primary_key=True),
    Column("revision", Integer, primary_key=True),
    Column("campaign", String(64), nullable=False),
    Column("client", String(64), nullable=False),
    Column("unit", String(36), nullable=False),
    Column("indicator", String(64), nullable=False),
    Column("as_of", Date, nullable=False),
    Column("value", Exact, nullable=False),
    Column("unit_of_measure", String(32), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("note", Text, nullable=False),
    Column("current", Boolean, nullable=False),
    Column("at", Instant, nullable=False),
)
Index("observations_of_unit", observations.c.campaign, observations.c.unit)
_CURRENT = text("current")
Index(
    "observations_current", *(observations.c[name] for name in ("campaign", "unit", "indicator", "client", "as_of")),
    sqlite_where=_CURRENT, postgresql_where=_CURRENT,
)  # fmt: skip

discrepancies = Table(
    "discrepancies",
    metadata,
    Column("discrepancy", String(36), primary_key=True),
    Column("campaign", String(64), nullable=False),
    Column("unit", String(36), nullable=False),
    Column("indicator", String(64), nullable=False),
    Column("round", String(64), nullable=False),
    Column("client", String(64), nullable=False),
    Column("revision", Integer, nullable=False),
    Column("state", String(16), nullable=False),
    Column("reported", Exact, nullable=False),
    Column("observed", Exact, nullable=False),
    Column("as_of", Date, nullable=False),
    Column("kept", String(16), nullable=False),
    Column("reason", Text, nullable=False),
    Column("opened_at", Instant, nullable=False),
    Column("resolved_at", Instant),
    Column("resolved_by_name", String(255), nullable=False),
)
Index("discrepancies_of_unit", discrepancies.c.campaign, discrepancies.c.unit)
