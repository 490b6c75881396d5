"""Fixtures for pytest: `nats_url`, `broker`, `database_kind`, `launch`."""

import contextlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import httpx
import nats
import pytest
import pytest_asyncio
from fastapi import FastAPI

from shared import settings as configuration
from shared import streams
from shared.bundled import BundledBroker
from shared.migrations import migrate
from shared.service import Service
from shared.settings import Settings
from shared.testing.databases import KINDS, fresh_url


@pytest_asyncio.fixture
async def broker(tmp_path: Path) -> AsyncIterator[BundledBroker]:
    """A nats-server of the test's own."""
    server = BundledBroker(tmp_path / "nats")
    await server.start()
    yield server
    await server.stop()


@pytest.fixture
def nats_url(broker: BundledBroker) -> str:
    """The address of the test's nats-server."""
    return broker.url


@pytest.fixture(params=KINDS)
def database_kind(request: pytest.FixtureRequest) -> str:
    """Runs the test on SQLite and on PostgreSQL."""
    return str(request.param)


@pytest_asyncio.fixture
async def settings(tmp_path: Path, nats_url: str) -> Settings:
    """Settings of a test: SQLite in its own folder, its own broker, simulated time."""
    return configuration.load({}, data=tmp_path / "data", nats_url=nats_url, clock="simulated")


@pytest_asyncio.fixture
async def database_url(database_kind: str) -> AsyncIterator[str]:
    """An empty database of the kind under test; an empty address means SQLite files."""
    async with fresh_url(database_kind) as url:
        yield url


Launch = Callable[..., contextlib.AbstractAsyncContextManager[httpx.AsyncClient]]


@contextlib.asynccontextmanager
async def launched(app: FastAPI, clients: tuple[str, ...] = ()) -> AsyncIterator[httpx.AsyncClient]:
    """An app's databases migrated, all streams and its durables provisioned, its service running; a client that speaks to it."""
    service: Service = app.state.service
    await migrate(service.database)
    connection = await nats.connect(service.settings.nats_url)
    places = streams.durables([service.hears], clients)
    await streams.provision(connection.jetstream(), streams.stream_configs(clients, 1), places)
    await connection.close()
    await service.start()
    try:
        transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            yield client
    finally:
        await service.stop()


@pytest.fixture
def app_of(settings: Settings) -> Callable[[str], Any]:
    """`app_of("reporting")` makes the app of a service with the test's settings; run it with `launched(app)`."""
    import importlib  # noqa: PLC0415 - a test names the service it wants

    return lambda service: importlib.import_module(f"services.{service}.app").create_app(settings)
