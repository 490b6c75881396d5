"""Notification's database, an ear that hears events, a mail server and the post that takes letters to it."""

import pytest
import pytest_asyncio

from services.notification.post import Post
from services.notification.sink import Sink
from services.notification.subscribers import hears
from shared import settings as configuration
from shared.service import Service
from shared.testing.databases import fresh_database
from tests.notification.story import Ear, province


@pytest.fixture
def database_kind():
    """SQLite unless a test asks for more; the whole story is played on both in test_databases.py."""
    return "sqlite"


@pytest_asyncio.fixture
async def ear(database_kind):
    """Nothing is known yet."""
    async with fresh_database("notification", database_kind) as database:
        yield Ear(database)


@pytest_asyncio.fixture
async def town(ear):
    """The province's units and officers are known."""
    await ear.hear(*province())
    return ear


@pytest_asyncio.fixture
async def sink(tmp_path):
    """A mail server."""
    server = Sink(tmp_path / "mail")
    await server.start()
    yield server
    await server.stop()


def service_of(ear: Ear, smtp_url: str) -> Service:
    """Notification as it would run on the ear's database; not started."""
    settings = configuration.load(
        {}, notification_database_url=ear.database.url, nats_url="nats://127.0.0.1:1", smtp_url=smtp_url,
        clock="simulated", public_url="https://thidua.example/",
    )  # fmt: skip
    service = Service("notification", settings, hears)
    service.clock = ear.clock
    return service


@pytest_asyncio.fixture
async def post(town, sink):
    """The post between the town and the mail server."""
    service = service_of(town, sink.url)
    yield Post(service)
    await service.database.close()
    service.telemetry.shutdown()
