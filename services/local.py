"""All four services in one process on one port, with the bundled broker and mail sink when no others are named."""

import asyncio
import contextlib
import importlib
import logging
import socket
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from typing import Any, Self

import uvicorn
from fastapi import FastAPI
from starlette.types import ASGIApp, Receive, Scope, Send

from services.occupied import occupied
from shared import broker, clock, restoring, streams
from shared.bundled import BundledBroker
from shared.database import Database
from shared.inbox import Hears
from shared.migrations import Standing, migrate
from shared.security import System
from shared.service import Service, settle_memory
from shared.settings import SERVICES, Settings, SettingsRefused

log = logging.getLogger(__name__)

BROKER_FOLDER = "nats"
MAIL_FOLDER = "mail"
STOP_SECONDS = 5
COMMAND_LINE = System("command-line", "Dòng lệnh")
"""Who acts when a command does."""


def app_of(service: str, settings: Settings) -> FastAPI:
    """The application of one service."""
    create: Callable[[Settings], FastAPI] = importlib.import_module(f"services.{service}.app").create_app
    return create(settings)


def hears_of(service: str) -> Hears:
    """What a service hears."""
    found: Hears = importlib.import_module(f"services.{service}.subscribers").hears
    return found


async def migrate_all(settings: Settings, services: Sequence[str] = SERVICES) -> dict[str, Standing]:
    """Bring the databases of the named services to the newest revision; where each stood. Raises `Refused` where a restore was cut short."""
    stood = {}
    for name in services:
        async with database_of(settings, name) as database:
            await restoring.must_be_over(database)
            stood[name] = await migrate(database)
    return stood


@contextlib.asynccontextmanager
async def database_of(settings: Settings, service: str) -> AsyncIterator[Database]:
    """A service's database, closed afterwards."""
    database = Database(settings.database_of(service), service)
    try:
        yield database
    finally:
        await database.close()


async def provision(settings: Settings) -> list[str]:
    """Make streams and durables for the four services and the partners that registration knows; one line per change."""
    partners = importlib.import_module("services.registration.partners")
    async with database_of(settings, "registration") as database, database.read() as session:
        clients: list[str] = await partners.clients(session)
        listening: set[str] = await partners.listening(session)
    connection = await broker.open_once(settings)
    try:
        configs = streams.stream_configs(clients, settings.replicas)
        places = [*streams.durables([hears_of(service) for service in SERVICES], clients), *streams.partner_durables(listening)]
        return await streams.provision(connection.jetstream(), configs, places)
    finally:
        await connection.close()


class Town:
    """Sends a request to the service whose name begins its path, and everything else (`/`, `/simulation`) to registration."""

    def __init__(self, apps: dict[str, FastAPI]) -> None:
        self.apps: dict[str, ASGIApp] = dict(apps)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        first = scope["path"].split("/", 2)[1] if scope["type"] == "http" else ""
        await self.apps.get(first, self.apps["registration"])(scope, receive, send)


class QuietServer(uvicorn.Server):
    """A server inside a larger program: signals are that program's to handle."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals alone."""
        yield


class Local:
    """The whole system in one process; use as an async context manager. `settings` are complete once it has been entered."""

    def __init__(self, settings: Settings, *, mail_sink: bool = False) -> None:
        self.settings, self.mail_sink = settings, mail_sink
        self.apps: dict[str, FastAPI] = {}
        self._stack = contextlib.AsyncExitStack()

    @property
    def services(self) -> list[Service]:
        """The four running services, in their order."""
        return [self.apps[name].state.service for name in SERVICES]

    @property
    def town(self) -> Town:
        """The application that holds all four."""
        return Town(self.apps)

    async def __aenter__(self) -> Self:
        try:
            await self._enter()
        except BaseException:
            await self._stack.aclose()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def _enter(self) -> None:
        self._stack.enter_context(occupied(self.settings.data))
        if not self.settings.nats_url:
            bundled = BundledBroker(self.settings.data / BROKER_FOLDER)
            self._stack.push_async_callback(bundled.stop)
            await bundled.start()
            self._set(nats_url=bundled.url)
        if self.mail_sink and not self.settings.smtp_url:
            sink = importlib.import_module("services.notification.sink")
            self._set(smtp_url=await self._stack.enter_async_context(sink.serving(self.settings.data / MAIL_FOLDER)))
        await migrate_all(self.settings)
        await provision(self.settings)

    def _set(self, **values: Any) -> None:
        self.settings = self.settings.model_copy(update=values)

    async def start(self) -> None:
        """Build and start the four services."""
        self.apps = {name: app_of(name, self.settings) for name in SERVICES}
        for service in self.services:
            await service.start()
            self._stack.push_async_callback(service.stop)
        settle_memory()

    async def serve(self, port: int) -> str:
        """Listen on `port`; returns the address once it answers."""
        config = uvicorn.Config(
            self.town, host=self.settings.host, port=port, lifespan="off", log_config=None, log_level="warning", access_log=False,
            timeout_graceful_shutdown=STOP_SECONDS, server_header=False,
        )
        server = QuietServer(config)
        task = asyncio.create_task(server.serve(), name="http")

        async def stop() -> None:
            server.should_exit = True
            await task

        self._stack.push_async_callback(stop)
        while not server.started:
            if task.done():
                task.result()
                raise OSError(f"cannot listen on {self.settings.host}:{port}")
            await asyncio.sleep(0.01)
        return f"http://{self.settings.host}:{port}"

    def tick(self) -> None:
        """Publish the wall's minutes while this runs: for real time only."""
        task = asyncio.create_task(clock.run(self.services[0].jetstream, self.services[0].clock), name="clock")
        self._stack.callback(task.cancel)


def must_be_free(settings: Settings) -> None:
    """Raises `SettingsRefused` where nobody can listen at the address and port that are named."""
    if not is_free(settings.host, settings.port):
        raise SettingsRefused(f"THIDUA_PORT: {settings.host}:{settings.port} is taken, or (THIDUA_HOST) no address of this machine; name another.")


def is_free(host: str, port: int) -> bool:
    """Whether a server could listen there."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True
