"""Measures the partners' door: is every event accounted for under load, and does a flood of one partner slow the others?

    python -m tests.bench.doors --rate 1000 --partners 20 --seconds 60 --bad 0.05 --database sqlite|postgres

Reporting is a process of its own on a real broker and database. Partners publish over NATS, each at its share of the rate, and every
publication waits for the broker's acknowledgement. One event in a hundred comes twice, one in two hundred again with another body.
"""

import argparse
import asyncio
import contextlib
import json
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import nats
import uvloop
from nats.js import JetStreamContext
from sqlalchemy import func, select

from services import local
from services.reporting.models import inbound
from shared import clock, streams
from shared import settings as configuration
from shared.bundled import free_port
from shared.database import Database
from shared.events.registration import PartnerAdmitted
from shared.events.reporting import IndicatorObserved
from shared.migrations import migrate
from shared.settings import Settings
from shared.testing.databases import KINDS, fresh_url
from tests.bench.embedded.measurement import spread
from tests.bench.intake.stand import NOW, code, commune, running, units
from tests.fabric.servers import nats_server
from tests.reporting import world

COMMAND = (sys.executable, "-m", "services", "run", "reporting")
COMMUNES = 200
SLICE_SECONDS = 0.1
PROBE, FLOOD = "probe", "flood"
FLOOD_QUOTA = 600
PATIENCE_SECONDS = 600


class Load(NamedTuple):
    """How much comes: events a second from all partners together, and which share of them is bad."""

    rate: float
    partners: int
    seconds: float
    bad: float


class Sent(NamedTuple):
    """One publication and what must become of it."""

    client: str
    id: str
    fate: str


def names(count: int) -> list[str]:
    return [f"p-{number}" for number in range(count)]


async def prepare(settings: Settings, url: str, clients: list[str]) -> None:
    """Tables, streams and durables; communes and partners; and time stands in the first round."""
    database = Database(settings.database_of("reporting"), "reporting")
    await migrate(database)
    kinds = tuple(world.KINDS.values())
    partners = [world.treasury(client=client, kinds=kinds) for client in clients]
    limited = PartnerAdmitted(client=FLOOD, revision=1, keys=(), quota=FLOOD_QUOTA, at=NOW)
    await world.hear(database, *world.everything(), *(e for unit in units(COMMUNES) for e in commune(unit)), *partners, limited)
    await database.close()
    connection = await nats.connect(url)
    jetstream = connection.jetstream()
    places = streams.durables([local.hears_of("reporting")], clients)
    await streams.provision(jetstream, streams.stream_configs(clients, 1), places)
    await clock.publish(jetstream, NOW, simulated=True)
    await connection.close()


def figure(number: int, **changes: Any) -> dict[str, Any]:
    unit = {"scheme": "dinh-danh", "value": code(units(COMMUNES)[number % COMMUNES])}
    return world.observed(f"{number % 100}.{number % 97:02}", unit=unit) | changes


def events(client: str, bad: float) -> Iterator[tuple[Sent, bytes]]:
    """A partner's events, for ever: mostly good, every so often bad, twice, or under a used id."""
    every = round(1 / bad) if bad else 0
    faults = ({"value": "x"}, {"unit_of_measure": "ty-dong"}, {"indicator": "grdp"}, {"as_of": "2023-02-30"})
    number = 0
    while True:
        number += 1
        id = f"{client}-{number}"
        if every and number % every == 0:
            yield Sent(client, id, "rejected"), json.dumps(figure(number, **faults[number // every % len(faults)])).encode()
            continue
        body = json.dumps(figure(number)).encode()
        yield Sent(client, id, "accepted"), body
        if number % 100 == 1:
            yield Sent(client, id, "duplicate"), body
        if number % 200 == 2:
            yield Sent(client, id, "conflict"), json.dumps(figure(number, note="khác")).encode()


async def publish(jetstream: JetStreamContext, sent: Sent, body: bytes) -> Sent:
    headers = {"ce-specversion": "1.0", "ce-id": sent.id, "ce-source": "//bench", "ce-type": IndicatorObserved.TYPE, "content-type": "application/json"}
    subject = f"inbound.{sent.client}.{IndicatorObserved.TYPE.removeprefix('inbound.')}"
    await jetstream.publish(subject, body, headers=headers, timeout=30)
    return sent


async def send(jetstream: JetStreamContext, client: str, rate: float, seconds: float, bad: float) -> list[Sent]:
    """A partner at its pace; a late slice is not made up for by a smaller one."""
    coming, done, started, slices = events(client, bad), [], time.perf_counter(), round(seconds / SLICE_SECONDS)
    for number in range(1, slices + 1):
        wanted = round(rate * SLICE_SECONDS * number) - len(done)
        done += await asyncio.gather(*(publish(jetstream, *next(coming)) for _ in range(wanted)))
        await asyncio.sleep(max(0.0, started + number * SLICE_SECONDS - time.perf_counter()))
    return done


async def probe(jetstream: JetStreamContext, database: Database, seconds: float, prefix: str) -> list[float]:
    """Milliseconds from a partner's publication until its event is decided and can be read, ten times a second at most."""
    waited, until, number = [], time.perf_counter() + seconds, 0
    while (started := time.perf_counter()) < until:
        number += 1
        id = f"{prefix}-{number}"
        await publish(jetstream, Sent(PROBE, id, "accepted"), json.dumps(figure(number)).encode())
        while not await _decided(database, id):
            await asyncio.sleep(0.002)
        waited.append((time.perf_counter() - started) * 1000)
        await asyncio.sleep(max(0.0, started + 0.1 - time.perf_counter()))
    return waited


async def _decided(database: Database, id: str) -> bool:
    async with database.read() as session:
        return await session.scalar(select(inbound.c.state).where(inbound.c.client == PROBE, inbound.c.event == id)) is not None


async def settled(jetstream: JetStreamContext, clients: list[str]) -> float:
    """Seconds until nothing waits to be decided any more."""
    started = time.perf_counter()
    places = streams.durables([local.hears_of("reporting")], clients)
    async with asyncio.timeout(PATIENCE_SECONDS):
        while any((await streams.lag(jetstream, [p for p in places if p.stream.startswith("INBOUND_")])).values()):
            await asyncio.sleep(0.05)
    return time.perf_counter() - started


async def account(database: Database, clients: list[str]) -> Counter[str]:
    """What became of the events of these clients."""
    query = select(inbound.c.state, func.count(), func.sum(inbound.c.repeats)).where(inbound.c.client.in_(clients)).group_by(inbound.c.state)
    found: Counter[str] = Counter()
    async with database.read() as session:
        for state, count, repeats in await session.execute(query):
            found[state] += count
            found["duplicate"] += int(repeats or 0)
    return +found


@contextlib.asynccontextmanager
async def stage(kind: str, clients: list[str]) -> AsyncIterator[tuple[JetStreamContext, Database, Any]]:
    """Broker, database and reporting running; the broker as a partner sees it, the tables, and the service's process."""
    folder = Path(tempfile.mkdtemp(prefix="thidua-doors-"))
    try:
        async with fresh_url(kind) as url, nats_server(folder / "nats") as broker:
            settings = configuration.load(
                {}, data=folder, port=free_port(), nats_url=broker.nats, nats_monitor_url=broker.monitor, database_url=url,
                clock="simulated", log_level="warning",
            )  # fmt: skip
            await prepare(settings, broker.nats, clients)
            async with running(settings, COMMAND) as service:
                database, connection = Database(settings.database_of("reporting"), "reporting"), await nats.connect(broker.nats)
                yield connection.jetstream(), database, service
                await connection.close()
                await database.close()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


async def measure(kind: str, load: Load, flood: float) -> dict[str, Any]:
    """The load and its account; then a calm time with probes, and the same with one partner flooding far beyond its quota."""
    clients = names(load.partners)
    async with stage(kind, [*clients, PROBE, FLOOD]) as (jetstream, database, service):
        started, cpu = time.perf_counter(), service.cpu_seconds()
        each = load.rate / load.partners
        sent = [s for of in await asyncio.gather(*(send(jetstream, c, each, load.seconds, load.bad) for c in clients)) for s in of]
        took = time.perf_counter() - started
        behind = await settled(jetstream, clients)
        cpu = service.cpu_seconds() - cpu
        wanted, found = Counter(one.fate for one in sent), await account(database, clients)
        calm = spread(await probe(jetstream, database, load.seconds / 4, "calm"))
        flooding = asyncio.create_task(send(jetstream, FLOOD, flood, load.seconds / 4, 0))
        pressed = spread(await probe(jetstream, database, load.seconds / 4, "pressed"))
        flooded = Counter({"sent": len(await flooding)})
        await settled(jetstream, [FLOOD])
        flooded += await account(database, [FLOOD])
    return {
        "sent": len(sent), "sent_per_second": len(sent) / took, "decided_per_second": len(sent) / (took + behind), "seconds_behind": behind,
        "processor_ms_per_event": cpu * 1000 / len(sent), "wanted": dict(wanted), "found": dict(found), "lost": len(sent) - sum(found.values()),
        "calm_ms": calm, "pressed_ms": pressed, "times_slower": {name: pressed[name] / calm[name] for name in ("p50", "p99")},
        "flood": dict(flooded),
    }  # fmt: skip


def main() -> int:
    """0 when every event was accounted for, as what it had to become."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.doors", description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    for name, default in (("rate", 1000.0), ("seconds", 60.0), ("bad", 0.05), ("flood", 1000.0)):
        parser.add_argument(f"--{name}", type=float, default=default)
    parser.add_argument("--partners", type=int, default=20)
    parser.add_argument("--database", choices=KINDS, default="sqlite")
    given = parser.parse_args()
    found = uvloop.run(measure(given.database, Load(given.rate, given.partners, given.seconds, given.bad), given.flood))
    print(json.dumps(found, indent=2))
    return 0 if found["lost"] == 0 and found["wanted"] == found["found"] else 1


if __name__ == "__main__":
    sys.exit(main())
