"""Where a scenario plays: real servers, the road's services as processes under a small supervisor, and the books at the end."""

import asyncio
import contextlib
import os
import signal
import sys
from pathlib import Path
from time import perf_counter

import httpx
import nats
import nats.errors
import nats.js.errors
from nats.js import JetStreamContext
from sqlalchemy import func, select

from shared import settings as configuration
from shared import streams
from shared.broker import servers_of
from shared.bundled import _die_with_parent, free_port
from shared.deadletters import dead_letters
from shared.inbox import Hears
from shared.outbox import waiting
from tests.faults import road
from tests.faults.ledger import Ledger, Producer

READY_SECONDS = 60


class Runner:
    """One service process on its own port; started again whenever it dies, until it is stopped."""

    def __init__(self, service: str, command: list[str], environment: dict[str, str], log: Path) -> None:
        self.service, self.command, self.port, self.log = service, command, free_port(), log
        self.environment = environment | {"THIDUA_PORT": str(self.port)}
        self.process: asyncio.subprocess.Process | None = None
        self._supervisor: asyncio.Task | None = None

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def start(self) -> None:
        await self._spawn()
        self._supervisor = asyncio.create_task(self._supervise())

    async def _spawn(self) -> None:
        with self.log.open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                *self.command, env=os.environ | self.environment, stdout=log, stderr=log, preexec_fn=_die_with_parent
            )  # fmt: skip

    async def _supervise(self) -> None:
        while True:
            await self.process.wait()
            await self._spawn()

    def kill(self) -> None:
        """Without notice; the supervisor starts it again."""
        with contextlib.suppress(ProcessLookupError):
            self.process.kill()

    async def stop(self, how: signal.Signals = signal.SIGTERM) -> tuple[int, float]:
        """End it for good; its exit status and how many seconds it took."""
        if self._supervisor is not None:
            self._supervisor.cancel()
            await asyncio.wait([self._supervisor])
        started = perf_counter()
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(how)
        try:
            status = await asyncio.wait_for(self.process.wait(), 30)
        except TimeoutError:
            self.process.kill()
            status = await self.process.wait()
        return status, perf_counter() - started

    async def faults(self) -> list[str]:
        """What keeps it from being ready; ["away"] when it does not answer."""
        async with httpx.AsyncClient(timeout=10) as client:
            try:
                return (await client.get(f"{self.address}/{self.service}/ready")).json()["faults"]
            except httpx.HTTPError:
                return ["away"]

    async def ready(self, seconds: float = READY_SECONDS) -> float:
        """Wait for it; how long that took."""
        return await until(self._is_ready, seconds, lambda: f"{self.service} not ready: {self.log.read_text()[-2000:]}")

    async def _is_ready(self) -> bool:
        return not await self.faults()


async def _quiet(_: Exception) -> None:
    """A broker that goes away is the scenario, no news."""


async def until(condition, seconds: float, otherwise=lambda: "", pause: float = 0.1) -> float:
    """Wait for a condition; how long that took."""
    started = perf_counter()
    while not await condition():
        assert perf_counter() - started < seconds, f"not within {seconds} s: {otherwise()}"
        await asyncio.sleep(pause)
    return perf_counter() - started


class Stand:
    """The servers' addresses, a folder, and the processes of a scenario."""

    services: tuple[str, ...] = road.SERVICES

    def __init__(self, folder: Path, nats_url: str, database_url: str, seed: int, **environment: str) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.environment = {
            "THIDUA_DATA": str(folder), "THIDUA_NATS_URL": nats_url, "THIDUA_DATABASE_URL": database_url,
            "THIDUA_CLOCK": "simulated", "THIDUA_LOG_LEVEL": "warning",
        } | environment  # fmt: skip
        self.settings = configuration.load(self.environment)
        self.runners: list[Runner] = []
        self.ledger = Ledger(folder / "ledger.jsonl")
        self.producer = self.make_producer(seed)

    def make_producer(self, seed: int) -> Producer:
        return Producer(lambda: self.of("reporting").address, self.ledger, seed)

    def command(self, service: str) -> list[str]:
        """The command line of a service."""
        return [sys.executable, "-m", "tests.faults.road", service]

    def hears_of(self, service: str) -> Hears:
        """What a service hears."""
        return road.hears_of(service)

    def of(self, service: str) -> Runner:
        """The newest process of a service."""
        return next(runner for runner in reversed(self.runners) if runner.service == service)

    @contextlib.asynccontextmanager
    async def jetstream(self):
        connection = await nats.connect(servers_of(self.settings.nats_url), error_cb=_quiet)
        try:
            yield connection.jetstream(timeout=10)
        finally:
            await connection.close()

    async def prepare(self) -> None:
        """Tables, streams and durables."""
        for service in self.services:
            database = road.database_of(self.settings, service)
            await road.make_tables(database)
            await database.close()
        await self.provision()

    async def provision(self) -> list[str]:
        async with self.jetstream() as jetstream:
            return await streams.provision(jetstream, streams.stream_configs([], self.settings.replicas), self.places())

    def places(self) -> list[streams.Durable]:
        return streams.durables(map(self.hears_of, self.services), [])

    async def start(self, *services: str, **environment: str) -> None:
        """Start processes, by default one of each service, and wait until they are ready."""
        made = [
            Runner(service, self.command(service), self.environment | environment, self.folder / f"{service}-{len(self.runners) + number}.log")
            for number, service in enumerate(services or self.services)
        ]
        self.runners += made
        await asyncio.gather(*(runner.start() for runner in made))
        await asyncio.gather(*(runner.ready() for runner in made))

    async def stop(self) -> None:
        await asyncio.gather(*(runner.stop() for runner in self.runners))
        self.runners.clear()

    async def lag(self, jetstream: JetStreamContext) -> int:
        return sum((await streams.lag(jetstream, self.places())).values())

    async def rest(self, seconds: float = 60) -> float:
        """Wait until every outbox is empty and every durable has applied all; how long that took."""
        async with self.jetstream() as jetstream:

            async def at_rest() -> bool:
                for service in self.services:
                    if await self.ask(service, waiting):
                        return False
                try:
                    return not await self.lag(jetstream)
                except (nats.errors.Error, nats.js.errors.Error):  # a cluster that has no leader yet
                    return False

            return await until(at_rest, seconds)

    async def ask(self, service: str, question):
        """A question to a service's database."""
        database = road.database_of(self.settings, service)
        try:
            return await question(database)
        finally:
            await database.close()

    async def books(self, service: str) -> road.Books:
        async def read(database):
            async with database.read() as session:
                return await road.books(session, road.taken if service == "reporting" else road.counted)

        return await self.ask(service, read)

    async def keys(self, service: str) -> list[str]:
        async def read(database):
            async with database.read() as session:
                return list(await session.scalars(select((road.taken if service == "reporting" else road.counted).c.key)))

        return await self.ask(service, read)

    async def dead(self, service: str) -> int:
        async def read(database):
            async with database.read() as session:
                return await session.scalar(select(func.count()).select_from(dead_letters))

        return await self.ask(service, read)

    async def settle(self, seconds: float = 60) -> float:
        """At rest, and rows, counts and sums per unit are the ledger's, in every service; how long coming to rest took."""
        took = await self.rest(seconds)
        expected = self.ledger.books()
        for service in self.services:
            assert await self.books(service) == expected, f"{service} differs from the ledger"
            assert await self.dead(service) == 0
        return took


@contextlib.asynccontextmanager
async def stand(folder: Path, nats_url: str, database_url: str, seed: int, kind: type[Stand] = Stand, **environment: str):
    """A stand, with tables and streams made; every process ended afterwards."""
    made = kind(folder, nats_url, database_url, seed, **environment)
    try:
        await made.prepare()
        yield made
    finally:
        await made.stop()
        await made.producer.close()
        made.ledger.close()
