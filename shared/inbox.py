"""Events enter a service only here: a batch in one transaction with its effects, each event once, then acknowledged by hand."""

import asyncio
import contextlib
import logging
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from operator import itemgetter
from typing import Any, TypeVar

from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode
from sqlalchemy import Column, Index, String, Table, bindparam, delete

from shared import deadletters, telemetry
from shared.campaign_labels import NONE
from shared.clock import Clock, advance, is_early, last_handled
from shared.columns import end_of_trace
from shared.database import Database, Instant, WriteSession, add_new, fabric, is_outage
from shared.delivery import Delivery, Inbound, Meta
from shared.events.clock import MinuteTicked
from shared.gathering import Gathering
from shared.hears import Handler
from shared.hears import Hears as Hears
from shared.hears import Touched as Touched
from shared.locks import lock as lock
from shared.telemetry import Telemetry

log = logging.getLogger(__name__)

inbox = Table(
    "inbox",
    fabric,
    Column("source", String(128), primary_key=True),
    Column("id", String(160), primary_key=True),
    Column("type", String(128), nullable=False),
    Column("applied", Instant, nullable=False),
    Column("recorded", Instant),
    Column("traceparent", String(64)),
)
Index("inbox_trace", end_of_trace(inbox.c.traceparent))

MAX_DELIVER = 8
NAK_SECONDS = (0.2, 0.5, 1, 2, 5, 10, 20)
"""How long a failed event rests before its next delivery; the last value serves for all later ones."""
OUTAGE_SECONDS = (0.2, 0.5, 1, 2, 5)
SPOILERS = 1000
WARY_BATCHES, WARY_GROUP = 5, 16
"""After a handler that wrote and then failed, for so many batches, so many handlers share a savepoint."""

T = TypeVar("T")
R = TypeVar("R")
Ran = tuple[dict[str, tuple[Meta, str]], list["HandlerFailed"]]
"""What handlers touched, each with the event that touched it last and its campaign; and which failed."""


def rest_seconds(delivered: int) -> float:
    """How long an event rests after so many deliveries: until an instant that others which failed lately wait for too, so that they come together."""
    least = NAK_SECONDS[min(delivered, len(NAK_SECONDS)) - 1]
    common = least / 2
    return least + common - (time.time() + least) % common


class HandlerFailed(Exception):
    """One delivery of a batch could not be applied; the text is what its handler raised."""

    def __init__(self, delivery: Delivery, error: Exception) -> None:
        super().__init__(f"{type(error).__name__}: {error}")
        self.delivery, self.error = delivery, error


class HandlersFailed(Exception):
    """Some deliveries of a batch could not be applied and had no effect at all; the others are committed."""

    def __init__(self, failures: Sequence[HandlerFailed]) -> None:
        super().__init__("; ".join(map(str, failures)))
        self.failures = failures


class Inbox:
    """Applies batches of deliveries for one service and acknowledges, delays or ends each message by hand."""

    def __init__(self, database: Database, hears: Hears, metrics: Telemetry, clock: Clock) -> None:
        self.database, self.hears, self.telemetry, self.clock = database, hears, metrics, clock
        self.gathering = Gathering(self.handle)
        """Where partners' batches come in, so that those of one moment share a transaction."""
        self.batches = 0
        """Batches begun and ended so far: a cheap sign of activity."""
        self._wary = 0
        """For so many batches more, handlers of events that come for the first time run in small groups, each behind a savepoint."""
        self._spoilers: dict[tuple[str, str], None] = {}
        """Events with which, lately and in this process, no batch could be committed: they are tried apart from the others."""

    async def handle(self, batch: Sequence[Delivery]) -> None:
        """Apply a batch; an event that fails is set aside, so that it cannot hold the others. Never raises."""
        if not batch:
            return
        self.batches += 1
        links = [Link(c) for d in batch if (c := _sampled(d.meta.traceparent)).is_valid]
        name = telemetry.SPAN_BATCH.format(stream=batch[0].meta.stream)
        attributes: dict[str, str | int] = {telemetry.MESSAGING_BATCH: len(batch), telemetry.MESSAGING_SYSTEM: "nats"}
        with self.telemetry.tracer.start_as_current_span(name, kind=SpanKind.CONSUMER, links=links, attributes=attributes):
            self.telemetry.batch.observe(len(batch))
            await self._handle(batch)
        self.batches += 1

    async def _handle(self, batch: Sequence[Delivery]) -> None:
        apart = [key_of(delivery) in self._spoilers for delivery in batch]  # who spoils this batch is apart from the next one on
        for wanted in (False, True):
            await self._together([delivery for delivery, is_apart in zip(batch, apart, strict=True) if is_apart is wanted])

    async def _together(self, batch: Sequence[Delivery]) -> None:
        """Apply a batch in one transaction, without those whose handlers fail. One that cannot be committed is halved until who is at fault is alone."""
        if not batch:
            return
        try:
            await self._while_alive(batch, self.apply)
        except HandlersFailed as failed:
            await self._put_off(failed.failures)
            apart = {id(failure.delivery) for failure in failed.failures}
            await _acknowledge([delivery for delivery in batch if id(delivery) not in apart])
        except Exception as error:
            if len(batch) == 1:
                self._set_apart(batch[0])
                await self._put_off([HandlerFailed(batch[0], error)])
                return
            log.warning("%s: a batch of %d failed, in halves now: %s", self.hears.service, len(batch), error)
            await self._together(batch[: len(batch) // 2])
            await self._together(batch[len(batch) // 2 :])
        else:
            await _acknowledge(batch)

    async def room(self, client: str) -> int | None:
        """How many of a partner's messages may be taken now; None: any number. What is not taken stays in its stream."""
        return await self._while_alive(client, self._room)

    async def _room(self, client: str) -> int | None:
        if self.hears.room is None:
            return None
        async with self.database.read() as session:
            return await self.hears.room(session, client, self.clock.now())

    async def _while_alive(self, given: T, work: Callable[[T], Awaitable[R]]) -> R:
        """Do `work`; wait out a database outage, for an outage is no fault of the messages."""
        attempt = 0
        while True:
            try:
                return await work(given)
            except Exception as error:
                if not is_outage(error):
                    raise
                delay = OUTAGE_SECONDS[min(attempt, len(OUTAGE_SECONDS) - 1)]
                attempt += 1
                log.warning("%s: database not available, again in %.1f s: %s", self.hears.service, delay, error)
                await asyncio.sleep(delay)

    def _set_apart(self, spoiler: Delivery) -> None:
        self._spoilers[key_of(spoiler)] = None
        if len(self._spoilers) > SPOILERS:
            del self._spoilers[next(iter(self._spoilers))]

    async def _put_off(self, failures: Sequence[HandlerFailed]) -> None:
        """What failed is tried again later, apart from what comes for the first time; after `MAX_DELIVER` times it is a dead letter."""
        exhausted = [failure for failure in failures if failure.delivery.meta.delivered >= MAX_DELIVER]
        for failure in failures:
            log.warning("%s: %s", self.hears.service, failure)
            if failure not in exhausted:
                self.telemetry.events.labels(self._label_of(failure.delivery), failure.delivery.meta.type, "retried").inc()
                await failure.delivery.message.nak(delay=rest_seconds(failure.delivery.meta.delivered))
        if exhausted:
            await self._while_alive(exhausted, self.bury)
            await asyncio.gather(*(failure.delivery.message.term() for failure in exhausted))

    async def bury(self, failures: Sequence[HandlerFailed]) -> None:
        """Keep deliveries that cannot be applied as dead letters."""
        async with self.database.write() as session:
            for failure in failures:
                await deadletters.keep(session, failure.delivery.message, str(failure), failure.delivery.meta.delivered)
        self.telemetry.dead.labels("exhausted").inc(len(failures))

    async def apply_one(self, delivery: Delivery) -> None:
        """Apply a delivery that is no message any more; raises what its handler raises."""
        try:
            await self.apply([delivery])
        except HandlersFailed as failed:
            raise failed.failures[0].error from None

    async def apply(self, batch: Sequence[Delivery]) -> None:
        """One transaction: inbox rows, the effects of events not seen before, settling, own outbox rows.

        An event whose handler fails has no effect; the others are committed, and then `HandlersFailed` is raised.
        """
        self._wary = max(0, self._wary - 1)
        try:
            fresh, failures = await self._apply(batch)
        except HandlerFailed as failure:
            if len(batch) == 1:
                raise HandlersFailed([failure]) from failure
            self._wary = WARY_BATCHES
            fresh, failures = await self._apply(batch)
        apart = {id(failure.delivery) for failure in failures}
        self._count(len(batch) - len(fresh), [delivery for delivery in fresh if id(delivery) not in apart])
        if failures:
            raise HandlersFailed(failures)

    async def _apply(self, batch: Sequence[Delivery]) -> tuple[list[Delivery], list[HandlerFailed]]:
        async with self.database.write() as session:
            fresh = await self._claim(session, batch)
            touched, failures = await self._run_all(session, fresh)
            if failures:
                await _release(session, [failure.delivery for failure in failures])
            await self._settle(session, touched)
        return fresh, failures

    async def _claim(self, session: WriteSession, batch: Sequence[Delivery]) -> list[Delivery]:
        """The deliveries not seen before, each once, claimed by their inbox rows; what another replica has in hand is waited for."""
        distinct = {key_of(delivery): delivery for delivery in batch}
        now = datetime.now(UTC)
        rows = [
            {
                "source": d.meta.source, "id": d.meta.id, "type": d.meta.type, "applied": now,
                "recorded": d.meta.recorded, "traceparent": d.meta.traceparent,
            }
            for _, d in sorted(distinct.items())  # replicas that have the same ones in hand wait for each other in one order
            if not isinstance(d.event, MinuteTicked)
        ]
        new = {(row.source, row.id) for row in await add_new(session, inbox, rows)} | await _new_ticks(session, distinct.values())
        return [delivery for key, delivery in distinct.items() if key in new]

    async def _run_all(self, session: WriteSession, fresh: Sequence[Delivery]) -> Ran:
        """Those that come for the first time, and after them, behind savepoints, those that come again, most often because they failed."""
        first = [delivery for delivery in fresh if delivery.meta.delivered == 1]
        again = [delivery for delivery in fresh if delivery.meta.delivered > 1]
        ran = [] if self._wary else [await self._run(session, first)]
        ran += [await self._run_guarded(session, group) for group in _parts([*first, *again] if self._wary else again)]
        return _merged(ran)

    async def _run_guarded(self, session: WriteSession, group: Sequence[Delivery]) -> Ran:
        """Behind a savepoint: when one fails after it wrote, those before it are done again, and then those after it."""
        if not group:
            return {}, []
        await session.flush()
        mark = session.mark()
        try:
            async with session.begin_nested():
                return await self._run(session, group)
        except HandlerFailed as failure:
            session.restore(mark)
            place = next(number for number, delivery in enumerate(group) if delivery is failure.delivery)
            before = await self._run_guarded(session, group[:place])
            return _merged([before, ({}, [failure]), await self._run_guarded(session, group[place + 1 :])])

    async def _run(self, session: WriteSession, group: Sequence[Delivery]) -> Ran:
        """Run handlers one after the other. One that fails before it wrote anything is forgotten; after, it raises `HandlerFailed`."""
        touched: dict[str, tuple[Meta, str]] = {}
        failures: list[HandlerFailed] = []
        for delivery in group:
            mark, meta = session.mark(), self._timed(delivery)
            try:
                keys = await self._run_one(session, delivery, meta)
            except HandlerFailed as failure:
                if not session.take_back(mark):
                    raise
                failures.append(failure)
            else:
                touched.update(dict.fromkeys(keys or (), (meta, delivery.campaign)))
        return touched, failures

    async def _run_one(self, session: WriteSession, delivery: Delivery, meta: Meta) -> Iterable[str] | None:
        handler = self._handler_of(delivery)
        if handler is None:
            return None
        with self._span(meta, delivery.campaign) as span:
            try:
                return await handler(delivery.event, session, meta)
            except Exception as error:
                if is_outage(error):
                    raise
                failure = HandlerFailed(delivery, error)
                failure.__cause__ = error
                if delivery.meta.delivered == 1:
                    raise failure  # noqa: B904 - the span keeps the whole traceback, once: that costs more than most handlers
                span.set_status(Status(StatusCode.ERROR, str(failure)))
        raise failure

    def _timed(self, delivery: Delivery) -> Meta:
        """A partner's message happens when it arrives, by the service's own clock: in simulation the broker's time means nothing."""
        if not isinstance(delivery.event, Inbound):
            return delivery.meta
        now = self.clock.now()
        return replace(delivery.meta, time=now if self.clock.simulated else delivery.meta.time, heard=now)

    def _handler_of(self, delivery: Delivery) -> Handler | None:
        """The handler of a delivery, or None when nobody here hears it."""
        if isinstance(delivery.event, Inbound):
            return self.hears.inbound_handler
        if isinstance(delivery.event, MinuteTicked):
            return self._on_minute_ticked
        return self.hears.handler_of(delivery.meta.type, getattr(delivery.event, "campaign", ""))

    async def _on_minute_ticked(self, event: MinuteTicked, session: WriteSession, meta: Meta) -> None:
        if is_early(event, meta.stored):
            log.error("%s: the tick of %s came early, some service's clock is ahead: ignored", self.hears.service, event.instant.isoformat())
            return
        self.clock.hear(event)
        self.telemetry.clock_skew.set(self.clock.skew.total_seconds())
        if self.hears.on_tick:
            await advance(session, event.instant, self.hears.on_tick)

    async def _settle(self, session: WriteSession, touched: dict[str, tuple[Meta, str]]) -> None:
        if not (self.hears.settle and touched):
            return
        await session.flush()
        await lock(session, touched)
        keys = [Touched(key, meta, partial(self._settling, meta, campaign)) for key, (meta, campaign) in sorted(touched.items(), key=itemgetter(0))]
        await self.hears.settle(session, keys)

    @contextlib.contextmanager
    def _settling(self, meta: Meta, campaign: str) -> Iterator[None]:
        with self._span(meta, campaign, telemetry.SPAN_SETTLE):
            yield

    def _span(self, meta: Meta, campaign: str, name: str = telemetry.SPAN_EVENT) -> Any:
        tags = self.telemetry.tags(meta.type, "" if meta.type == MinuteTicked.TYPE else meta.id, campaign)  # a tick leaves no row
        return self.telemetry.span(name.format(type=meta.type), telemetry.parent_of(meta.traceparent), SpanKind.CONSUMER, **tags)

    def _count(self, duplicates: int, applied: Sequence[Delivery]) -> None:
        now, ours = datetime.now(UTC), self.clock.now()
        if duplicates:
            self.telemetry.events.labels(NONE, "any", "duplicate").inc(duplicates)
        alike = defaultdict[tuple[str, str], list[Meta]](list)
        for delivery in applied:
            alike[self._label_of(delivery), delivery.meta.type].append(delivery.meta)
        for (campaign, kind), metas in alike.items():  # a series is found once for all events of a batch that are alike
            self.telemetry.events.labels(campaign, kind, "applied").inc(len(metas))
            since, age = self.telemetry.since.labels(campaign, kind), self.telemetry.lag_seconds.labels(kind)
            for meta in metas:
                since.observe(max(0.0, (ours - meta.time).total_seconds()))
                if meta.recorded:
                    age.observe((now - meta.recorded).total_seconds())

    def _label_of(self, delivery: Delivery) -> str:
        return self.telemetry.campaigns.of(delivery.campaign)


def _sampled(traceparent: str | None) -> SpanContext:
    """The span to link to; an invalid one where nobody keeps the trace."""
    return telemetry.span_context(telemetry.parent_of(traceparent if telemetry.is_sampled(traceparent) else None))


def key_of(delivery: Delivery) -> tuple[str, str]:
    """What identifies an event in the inbox."""
    return delivery.meta.source, delivery.meta.id


def _parts(deliveries: Sequence[Delivery]) -> list[Sequence[Delivery]]:
    return [deliveries[start : start + WARY_GROUP] for start in range(0, len(deliveries), WARY_GROUP)]


def _merged(ran: Iterable[Ran]) -> Ran:
    touched: dict[str, tuple[Meta, str]] = {}
    failures: list[HandlerFailed] = []
    for more, failed in ran:
        touched.update(more)
        failures += failed
    return touched, failures


async def _acknowledge(batch: Sequence[Delivery]) -> None:
    await asyncio.gather(*(delivery.message.ack() for delivery in batch))


async def _new_ticks(session: WriteSession, deliveries: Iterable[Delivery]) -> set[tuple[str, str]]:
    """The keys of ticks after the last one that was handled. They leave no rows, of which there would be half a million a year."""
    ticks = {key_of(delivery): delivery.event.instant for delivery in deliveries if isinstance(delivery.event, MinuteTicked)}
    last = await last_handled(session) if ticks else None
    return {key for key, instant in ticks.items() if last is None or instant > last}


_RELEASE = delete(inbox).where(inbox.c.source == bindparam("of"), inbox.c.id == bindparam("event"))


async def _release(session: WriteSession, deliveries: Sequence[Delivery]) -> None:
    """What was claimed and could not be applied is for another time."""
    await session.execute(_RELEASE, [{"of": delivery.meta.source, "event": delivery.meta.id} for delivery in deliveries])
