"""Notification's tables: letters and their deliveries, and the little it must remember of rounds, reports, holds and matters."""

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    Date,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    UniqueConstraint,
    and_,
    literal_column,
    or_,
)

from services.notification.rules import OPEN
from shared.database import Instant

metadata = MetaData()

letters = Table(
    "letters",
    metadata,
    Column("letter", String(36), primary_key=True),
    Column("rule", String(40), nullable=False),
    Column("audience", String(16), nullable=False),
    Column("campaign", String(64), nullable=False),
    Column("unit", String(36), nullable=False),  # what the letter is about; empty when it is about no single unit
    Column("addressee", String(36)),  # whose officers get it; null while not known, empty when it goes by role
    Column("cause", String(160), nullable=False),
    Column("revision", Integer, nullable=False),
    Column("parameters", JSON, nullable=False),
    Column("created", Instant, nullable=False),
    Column("settled", Instant),  # since when the matter needs nothing any more
    Column("event", String(160), nullable=False),
    Column("traceparent", String(64)),
    Column("digest", String(36)),  # the letter that brought this one: itself, a digest, TO_GATHER; null when it was addressed at once
    UniqueConstraint("rule", "audience", "campaign", "unit", "cause", "revision", name="letters_once"),
    Index("letters_unit", "unit", "created"),
    Index("letters_addressee", "addressee", "created"),
    Index("letters_cause", "campaign", "cause"),
)

unsettled = letters.c.settled.is_(None)
Index("letters_open", letters.c.unit, letters.c.rule, sqlite_where=unsettled, postgresql_where=unsettled)

in_digests = letters.c.digest.is_not(None)
Index("letters_digest", letters.c.digest, sqlite_where=in_digests, postgresql_where=in_digests)
TO_GATHER = ""
"""In place of a digest: the next tick gathers this letter."""
on_its_own = or_(letters.c.digest.is_(None), letters.c.digest == letters.c.letter)
"""Letters that officers receive; the others reach them in a digest, or will."""

deliveries = Table(
    "deliveries",
    metadata,
    Column("delivery", String(36), primary_key=True),
    Column("letter", String(36), nullable=False),
    Column("officer", String(36), nullable=False),
    Column("channel", String(16), nullable=False),
    Column("state", String(16), nullable=False),
    Column("due_at", Instant, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("next_attempt", Instant),  # by the real clock: mail servers do not live in simulated time
    Column("message_id", String(120), nullable=False),
    Column("error", String(400), nullable=False),
    Column("delivered_at", Instant),
    Column("read_at", Instant),
    UniqueConstraint("letter", "officer", "channel", name="deliveries_once"),
    Index("deliveries_officer", "officer", "channel", "state"),
)
open_ones = deliveries.c.state.in_([literal_column(f"'{state}'") for state in OPEN])
"""Deliveries that have not come to their end; written out, so that databases find the index of them."""
Index("deliveries_open", deliveries.c.channel, deliveries.c.due_at, sqlite_where=open_ones, postgresql_where=open_ones)

rounds = Table(
    "rounds",
    metadata,
    Column("campaign", String(64), primary_key=True),
    Column("round", String(64), primary_key=True),
    Column("revision", Integer, nullable=False),
    Column("opened_at", Instant, nullable=False),
    Column("cutoff", Date, nullable=False),
    Column("deadline", Instant, nullable=False),
    Column("event", String(160), nullable=False),
)

closed_rounds = Table(
    "closed_rounds",
    metadata,
    Column("campaign", String(64), primary_key=True),
    Column("round", String(64), primary_key=True),
    Column("revision", Integer, nullable=False),
)

participants = Table(
    "participants",
    metadata,
    Column("campaign", String(64), primary_key=True),
    Column("unit", String(36), primary_key=True),
    Column("revision", Integer, nullable=False),
    Column("status", String(16), nullable=False),
)

submissions = Table(
    "submissions",
    metadata,
    Column("campaign", String(64), primary_key=True),
    Column("round", String(64), primary_key=True),
    Column("unit", String(36), primary_key=True),
    Column("accepted", Integer, nullable=False),  # the highest revision accepted; 0: none
    Column("returned", Integer, nullable=False),  # the highest revision returned; 0: none
    Column("missed", Instant),  # the deadline that passed without a report
    Column("event", String(160), nullable=False),  # the event that said so
    Column("escalated", Instant),  # when its superior was told that it is missing
)
to_escalate = and_(
    submissions.c.escalated.is_(None), submissions.c.accepted == literal_column("0"), submissions.c.returned == literal_column("0")
)
"""Reports that may still be told to a superior; written out, as above."""
Index("submissions_missed", submissions.c.missed, sqlite_where=to_escalate, postgresql_where=to_escalate)

holds = Table(
    "holds",
    metadata,
    Column("hold", String(36), primary_key=True),
    Column("campaign", String(64), nullable=False),
    Column("unit", String(36), nullable=False),
    Column("since", Instant),  # null while only its end has been heard
    Column("lifted", Boolean, nullable=False),
    Index("holds_unit", "campaign", "unit"),
)

ended_matters = Table(
    "ended_matters",
    metadata,
    Column("campaign", String(64), primary_key=True),
    Column("cause", String(160), primary_key=True),
    Column("revision", Integer, nullable=False),
)

channels = Table(
    "channels",
    metadata,
    Column("channel", String(16), primary_key=True),
    Column("open", Boolean, nullable=False),
)

mutes = Table(
    "mutes",
    metadata,
    Column("officer", String(36), primary_key=True),
    Column("rule", String(40), primary_key=True),
)
