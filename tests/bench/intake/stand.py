"""One real reporting service on a real broker and database, started as a province starts it, with as many communes as wanted."""

import asyncio
import contextlib
import json
import os
import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from datetime import timedelta
from typing import NamedTuple
from uuid import UUID

import httpx
import nats
import psutil

from services import local
from shared import clock, streams
from shared.bundled import _die_with_parent
from shared.database import Database
from shared.events.registration import Identifier, KeyPublished
from shared.migrations import migrate
from shared.security import wall_now
from shared.settings import Settings
from tests.fabric.servers import Address
from tests.reporting import world
from tests.reporting.desk import KEY

UVICORN = (sys.executable, "-m", "services", "run", "reporting")
PATIENCE = 60
NOW = world.OPENED + timedelta(days=2)


class Intake(NamedTuple):
    """A running service: where it listens, and its process."""

    port: int
    process: psutil.Process

    def resident_mib(self) -> float:
        """Resident memory of the process and of those it started, in MiB."""
        return sum(process.memory_info().rss for process in (self.process, *self.process.children(recursive=True))) / 2**20

    def cpu_seconds(self) -> float:
        """Processor seconds of the process and of those it started."""
        times = [process.cpu_times() for process in (self.process, *self.process.children(recursive=True))]
        return sum(time.user + time.system for time in times)


def units(count: int) -> list[str]:
    return [str(UUID(int=(0x7 << 76) | (0x8 << 60) | number + 1000)) for number in range(count)]


def code(unit: str) -> str:
    return f"H35.1.{UUID(unit).int & 0xFFFFFF}"


async def prepare(settings: Settings, broker: Address, count: int) -> None:
    """Tables, streams and durables; the small movement, in which `count` communes take part; and time stands in its first round."""
    database = Database(settings.database_of("reporting"), "reporting")
    await migrate(database)
    known = KeyPublished(key=KEY.id, public_pem=KEY.public_pem, expires_at=wall_now() + timedelta(days=1))
    await world.hear(database, known, *world.everything(), *(event for unit in units(count) for event in commune(unit)))
    await database.close()
    connection = await nats.connect(broker.nats)
    jetstream = connection.jetstream()
    await streams.provision(jetstream, streams.stream_configs([], 1), streams.durables([local.hears_of("reporting")], []))
    await clock.publish(jetstream, NOW, simulated=True)
    await connection.close()


def commune(unit: str) -> list:
    """A commune like the small movement's own one, that takes part."""
    names = (Identifier(scheme="dinh-danh", value=code(unit), valid_from=world.START),)
    like = world.unit_changed(world.COMMUNE, identifiers=names)
    return [like.model_copy(update={"unit": unit}), *world.taking_part(unit)]


@contextlib.asynccontextmanager
async def running(settings: Settings, command: Sequence[str]) -> AsyncIterator[Intake]:
    """The service, once it is ready; ended afterwards."""
    values = {f"THIDUA_{name.upper()}": str(value) for name, value in settings.model_dump(exclude_defaults=True).items()}
    process = await asyncio.create_subprocess_exec(*command, env=os.environ | values, stdout=sys.stderr, preexec_fn=_die_with_parent)
    try:
        await _ready(settings.port, process)
        yield Intake(settings.port, psutil.Process(process.pid))
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        await process.wait()


async def _ready(port: int, process: asyncio.subprocess.Process) -> None:
    """Ready, and it has heard what time it is: before that it would refuse reports."""
    async with asyncio.timeout(PATIENCE), httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
        while process.returncode is None:
            with contextlib.suppress(httpx.TransportError):
                if (await client.get("/reporting/ready")).status_code == 200:
                    return
            await asyncio.sleep(0.05)
    raise RuntimeError(f"the service ended with status {process.returncode}")


def requests(own: Sequence[str]) -> Iterator[bytes]:
    """The units' reports and then corrections of them, each figure a little above the last, for ever."""
    tokens = {unit: KEY.issue(world.clerk(unit), wall_now()) for unit in own}
    number = 0
    while True:
        for unit in own:
            yield request(tokens[unit], report(unit, number))
        number += 1


def report(unit: str, number: int) -> bytes:
    common = {"kind": "preliminary", "as_of": "2023-07-14", "note": "Số liệu mẫu để đo"}
    figures = [(world.REVENUE, 20 + number / 1000, "ty-dong"), (world.DISBURSED, 30 + number % 100 / 100, "phan-tram")]
    values = [{"indicator": name, "value": value, "unit_of_measure": measure} | common for name, value, measure in figures]
    return json.dumps({"campaign": world.CODE, "unit": {"scheme": "dinh-danh", "value": code(unit)}, "round": "ky-1", "values": values}).encode()


def page(unit: str) -> bytes:
    """What a clerk's browser asks for: the page of what is due."""
    token = KEY.issue(world.clerk(unit), wall_now())
    return f"GET /reporting/due HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer {token}\r\n\r\n".encode()


def request(token: str, body: bytes) -> bytes:
    head = f"POST /reporting/api/reports HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer {token}\r\n"
    return f"{head}content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n".encode() + body
