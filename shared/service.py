"""A running service: its database, broker, inbox, relay, clock and telemetry, started and stopped together."""

import asyncio
import contextlib
import gc
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from itertools import chain
from typing import Annotated, Any

import nats.errors
from fastapi import Depends, FastAPI, Request
from faststream.nats import NatsBroker
from nats.js import JetStreamContext
from opentelemetry.sdk.trace import SpanProcessor

from shared import broker, campaigns, clock, gauges, streams
from shared.clock import Clock
from shared.database import Database
from shared.gauges import Measure
from shared.inbox import Hears, Inbox
from shared.outbox import Relay, listen
from shared.settings import SERVICES, Settings
from shared.telemetry import Telemetry

log = logging.getLogger(__name__)

Job = Callable[["Service"], Awaitable[None]]
"""A background task of a service; it runs until cancelled and is started again, after a rest, when it fails."""
JOB_REST_SECONDS = 1.0
STOP_SECONDS = 0.5
ASK_SECONDS = 2.0
PARTNER_POLL_SECONDS = 2.0
HEAL_SECONDS = 5.0
COMPARE_SECONDS = 5.0
COLLECTION = (20_000, 20, 50)


@dataclass
class Strangers:
    """Requests without a valid session since the process started: how many, the last one and when. They fill no table."""

    count: int = 0
    asked: str = ""
    at: datetime | None = None

    def came(self, asked: str, at: datetime) -> None:
        """Count one more."""
        self.count, self.asked, self.at = self.count + 1, asked, at


class Service:
    """One of the four services at run time. `jobs` are its background tasks besides relay and subscribers."""

    def __init__(
        self, name: str, settings: Settings, hears: Hears, jobs: Sequence[Job] = (), measures: Sequence[Measure] = ()
    ) -> None:
        self.name, self.settings, self.hears, self.jobs = name, settings, hears, tuple(jobs)
        self.measures = tuple(measures)
        self.clock = Clock(simulated=settings.simulated)
        self.database = Database(settings.database_of(name), name)
        self.telemetry = Telemetry(name, settings.otlp_endpoint)
        self.database.telemetry = self.telemetry
        gauges.watch(self.database, self.telemetry)
        self.inbox = Inbox(self.database, hears, self.telemetry, self.clock)
        self.broker: NatsBroker = broker.connect(settings, service=name)
        self.relay: Relay | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._partners: set[str] = set()
        self.started = False
        """True once subscribers, relay and jobs run."""
        self.strangers = Strangers()
        self.extras: dict[str, Any] = {}
        """What a service's own jobs share with its pages, for example the live feed's listeners."""

    def trace_to(self, processor: SpanProcessor) -> None:
        """Send spans to one more processor."""
        self.telemetry.provider.add_span_processor(processor)

    @property
    def jetstream(self) -> JetStreamContext:
        """The broker's JetStream, once started."""
        return self.broker.config.broker_config.connection_state.stream

    def now(self) -> datetime:
        """The instant by which this service judges."""
        return self.clock.now()

    @property
    def activity(self) -> int:
        """Grows whenever this process applies or publishes something; no proof of rest, but free to ask."""
        return self.inbox.batches + (self.relay.sent if self.relay else 0)

    async def start(self) -> None:
        """Bind the subscribers, then start relay and jobs."""
        await self.clock.recall(self.database)
        async with self.database.read() as session:
            self.telemetry.campaigns.know(await campaigns.codes(session))
        for producer, types in self.hears.producers().items():
            broker.subscribe(self.broker, producer.upper(), types, self.inbox)
        await self.broker.start()
        self.relay = Relay(self.database, self.jetstream, self.telemetry)
        self._spawn(self.relay.run, "relay")
        if not self.database.sqlite:
            self._spawn(partial(listen, self.database), "listen")
        self._spawn(self._heal, "heal")
        if not self.settings.simulated:
            await self._compare_clocks()
            self._spawn(self._watch_clock, "clock")
        if self.hears.inbound_handler:
            await self._bind_partners()
            self._spawn(self._watch_partners, "partners")
        for job in self.jobs:
            self._spawn(lambda job=job: job(self), job.__name__)  # type: ignore[misc]
        self.started = True

    @property
    def partners(self) -> frozenset[str]:
        """The partners whose streams this service hears."""
        return frozenset(self._partners)

    def places(self) -> list[streams.Durable]:
        """The durables of this service."""
        return streams.durables([self.hears], self._partners)

    async def stop(self) -> None:
        """Finish what is in hand, then close everything."""
        while pending := [task for task in self._tasks if not task.done()]:
            for task in pending:
                task.cancel()  # again, if need be: before Python 3.12 wait_for loses a cancellation that meets its result
            await asyncio.wait(pending, timeout=STOP_SECONDS)
        await broker.disconnect(self.broker)
        await self.database.close()
        self.telemetry.shutdown()

    async def ready(self, *, broker: bool = True) -> list[str]:
        """What keeps the service from being ready; empty when it is. Asks database, broker, its stream, the relay and each durable.

        `broker=False`: only what it can take no request without. What it says while the broker is away waits in its outbox.
        """
        faults = [] if self.clock.trusted else ["clock"]
        faults += await _silent("database", self._ask_database())
        return faults + await self._ask_broker() if broker else faults

    async def _ask_database(self) -> None:
        async with self.database.read() as session:
            await session.connection()

    async def _ask_broker(self) -> list[str]:
        """Stream and durables, all at once: who asks a probe does not wait so often for a broker that is away."""
        info = self.jetstream.consumer_info
        asked = [_silent(place.stream, info(place.stream, place.service, timeout=ASK_SECONDS)) for place in self.places()]
        own, *others = await asyncio.gather(_silent(self.name.upper(), self._ask_stream()), *asked)
        relay = [f"outbox: {self.relay.fault}"] if self.relay and self.relay.fault else []
        return [*own, *relay, *chain.from_iterable(others)]

    async def _ask_stream(self) -> None:
        await self.jetstream.stream_info(self.name.upper())

    async def lag(self) -> dict[str, int]:
        """Events not yet applied, by "STREAM/service"."""
        found = await streams.lag(self.jetstream, self.places())
        for place, waiting in found.items():
            self.telemetry.pending.labels(place.partition("/")[0]).set(waiting)
        return found

    def _spawn(self, work: Callable[[], Awaitable[None]], name: str) -> None:
        async def supervised() -> None:
            while True:
                try:
                    return await work()
                except Exception:
                    log.exception("%s: %s failed and starts again", self.name, name)
                    await asyncio.sleep(JOB_REST_SECONDS)

        self._tasks.append(asyncio.create_task(supervised(), name=f"{self.name}-{name}"))

    async def _heal(self) -> None:
        """Make again what somebody deleted: the streams that are ours, our durables. The relay refills a stream that is new."""
        others = {name.upper() for name in SERVICES if name != self.name}
        while True:
            await asyncio.sleep(HEAL_SECONDS)
            configs = [c for c in streams.stream_configs(self._partners, self.settings.replicas) if c.name not in others]
            try:
                for line in await streams.restore(self.jetstream, configs, self.places()):
                    log.error("%s was missing: %s", self.name, line)
            except Exception as error:  # the broker is away or has no leader yet: readiness says so
                log.debug("nothing restored: %s", error)

    async def _compare_clocks(self) -> None:
        with contextlib.suppress(nats.errors.Error, KeyError):  # no answer, or no stream yet: the next comparison tells
            self.clock.compare(await clock.ask(self.broker.config.broker_config.connection_state.connection))

    async def _watch_clock(self) -> None:
        while True:
            await asyncio.sleep(COMPARE_SECONDS)
            await self._compare_clocks()

    async def _watch_partners(self) -> None:
        """A partner registered while we run gets its stream from the provisioning job; bind to it when it is there."""
        while True:
            await asyncio.sleep(PARTNER_POLL_SECONDS)
            with contextlib.suppress(Exception):
                await self._bind_partners()

    async def _bind_partners(self) -> None:
        for client in await streams.clients_of(self.jetstream):
            if client not in self._partners:
                await broker.subscribe_partner(self.broker, client, self.inbox).start()
                self._partners.add(client)


async def _silent(name: str, question: Awaitable[object]) -> list[str]:
    """Its name and what went wrong, where there is no answer in time."""
    try:
        async with asyncio.timeout(ASK_SECONDS):
            await question
    except Exception as error:
        return [f"{name}: {type(error).__name__}"]
    return []


def settle_memory() -> None:
    """What start-up made stays for good: it is taken out of garbage collection, whose rounds else cost up to a tenth of a second each."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*COLLECTION)


@contextlib.asynccontextmanager
async def running(app: FastAPI) -> AsyncIterator[None]:
    """The lifespan of a service's app."""
    service: Service = app.state.service
    await service.start()
    settle_memory()
    try:
        yield
    finally:
        await service.stop()


async def service_of(request: Request) -> Service:
    """FastAPI dependency: the service that answers. Asynchronous, for a plain function would hop to another thread and back."""
    found: Service = request.app.state.service
    return found


Here = Annotated[Service, Depends(service_of)]
"""Annotate a route's parameter with this to get the running service."""
