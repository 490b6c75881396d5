"""What a service tells of itself and its surroundings when Prometheus asks. What does not answer is told as such and holds nobody up."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from time import perf_counter
from typing import TYPE_CHECKING, Any

from sqlalchemy import event

from shared import campaigns, deadletters, measures
from shared.database import Database
from shared.telemetry import Telemetry

if TYPE_CHECKING:
    from shared.service import Service

log = logging.getLogger(__name__)

ASK_SECONDS = 2.0
BEGAN = "thidua_began"

Measure = Callable[["Service"], Awaitable[None]]
"""Sets gauges of a service's own; asked at each scrape."""


async def take(service: "Service") -> None:
    """Set every gauge to what it is now."""
    telemetry = service.telemetry
    telemetry.disk_free.set(measures.disk_free(service.settings.data))
    telemetry.clock_skew.set(service.clock.skew.total_seconds())
    telemetry.connections.set(_connections(service.database))
    await _answer(service, "database", _database)
    await _answer(service, "broker", _broker)
    for own in service.measures:
        await _answer(service, own.__name__, own)


async def _answer(service: "Service", part: str, ask: Measure) -> None:
    try:
        async with asyncio.timeout(ASK_SECONDS):
            await ask(service)
    except Exception as error:
        log.warning("%s: %s does not answer: %s", service.name, part, str(error) or type(error).__name__)
        service.telemetry.reachable.labels(part).set(0)
    else:
        service.telemetry.reachable.labels(part).set(1)


async def _database(service: "Service") -> None:
    service.telemetry.outbox_age.set((await measures.outbox_age(service.database)).total_seconds())
    async with service.database.read() as session:
        service.telemetry.dead_waiting.set(await deadletters.count(session))
        service.telemetry.campaigns.know(await campaigns.codes(session))  # another replica may have heard of one, or a command loaded it


async def _broker(service: "Service") -> None:
    for place in service.places():
        info = await service.jetstream.consumer_info(place.stream, place.service, timeout=ASK_SECONDS)
        service.telemetry.pending.labels(place.stream).set((info.num_pending or 0) + (info.num_ack_pending or 0))
        service.telemetry.redelivered.labels(place.stream).set(info.num_redelivered or 0)


def _connections(database: Database) -> int:
    pools: set[Any] = {database.writer.sync_engine.pool, database.reader.sync_engine.pool}
    return sum(pool.checkedout() for pool in pools)


def watch(database: Database, telemetry: Telemetry) -> None:
    """Count and time the transactions that write."""

    @event.listens_for(database.writer.sync_engine, "begin")
    def began(connection: Any) -> None:
        connection.info[BEGAN] = perf_counter()

    @event.listens_for(database.writer.sync_engine, "commit")
    def committed(connection: Any) -> None:
        telemetry.transactions.labels("commit").observe(perf_counter() - connection.info[BEGAN])

    @event.listens_for(database.writer.sync_engine, "rollback")
    def rolled_back(connection: Any) -> None:
        now = perf_counter()
        began = now if connection.invalidated else connection.info.get(BEGAN, now)  # one that died cannot be asked
        telemetry.transactions.labels("rollback").observe(now - began)
