"""Two small services around the real fabric: one says, one hears; only the handlers are the test's own."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from typing import Any

import nats
import pytest

from shared import settings as configuration
from shared import streams
from shared.database import fabric
from shared.events.registration import SessionEnded
from shared.inbox import Hears
from shared.migrations import make_schema
from shared.outbox import record
from shared.service import Service

NOW = datetime(2023, 10, 30, 9, 0, tzinfo=UTC)


@contextlib.asynccontextmanager
async def run_service(settings: Any, hears: Hears) -> AsyncIterator[Service]:
    service = Service(hears.service, settings, hears)
    await make_schema(service.database)
    async with service.database.writer.begin() as connection:
        await connection.run_sync(fabric.create_all)
    connection = await nats.connect(settings.nats_url)
    await streams.provision(
        connection.jetstream(), streams.stream_configs([], 1), streams.durables([hears], [])
    )
    await connection.close()
    await service.start()
    try:
        yield service
    finally:
        await service.stop()


@pytest.fixture
def fabric_settings(tmp_path, nats_url, database_url):
    return configuration.load({}, data=tmp_path, nats_url=nats_url, database_url=database_url, clock="simulated")


async def say(service: Service, *sessions: str) -> None:
    async with service.database.write() as session:
        for one in sessions:
            await record(session, SessionEnded(session=one, officer="x"), NOW)


async def until(condition: Callable[[], Any], seconds: float = 60) -> None:
    """Wait for it; the limit is for what would never come, not for a busy machine."""
    async with asyncio.timeout(seconds):
        while True:
            found = condition()
            if asyncio.iscoroutine(found):
                found = await found
            if found:
                return
            await asyncio.sleep(0.01)
