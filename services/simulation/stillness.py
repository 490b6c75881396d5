"""Knows when nothing is on its way any more: every outbox sent, every durable at its end, every letter that is due delivered."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from sqlalchemy import func, select

from shared import deadletters, outbox
from shared.inbox import inbox
from shared.service import Service

PAUSE_SECONDS = 0.003
CALM_ROUNDS = 3
LIMIT_SECONDS = 120.0

DuePending = Callable[[], Awaitable[int]]


class NeverStill(Exception):
    """Something did not come to rest in time; the text says what."""


class Stillness:
    """Waits until the services have done all that follows from what was done so far."""

    def __init__(self, services: Sequence[Service], letters_due: DuePending) -> None:
        self.services, self.letters_due = services, letters_due

    async def wait(self) -> None:
        """Return when all is still; raises `NeverStill` after `LIMIT_SECONDS`."""
        try:
            async with asyncio.timeout(LIMIT_SECONDS):
                await self._calm()
                while not await self._still():
                    await self._calm()
        except TimeoutError:
            raise NeverStill(f"still on the way: {await self._lags()}, outboxes {await self._outboxes()}") from None

    async def _calm(self) -> None:
        """Wait until this process shows no activity for a moment: asking databases and broker costs far more."""
        calm, before = 0, -1
        while calm < CALM_ROUNDS:
            await asyncio.sleep(PAUSE_SECONDS)
            now = sum(service.activity for service in self.services)
            calm, before = (calm + 1 if now == before else 0), now

    async def _still(self) -> bool:
        """Outboxes first, then lags, then outboxes again: an event counts as on its way until nothing new was recorded meanwhile."""
        before = await self._outboxes()
        if any(unsent for _, unsent in before) or any((await self._lags()).values()):
            return False
        return await self._outboxes() == before and not await self.letters_due()

    async def _outboxes(self) -> list[tuple[int, int]]:
        return list(await asyncio.gather(*(_outbox(service) for service in self.services)))

    async def _lags(self) -> dict[str, int]:
        found = await asyncio.gather(*(service.lag() for service in self.services))
        return {place: lag for lags in found for place, lag in lags.items()}


async def _outbox(service: Service) -> tuple[int, int]:
    table = outbox.outbox
    unsent = select(func.count()).select_from(table).where(table.c.sent.is_(None)).scalar_subquery()
    async with service.database.read() as session:
        newest, waiting = (await session.execute(select(func.max(table.c.position), unsent))).one()
    return newest or 0, waiting


async def events(services: Sequence[Service]) -> dict[str, int]:
    """Events recorded, published, applied by at least one service, and dead: distinct, without ticks and partners' own messages."""
    recorded = published = dead = 0
    applied: set[tuple[str, str]] = set()
    for service in services:
        async with service.database.read() as session:
            recorded += int(await session.scalar(select(func.count()).select_from(outbox.outbox)) or 0)
            published += int(await session.scalar(select(func.count(outbox.outbox.c.sent))) or 0)
            rows = await session.execute(select(inbox.c.source, inbox.c.id).where(inbox.c.source.like("/thidua/%")))
            applied |= {(row.source, row.id) for row in rows if row.source != "/thidua/clock"}
            dead += await deadletters.count(session)
    return {"recorded": recorded, "published": published, "applied": len(applied), "dead": dead}
