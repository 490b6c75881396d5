"""Moves simulated time on: at each step the acts of the story, a tick, and then rest until nothing is on its way."""

import asyncio
import logging
from bisect import bisect_right
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from itertools import groupby

from nats.js import JetStreamContext

from services.simulation.deeds import Hands
from services.simulation.doors import Declined
from services.simulation.stillness import Stillness
from services.simulation.story import Act, local
from shared import clock
from shared.clock import LOCAL
from shared.events.campaign import Campaign, Round

log = logging.getLogger(__name__)

SIDE_BY_SIDE = 12
IDLE_SECONDS = 0.2
AFTERMATH = timedelta(days=3)
"""How long after a deadline the overdue are told, and then their superiors."""

Moved = Callable[[datetime], None]


class Player:
    """Plays a story. `moved` is told each new instant; `paused` and `speed` are set from the operator's page.

    `opening`: a part is being played as fast as it goes, and is not to be paused.
    """

    def __init__(self, acts: Sequence[Act], hands: Hands, stillness: Stillness, jetstream: JetStreamContext) -> None:
        self.acts, self.hands, self.stillness, self.jetstream = acts, hands, stillness, jetstream
        self.now: datetime | None = None
        self.paused, self.speed, self.opening = True, 10, False
        self.declined: list[str] = []
        self.moved: Moved = lambda _: None

    async def play(self, campaign: Campaign, since: datetime | None, until: datetime) -> None:
        """Play everything after `since` (None: from the beginning) up to and including `until`, as fast as the services can."""
        self.opening = True
        try:
            for instant in instants(campaign, self.acts, since, until):
                await self.step(since, instant)
                since = instant
        finally:
            self.opening = False

    async def step(self, since: datetime | None, instant: datetime) -> None:
        """Tick to `instant`, rest, then do the acts that lie after `since` up to it, group by group, resting in between."""
        await clock.publish(self.jetstream, instant, simulated=True)
        await self.stillness.wait()
        for _, group in groupby(self._due(since, instant), key=lambda act: act.order):
            await self._together(list(group))
            await self.stillness.wait()
        self.now = instant
        self.moved(instant)

    def _due(self, since: datetime | None, instant: datetime) -> Sequence[Act]:
        """The acts after `since` (None: from the beginning) up to and including `instant`; acts are in the order of time."""
        first = 0 if since is None else bisect_right(self.acts, since, key=lambda act: act.at)
        return self.acts[first : bisect_right(self.acts, instant, key=lambda act: act.at)]

    async def _together(self, acts: Sequence[Act]) -> None:
        """Acts of one instant run side by side, but each unit's own one after the other."""
        gate = asyncio.Semaphore(SIDE_BY_SIDE)

        async def of_one_unit(own: Sequence[Act]) -> None:
            async with gate:
                for act in own:
                    await self._do(act)

        by_unit = [list(own) for _, own in groupby(sorted(acts), key=lambda act: act.unit)]
        await asyncio.gather(*(of_one_unit(own) for own in by_unit))

    async def _do(self, act: Act) -> None:
        try:
            await self.hands.do(act)
        except Declined as refusal:
            self.declined.append(str(refusal))
            level = logging.WARNING if self.opening else logging.DEBUG  # people who have taken part have made it another story
            log.log(level, "the story was refused: %s", refusal)

    async def play_on(self, end: datetime) -> None:
        """Until cancelled: while not paused, advance by `speed` minutes each second of the wall, up to `end`."""
        while True:
            if self.paused or self.now is None or self.now >= end:
                self.paused = self.paused or (self.now is not None and self.now >= end)
                await asyncio.sleep(IDLE_SECONDS)
                continue
            started = asyncio.get_running_loop().time()
            await self.step(self.now, min(end, self._next(self.now)))
            await asyncio.sleep(max(0.0, 1 - (asyncio.get_running_loop().time() - started)))

    def _next(self, now: datetime) -> datetime:
        """One step on, but never past an act: what people do is done at its own minute."""
        wanted = now + timedelta(minutes=self.speed)
        return min((act.at for act in self.acts if now < act.at < wanted), default=wanted)


def instants(campaign: Campaign, acts: Sequence[Act], since: datetime | None, until: datetime) -> list[datetime]:
    """Every instant at which something may happen: acts, openings and deadlines, each morning from a round's opening to some
    days after its deadline, and a minute after those, since a reminder waits a minute before it leaves. Between rounds days are
    skipped: a tick does all that fell due since the one before.
    """
    turns = [moment.astimezone(UTC) for r in campaign.rounds for moment in (r.opens_at, r.deadline)]
    marks = {*turns, *(morning for r in campaign.rounds for morning in _mornings(r)), campaign.ends_at.astimezone(UTC)}
    found = marks | {mark + timedelta(minutes=1) for mark in marks} | {act.at for act in acts} | {until}
    return sorted(i for i in found if i <= until and (since is None or i > since))


def _mornings(round_: Round) -> list[datetime]:
    first, last = round_.opens_at.astimezone(LOCAL).date(), round_.deadline.astimezone(LOCAL).date() + AFTERMATH
    return [local(first + timedelta(days=n), 7) for n in range((last - first).days + 1)]
