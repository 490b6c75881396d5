"""Evaluation's tables made anew from the streams alone, beside the live ones, and the ranking computed from them."""

import contextlib
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import aclosing, asynccontextmanager
from pathlib import Path

import nats.errors
from nats.aio.msg import Msg
from nats.js import JetStreamContext
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy
from sqlalchemy import func, select, text
from sqlalchemy.engine import make_url

from services.evaluation import rankings
from services.evaluation.models import scores
from services.evaluation.scoring.ranking import ranking_hash
from services.evaluation.subscribers import hears
from shared import broker, campaigns
from shared.clock import Clock
from shared.database import Database
from shared.delivery import Delivery, Unreadable, read
from shared.events.evaluation import RankingFrozen
from shared.inbox import HandlerFailed, HandlersFailed, Hears, Inbox
from shared.migrations import migrate
from shared.settings import Settings
from shared.shadows import in_earnest
from shared.telemetry import Telemetry

log = logging.getLogger(__name__)

BATCH = 1000
FETCH = 500
FETCH_SECONDS = 10.0
IDLE_SECONDS = 60.0

Progress = Callable[[int, int], None]
"""Called with (events applied, events there are)."""


async def rebuild(settings: Settings, progress: Progress = lambda *_: None) -> dict[str, object]:
    """Rebuild from the streams of `settings.nats_url`; the live tables are not touched, the new ones stay beside them.

    Returns `ranking_hash` (at the freeze, where the streams hold one, else of the ranking as it stands at their end), `units`
    (scored), `events` (applied), `failed` (events that could not be) and `frozen` (whether there was a freeze).
    """
    async with _beside(settings) as database:
        connection = await broker.open_once(settings)
        try:
            return await _Replay(database, progress).run(connection.jetstream())
        finally:
            await connection.close()


@asynccontextmanager
async def _beside(settings: Settings) -> AsyncIterator[Database]:
    """An empty migrated database: a file next to SQLite's, a schema `evaluation_rebuild` on PostgreSQL."""
    live = make_url(settings.database_of(hears.service))
    if live.get_backend_name() == "sqlite":
        path = Path(live.database or "").with_name(f"{hears.service}-rebuild.sqlite")
        for leftover in path.parent.glob(f"{path.name}*"):
            leftover.unlink()
        live = live.set(database=str(path))
    database = Database(live.render_as_string(hide_password=False), hears.service, schema=f"{hears.service}_rebuild")
    try:
        if not database.sqlite:
            async with database.writer.begin() as connection:
                await connection.execute(text(f'DROP SCHEMA IF EXISTS "{database.schema}" CASCADE'))
        await migrate(database)
        yield database
    finally:
        await database.close()


class _Replay:
    """Applies every event in the order in which the broker stored them, through the same handlers as live."""

    def __init__(self, database: Database, progress: Progress) -> None:
        everything = Hears(hears.service, settle=hears.settle, shadows=hears.shadows)
        everything.handlers = hears.handlers | hears.own_handlers
        telemetry = Telemetry(f"{hears.service}-rebuild")
        self.database, self.progress = database, progress
        self.inbox = Inbox(database, everything, telemetry, Clock(simulated=True))
        self.types = everything.producers()
        self.applied, self.failed, self.total = 0, 0, 0
        self.at_freeze: str | None = None

    async def run(self, jetstream: JetStreamContext) -> dict[str, object]:
        """Replay all streams; returns what `rebuild` returns."""
        sources = [Source(jetstream, producer.upper(), types) for producer, types in self.types.items()]
        self.total = sum([await source.open() for source in sources])
        batch: list[Delivery] = []
        async with aclosing(merged(sources)) as messages:
            async for message in messages:
                readable = _readable(message)
                frozen = [one.event.campaign for one in readable if isinstance(one.event, RankingFrozen)]
                if frozen or len(batch) >= BATCH:
                    await self._apply(batch)
                    batch = []
                if frozen:
                    self.at_freeze = await self._ranking_hash(*frozen)
                batch += readable
        await self._apply(batch)
        return {
            "ranking_hash": self.at_freeze or await self._ranking_hash(),
            "units": await self._units(),
            "events": self.applied,
            "failed": self.failed,
            "frozen": self.at_freeze is not None,
        }

    async def _apply(self, batch: Sequence[Delivery]) -> None:
        if not batch:
            return
        failures: Sequence[HandlerFailed] = ()
        try:
            await self.inbox.apply(batch)
        except HandlersFailed as failed:  # live made dead letters of these
            failures = failed.failures
            log.warning("%d events cannot be applied: %s", len(failures), failed)
        self.failed += len(failures)
        self.applied += len(batch) - len(failures)
        self.progress(self.applied + self.failed, self.total)

    async def _ranking_hash(self, *among: str) -> str:
        """Of the newest campaign (`among` these). Computed from the scores, never taken from a frozen ranking."""
        async with self.database.read() as session:
            known = [campaign for campaign in await campaigns.listed(session) if not among or campaign.code in among]
            return ranking_hash(await rankings.current(session, known[0]) if known else ())

    async def _units(self) -> int:
        async with self.database.read() as session:
            return int(await session.scalar(select(func.count()).select_from(scores).where(in_earnest(scores.c.campaign))) or 0)


def _readable(message: Msg) -> list[Delivery]:
    """What live made a dead letter had no effect there, and has none here."""
    try:
        return [read(message)]
    except Unreadable:
        return []


class Source:
    """One stream read from its start to its present end by a consumer of our own that leaves no trace."""

    def __init__(self, jetstream: JetStreamContext, stream: str, types: list[str]) -> None:
        self.jetstream, self.stream, self.types = jetstream, stream, types
        self.left, self.read = 0, 0

    async def open(self) -> int:
        """Place the consumer; returns how many events there are to read."""
        await self._place()
        self.left = (await self.subscription.consumer_info()).num_pending or 0
        return self.left

    async def _place(self) -> None:
        config = ConsumerConfig(
            filter_subjects=self.types, ack_policy=AckPolicy.NONE, deliver_policy=DeliverPolicy.BY_START_SEQUENCE, opt_start_seq=self.read + 1,
            inactive_threshold=IDLE_SECONDS, mem_storage=True,
        )  # fmt: skip
        self.subscription = await self.jetstream.pull_subscribe("", stream=self.stream, config=config)

    async def messages(self) -> AsyncIterator[Msg]:
        """The events in the stream's order."""
        while self.left > 0:
            for message in await self._fetch(min(FETCH, self.left)):
                self.left, self.read = self.left - 1, message.metadata.sequence.stream
                yield message
        await self.subscription.unsubscribe()

    async def _fetch(self, number: int) -> Sequence[Msg]:
        """The next few; a consumer that the broker forgot, while the other sources were read, is placed anew where it was."""
        with contextlib.suppress(nats.errors.Error):
            return await self.subscription.fetch(number, timeout=FETCH_SECONDS)
        await self._place()
        return await self.subscription.fetch(number, timeout=FETCH_SECONDS)


async def merged(sources: Sequence[Source]) -> AsyncGenerator[Msg]:
    """All sources as one, in the order in which the broker stored the messages."""
    streams = [aiter(source.messages()) for source in sources]
    heads = {n: head for n, stream in enumerate(streams) if (head := await anext(stream, None)) is not None}
    while heads:
        first = min(heads, key=lambda n: heads[n].metadata.timestamp)
        yield heads.pop(first)
        if (following := await anext(streams[first], None)) is not None:
            heads[first] = following
