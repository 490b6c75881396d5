"""Scores without a standing or a signal of their revision: a version that kept none changed them, before this one or beside it."""

import asyncio
from collections.abc import Callable
from datetime import datetime

from sqlalchemy import and_, or_, select, tuple_

from services.evaluation import scores
from services.evaluation.models import scores as scores_table
from services.evaluation.models import signals, standings
from shared.database import CHUNK, Database
from shared.inbox import lock
from shared.service import Service

AGAIN_SECONDS = 3600.0
"""One look reads every score's key: a second for a million."""


async def mend_places(service: Service) -> None:
    """A job of the service: look at the start, then now and again."""
    while True:
        await mend(service.database, service.now)
        await asyncio.sleep(AGAIN_SECONDS)


async def mend(database: Database, now: Callable[[], datetime]) -> int:
    """Settle again every score whose standing or signal is missing or of another revision; returns how many there were."""
    last, number = ("", ""), 0
    while found := await _after(database, last):
        last, number = found[-1], number + len(found)
        keys = sorted(scores.key_of(*one) for one in found)
        async with database.write() as session:
            await lock(session, keys)
            scores.doubt(session, [unit for _, unit in found])
            for known in (await scores.known(session, keys)).values():
                await scores.settle(session, known, now())
    return number


async def _after(database: Database, last: tuple[str, str]) -> list[tuple[str, str]]:
    t = scores_table
    query = select(t.c.campaign, t.c.unit).where(tuple_(t.c.campaign, t.c.unit) > tuple_(*last))
    for kept in (standings, signals):
        query = query.outerjoin(kept, and_(kept.c.campaign == t.c.campaign, kept.c.unit == t.c.unit))
    stale = or_(*(kept.c.revision.is_distinct_from(t.c.revision) for kept in (standings, signals)))
    async with database.read() as session:
        return [(row.campaign, row.unit) for row in await session.execute(query.where(stale).order_by(t.c.campaign, t.c.unit).limit(CHUNK))]
