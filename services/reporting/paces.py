"""At which pace a partner comes: events taken in a minute against its quota. What goes beyond is parked, and taken when there is room."""

from datetime import datetime
from typing import Any

from services.reporting.models import paces
from shared.database import WriteSession, row_of, upsert
from shared.inbox import lock

KEPT = "paces"


async def take(session: WriteSession, client: str, quota: int, now: datetime) -> bool:
    """Take one of a client's places in this minute; False when none is left. Counted in memory, written once per transaction."""
    counts: dict[str, tuple[datetime, int]] = session.info.setdefault(KEPT, {})
    if client not in counts:
        await lock(session, [f"pace|{client}"])
        counts[client] = _counted(await row_of(session, paces, client=client), now)
        session.at_commit(_save)
    minute, taken = counts[client]
    current = max(minute, _minute(now))
    taken = taken if current == minute else 0
    if taken >= quota:
        return False
    counts[client] = current, taken + 1
    return True


def _counted(row: Any, now: datetime) -> tuple[datetime, int]:
    return (row.minute, row.taken) if row else (_minute(now), 0)


def _minute(now: datetime) -> datetime:
    return now.replace(second=0, microsecond=0)


async def _save(session: WriteSession) -> None:
    counts = session.info.pop(KEPT, {})
    await upsert(session, paces, [{"client": client, "minute": minute, "taken": taken} for client, (minute, taken) in sorted(counts.items())])
