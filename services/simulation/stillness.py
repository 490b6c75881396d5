"""Knows when nothing is on its way any more: every outbox sent, every durable at its end, every letter that is due delivered."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from sqlalchemy import func, select

from shared import deadletters, outbox
from shared.inbox import inbox
from shared.service import Service

PAUSE_SECONDS = 0.0015
CALM_ROUNDS = 2
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
            raise NeverStill(f"still on the way: {await self._lags()}, letters due: {await self.letters_due()}") from None

    async def _calm(self) -> None:
        """Wait until this process shows no activity for a moment: asking databases and broker costs far more."""
        calm, before = 0, -1
        while calm < CALM_ROUNDS:
            await asyncio.sleep(PAUSE_SECONDS)
            now = self._activity()
            calm, before = (calm + 1 if now == before else 0), now

    async def _still(self) -> bool:
        """The relays have nothing left, the durables are at their end, and the relays got nothing new meanwhile."""
        before = self._activity()
        if not self._relayed() or any((await self._lags()).values()) or await self.letters_due():
            return False
        return self._relayed() and self._activity() == before

    def _relayed(self) -> bool:
        return all(s.relay is not None and s.relay.idle and not s.database.committed.is_set() for s in self.services)

    def _activity(self) -> int:
        return sum(service.activity for service in self.services)

    async def _lags(self) -> dict[str, int]:
        found = await asyncio.gather(*(service.lag() for service in self.services))
        return {place: lag for lags in found for place, lag in lags.items()}


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
