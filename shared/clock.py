"""Time is an event: the publisher of ticks, and each service's own idea of now."""

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable
from datetime import UTC, date, datetime, timedelta
from time import monotonic
from zoneinfo import ZoneInfo

from nats.aio.client import Client
from nats.js import JetStreamContext
from sqlalchemy import Column, String, Table, select

from shared.database import Database, Instant, ReadSession, WriteSession, fabric, upsert
from shared.events.clock import MinuteTicked
from shared.locks import lock

log = logging.getLogger(__name__)

LOCAL = ZoneInfo("Asia/Ho_Chi_Minh")
"""Days, cut-offs and deadlines are here."""
SKEW_LIMIT = timedelta(seconds=2)
PUBLISH_SECONDS = 5.0
ASK_SECONDS = 2.0
STREAM = "CLOCK"

handled = Table("handled_ticks", fabric, Column("name", String(16), primary_key=True), Column("instant", Instant, nullable=False))

OnTick = Callable[[WriteSession, datetime, datetime | None], Awaitable[None]]
"""`async def on_tick(session, now, since)`: do everything due after `since` (None: ever) up to `now`."""


class Clock:
    """A service's idea of now: the last tick's in simulation, else the wall's, or the broker's when they differ by over 2 s.

    The broker's clock is asked now and then; in between a steady clock counts on, so that a jump of the wall's shows at once.
    """

    def __init__(self, *, simulated: bool) -> None:
        self.simulated = simulated
        self.tick: datetime | None = None
        self._broker: tuple[datetime, float] | None = None

    def hear(self, event: MinuteTicked) -> None:
        """Take note of a tick."""
        if self.tick is None or event.instant > self.tick:
            self.tick = event.instant

    def compare(self, broker: datetime) -> None:
        """Take note of the broker's time now."""
        self._broker = broker, monotonic()

    @property
    def skew(self) -> timedelta:
        """The broker's clock less this machine's."""
        if self.simulated or self._broker is None:
            return timedelta(0)
        told, at = self._broker
        return told + timedelta(seconds=monotonic() - at) - datetime.now(UTC)

    @property
    def trusted(self) -> bool:
        """False when this machine's clock and the broker's differ too much: the service turns red."""
        return abs(self.skew) <= SKEW_LIMIT

    def now(self) -> datetime:
        """The instant by which this service judges, in UTC."""
        if self.simulated:
            return self.tick or datetime.fromtimestamp(0, UTC)
        wall = datetime.now(UTC)
        return wall if self.trusted else wall + self.skew

    async def recall(self, database: Database) -> None:
        """Know after a restart what the last handled tick was."""
        async with database.read() as session:
            self.tick = await last_handled(session)


async def last_handled(session: ReadSession) -> datetime | None:
    """The newest tick that was handled, or None."""
    return await session.scalar(select(handled.c.instant).where(handled.c.name == "minute"))


async def advance(session: WriteSession, instant: datetime, work: OnTick) -> bool:
    """Handle a tick once: `work` does all that fell due since the last handled one; an older tick is ignored (False).

    One after the other: two replicas that have a tick each in hand would both do what fell due, and the older one would count last.
    """
    await lock(session, ["clock|minute"])
    since = await last_handled(session)
    if since is not None and instant <= since:
        return False
    await upsert(session, handled, [{"name": "minute", "instant": instant}])
    await work(session, instant, since)
    return True


def local_date(instant: datetime) -> date:
    """The day of an instant in Lai Châu."""
    return instant.astimezone(LOCAL).date()


async def publish(jetstream: JetStreamContext, instant: datetime, *, simulated: bool) -> None:
    """Publish one tick. Its id comes from mode and instant, so the ticks of several replicas collapse to one."""
    event = MinuteTicked(instant=instant, mode="simulated" if simulated else "real")
    identity = f"tick-{event.mode}-{instant.astimezone(UTC).isoformat()}"
    headers = {
        "Nats-Msg-Id": identity,
        "ce-specversion": "1.0",
        "ce-id": identity,
        "ce-source": "/thidua/clock",
        "ce-type": event.TYPE,
        "ce-time": instant.isoformat(),
        "ce-recordedtime": datetime.now(UTC).isoformat(),
        "content-type": "application/json",
    }
    await jetstream.publish(event.TYPE, event.model_dump_json().encode(), timeout=PUBLISH_SECONDS, stream=STREAM, headers=headers)


async def ask(broker: Client) -> datetime:
    """The broker's time: every answer about a stream tells it. Half the way there and back is added."""
    asked = monotonic()
    answer = await broker.request(f"$JS.API.STREAM.INFO.{STREAM}", timeout=ASK_SECONDS)
    told = datetime.fromisoformat(json.loads(answer.data)["ts"])
    return told + timedelta(seconds=(monotonic() - asked) / 2)


def is_early(event: MinuteTicked, stored: datetime | None) -> bool:
    """True for a real tick that the broker had before its instant came: its teller's clock is ahead, and no deadline moves for that."""
    return event.mode == "real" and stored is not None and event.instant - stored > SKEW_LIMIT


async def run(jetstream: JetStreamContext, clock: Clock) -> None:
    """Tick every minute of `clock` until cancelled."""
    while True:
        now = clock.now()
        minute = now.replace(second=0, microsecond=0) + timedelta(minutes=1)
        await asyncio.sleep((minute - now).total_seconds())
        try:
            await publish(jetstream, minute, simulated=False)
        except Exception as error:
            log.warning("tick of %s not published: %s", minute.isoformat(), error)
