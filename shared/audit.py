"""An append-only, hash-chained trail of who did what in a service."""

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Column, Integer, String, Table, Text, func, select

from shared.columns import one_of
from shared.database import Instant, ReadSession, WriteSession, add, fabric

audit = Table(
    "audit",
    fabric,
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("at", Instant, nullable=False),
    Column("actor", String(64), nullable=False),
    Column("actor_name", String(255), nullable=False),
    Column("unit", String(36), nullable=False, index=True),
    Column("action", String(64), nullable=False),
    Column("subject", String(160), nullable=False),
    Column("details", Text, nullable=False),
    Column("previous", String(64), nullable=False),
    Column("hash", String(64), nullable=False),
)

START = "0" * 64
LOCK = 4_155_171_001
_HOLD = select(func.pg_advisory_xact_lock(func.hashtextextended(func.current_schema(), LOCK)))
_LAST = select(audit.c.number, audit.c.hash).order_by(audit.c.number.desc()).limit(1)


async def record(session: WriteSession, actor: Any, action: str, subject: str, now: datetime, **details: Any) -> None:
    """Add an entry to the chain at the commit of the caller's transaction.

    `actor` is an `Officer` (or anything with id, name and unit); `action` a verb such as report.submitted; `subject` the id of the thing.
    """
    entry = {
        "at": now,
        "actor": actor.id,
        "actor_name": actor.name,
        "unit": actor.unit,
        "action": action,
        "subject": subject,
        "details": json.dumps(details, ensure_ascii=False, sort_keys=True, default=str),
    }
    session.info.setdefault("audit", []).append(entry)
    session.at_commit(_append)


async def _append(session: WriteSession) -> None:
    """Put the transaction's entries at the chain's end. Last of all, for nobody else may extend the chain until the commit."""
    await _hold_chain(session)
    last = (await session.execute(_LAST)).first()
    first, previous = (last.number + 1, last.hash) if last else (1, START)
    rows = []
    for number, entry in enumerate(session.info.pop("audit"), first):
        row = {"number": number, **entry, "previous": previous}
        row["hash"] = previous = digest(row)
        rows.append(row)
    await add(session, audit, *rows)


async def _hold_chain(session: WriteSession) -> None:
    """Only one writer extends the chain at a time; SQLite has one writer anyway."""
    if session.get_bind().dialect.name == "postgresql":
        await session.execute(_HOLD)


def digest(row: Mapping[str, Any]) -> str:
    """SHA-256 over the previous hash and the canonical JSON of the entry's other fields."""
    fields = {name: str(value) for name, value in row.items() if name not in {"hash", "previous", "at"}}
    fields["at"] = row["at"].astimezone(UTC).isoformat()
    canonical = json.dumps(fields, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256((row["previous"] + canonical).encode()).hexdigest()


async def verify(session: ReadSession) -> tuple[int, int | None]:
    """(entries read, number of the first entry that does not fit, or None when the whole chain holds)."""
    previous, number = START, 0
    async for row in (await session.stream(select(audit).order_by(audit.c.number))).mappings():
        number += 1
        if row["number"] != number or row["previous"] != previous or row["hash"] != digest(dict(row)):
            return number, int(row["number"])
        previous = row["hash"]
    return number, None


async def listed(session: ReadSession, units: set[str] | None = None, before: int | None = None, limit: int = 100) -> list[Any]:
    """Newest entries first, of the actors' `units` only if given, from number `before` downwards."""
    query = select(audit).order_by(audit.c.number.desc()).limit(limit)
    if units is not None:
        query = query.where(one_of(audit.c.unit, units))
    if before is not None:
        query = query.where(audit.c.number < before)
    return list((await session.execute(query)).all())
