"""Broker, database and reporting as a process of its own; the tables as the bench reads them."""

import asyncio
import contextlib
import hashlib
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple

import nats
from nats.js import JetStreamContext
from sqlalchemy import func, select

from services import local
from services.reporting.models import inbound
from shared import clock, streams
from shared import settings as configuration
from shared.bundled import free_port
from shared.database import Database
from shared.events.registration import PartnerAdmitted, PartnerKey
from shared.migrations import migrate
from shared.settings import Settings
from shared.testing.databases import fresh_url
from tests.bench.doors.load import COMMUNES, Sent
from tests.bench.intake.stand import NOW, Intake, commune, running, units
from tests.fabric.servers import nats_server
from tests.reporting import world

COMMAND = (sys.executable, "-m", "services", "run", "reporting")
PATIENCE_SECONDS = 600
QUOTA = 100_000


class Stage(NamedTuple):
    """The broker as a partner sees it and where it is, reporting's tables, and its process."""

    url: str
    jetstream: JetStreamContext
    database: Database
    service: Intake

    async def minute(self, number: int) -> None:
        """Let the service's clock stand so many minutes after the beginning."""
        await clock.publish(self.jetstream, NOW + timedelta(minutes=number), simulated=True)

    async def settled(self, clients: list[str]) -> float:
        """Seconds until nothing of these partners waits to be decided any more."""
        started = time.perf_counter()
        async with asyncio.timeout(PATIENCE_SECONDS):
            while any((await self.waiting(clients)).values()):
                await asyncio.sleep(0.05)
        return time.perf_counter() - started

    async def waiting(self, clients: list[str]) -> dict[str, int]:
        """Events in the streams of these partners that have not been decided, by stream and service."""
        places = streams.durables([local.hears_of("reporting")], clients)
        return await streams.lag(self.jetstream, [place for place in places if place.stream.startswith("INBOUND_")])

    async def account(self, clients: list[str]) -> Counter[Sent]:
        """What became of each event of these partners."""
        query = select(inbound.c.client, inbound.c.event, inbound.c.state, func.count(), func.sum(inbound.c.repeats))
        query = query.where(inbound.c.client.in_(clients)).group_by(inbound.c.client, inbound.c.event, inbound.c.state)
        found: Counter[Sent] = Counter()
        async with self.database.read() as session:
            for client, event, state, count, repeats in await session.execute(query):
                found[Sent(client, event, state)] += count
                found[Sent(client, event, "duplicate")] += int(repeats or 0)
        return +found


def key_of(client: str) -> str:
    return f"thidua.{client}.secret"


def admitted(client: str, quota: int) -> PartnerAdmitted:
    key = PartnerKey(key="k", nkey="U", secret_sha256=hashlib.sha256(key_of(client).encode()).hexdigest())
    return PartnerAdmitted(client=client, revision=1, keys=(key,), quota=quota, at=NOW)


async def prepare(settings: Settings, url: str, quotas: dict[str, int]) -> None:
    """Tables, streams and durables; communes and partners; and time stands in the first round."""
    database = Database(settings.database_of("reporting"), "reporting")
    await migrate(database)
    kinds = tuple(world.KINDS.values())
    partners = [event for client, quota in quotas.items() for event in (world.treasury(client=client, kinds=kinds), admitted(client, quota))]
    await world.hear(database, *world.everything(), *(event for unit in units(COMMUNES) for event in commune(unit)), *partners)
    await database.close()
    connection = await nats.connect(url)
    jetstream = connection.jetstream()
    places = streams.durables([local.hears_of("reporting")], quotas)
    await streams.provision(jetstream, streams.stream_configs(quotas, 1), places)
    await clock.publish(jetstream, NOW, simulated=True)
    await connection.close()


@contextlib.asynccontextmanager
async def stage(kind: str, quotas: dict[str, int]) -> AsyncIterator[Stage]:
    """Everything running, with these partners and their events a minute."""
    folder = Path(tempfile.mkdtemp(prefix="thidua-doors-"))
    try:
        async with fresh_url(kind) as url, nats_server(folder / "nats") as broker:
            settings = configuration.load(
                {}, data=folder, port=free_port(), nats_url=broker.nats, nats_monitor_url=broker.monitor, database_url=url,
                clock="simulated", log_level="warning",
            )  # fmt: skip
            await prepare(settings, broker.nats, quotas)
            async with running(settings, COMMAND) as service:
                database, connection = Database(settings.database_of("reporting"), "reporting"), await nats.connect(broker.nats)
                yield Stage(broker.nats, connection.jetstream(), database, service)
                await connection.close()
                await database.close()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
