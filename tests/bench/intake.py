"""Measures the intake of one service: how many reports a second `thidua run reporting` accepts, and how long a clerk's program waits.

    python -m tests.bench.intake --seconds 20 --connections 64 --database sqlite|postgres

The service is a process of its own on a real broker and database, started as a province starts it. Every connection is kept open and sends
its next report when the last is answered; each has units of its own, whose reports it corrects in turn. Accepted means status 201.
"""

import argparse
import asyncio
import contextlib
import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple
from uuid import UUID

import httpx
import nats
import psutil
import uvloop

from services import local
from shared import clock, streams
from shared import settings as configuration
from shared.bundled import _die_with_parent, free_port
from shared.database import Database
from shared.events.registration import Identifier, KeyPublished
from shared.migrations import migrate
from shared.security import wall_now
from shared.settings import Settings
from shared.testing.databases import KINDS, fresh_url
from tests.bench.embedded.measurement import spread
from tests.fabric.servers import Address, nats_server
from tests.reporting import world
from tests.reporting.desk import KEY

COMMAND = (sys.executable, "-m", "services", "run", "reporting")
UNITS_PER_CONNECTION = 10
WARM_SECONDS = 2.0
PATIENCE = 60
NOW = world.OPENED + timedelta(days=2)


class Answer(NamedTuple):
    """When a report was sent and answered (seconds of one clock), and the status; 0 when the connection broke."""

    sent: float
    answered: float
    status: int


class Intake(NamedTuple):
    """A running service: where it listens, and its process."""

    port: int
    process: psutil.Process

    def cpu_seconds(self) -> float:
        """Processor time of the process and of those it started."""
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
    process = await asyncio.create_subprocess_exec(*command, env=os.environ | values, preexec_fn=_die_with_parent)
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


def request(token: str, body: bytes) -> bytes:
    head = f"POST /reporting/api/reports HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer {token}\r\n"
    return f"{head}content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n".encode() + body


async def send(port: int, own: Sequence[str], until: float) -> list[Answer]:
    """One connection's reports, one after the other; a broken connection is opened anew."""
    answers: list[Answer] = []
    coming = requests(own)
    while time.perf_counter() < until:
        sent = time.perf_counter()
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            while (sent := time.perf_counter()) < until:
                writer.write(next(coming))
                status = await _status(reader)
                answers.append(Answer(sent, time.perf_counter(), status))
            writer.close()
        except (OSError, asyncio.IncompleteReadError):
            answers.append(Answer(sent, time.perf_counter(), 0))
    return answers


async def _status(reader: asyncio.StreamReader) -> int:
    """The answer's status, once its body has been read too."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
    await reader.readexactly(int(head.partition("content-length:")[2].partition("\r\n")[0]))
    return int(head.split(" ", 2)[1])


async def measure(kind: str, seconds: float, connections: int, command: Sequence[str] = COMMAND) -> dict[str, float]:
    """What `connections` clerks' programs see of a service on a database of this kind."""
    folder = Path(tempfile.mkdtemp(prefix="thidua-intake-"))
    try:
        async with fresh_url(kind) as url, nats_server(folder / "nats") as broker:
            settings = configuration.load(
                {}, data=folder, port=free_port(), nats_url=broker.nats, nats_monitor_url=broker.monitor, database_url=url,
                clock="simulated", log_level="warning",
            )  # fmt: skip
            await prepare(settings, broker, connections * UNITS_PER_CONNECTION)
            async with running(settings, command) as intake:
                return await load(intake, seconds, connections)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


async def load(intake: Intake, seconds: float, connections: int) -> dict[str, float]:
    """Warm up, then count what was sent in the measured time."""
    everybody = units(connections * UNITS_PER_CONNECTION)
    shares = [everybody[number::connections] for number in range(connections)]
    await asyncio.gather(*(send(intake.port, own, time.perf_counter() + WARM_SECONDS) for own in shares))
    started, cpu = time.perf_counter(), intake.cpu_seconds()
    answers = [a for each in await asyncio.gather(*(send(intake.port, own, started + seconds) for own in shares)) for a in each]
    took, cpu = time.perf_counter() - started, intake.cpu_seconds() - cpu
    accepted = [(answer.answered - answer.sent) * 1000 for answer in answers if answer.status == 201]
    waited = spread(accepted)
    return {
        "accepted_per_second": len(accepted) / took, "p50_ms": waited["p50"], "p99_ms": waited["p99"], "errors": len(answers) - len(accepted),
        "processor_ms_per_report": cpu * 1000 / max(1, len(accepted)),
    }  # fmt: skip


def main() -> int:
    """0 unless a report was not accepted."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.intake", description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--database", choices=KINDS, default="sqlite")
    given = parser.parse_args()
    found = uvloop.run(measure(given.database, given.seconds, given.connections))
    print("\n".join(f"{name.replace('_', ' '):24} {value:10.1f}" for name, value in found.items()))
    return 1 if found["errors"] else 0


if __name__ == "__main__":
    sys.exit(main())
