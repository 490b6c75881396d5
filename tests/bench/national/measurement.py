"""The country's last hour: every enterprise reports once, over the real services; cost, memory and the age of ranks from start to end."""

import asyncio
import contextlib
import itertools
import json
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from time import monotonic
from typing import Any, NamedTuple

import httpx
import nats
import psutil
from nats.js import JetStreamContext
from sqlalchemy import distinct, func, select

from services import local
from services.evaluation.models import reports as scored
from services.evaluation.models import score_buckets, standings
from services.notification.models import deliveries, letters
from services.notification.rules import Audience
from services.reporting.models import versions
from shared import clock, inbox, outbox, security, streams
from shared import settings as configuration
from shared.bundled import BundledBroker, free_port
from shared.database import Database
from shared.events import Event
from shared.events.registration import Role
from shared.events.reporting import ReportAccepted
from shared.identity import new_id
from shared.security import SigningKey
from tests.bench.national import country as made
from tests.bench.national.country import Country
from tests.bench.road.contest import Broken, Log, python, running, tail
from tests.bench.road.measurement import _open_to_all, machine, say
from tests.bench.road.ours import SAMPLED, _ready
from tests.bench.road.servers import database as server

ON_THE_ROAD = ("reporting", "evaluation", "notification")
PARTS = 10
WINDOW = 500
AHEAD = 20_000
"""How many events of the directory may wait for the slowest service while it is put in force."""
PATIENCE = 3600
CALM = 3
ASK_SECONDS = 0.05
PAGE_SECONDS = 2.0
TICK_SECONDS = 10.0
"""Between two minutes of the measured hour."""
CURVE_PART, CURVE_MOST = 5, 10_000
"""Of the enterprises a fifth comes along the last hour's curve in the end, so many at most."""


class Part(NamedTuple):
    """A tenth of the reports: how many, in how many seconds, processor seconds and resident MiB by process."""

    reports: int
    seconds: float
    processor: dict[str, float]
    memory: dict[str, float]


@dataclass
class Stand:
    """Running services of one country and what is asked of them."""

    country: Country
    folder: Path
    databases: dict[str, Database]
    processes: dict[str, asyncio.subprocess.Process]
    ports: dict[str, int]
    servers: dict[str, int]
    jetstream: JetStreamContext

    def __post_init__(self) -> None:
        self.key = SigningKey(made.PEM)
        secretary = next(one for one in made.officers().values() if one.holds(Role.SECRETARY))
        self.token = self.key.issue(secretary, security.wall_now())

    def usage(self) -> tuple[dict[str, float], dict[str, float]]:
        """Processor seconds so far and resident MiB, by process; a server's with all its children's."""
        pids = {name: process.pid for name, process in self.processes.items()} | self.servers
        families = {
            name: [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)] for name, pid in pids.items()
        }
        seconds = {name: sum(map(_seconds, family)) for name, family in families.items()}
        return seconds, {name: sum(map(_resident, family)) / 2**20 for name, family in families.items()}

    def must_run(self) -> None:
        """Raise `Broken` when a process has ended."""
        for name, process in self.processes.items():
            if process.returncode is not None:
                raise Broken(f"{name} ended with status {process.returncode}: {tail(self.folder / f'{name}.log')}")


def _seconds(process: psutil.Process) -> float:
    with contextlib.suppress(psutil.NoSuchProcess):
        times = process.cpu_times()
        return times.user + times.system + times.children_user + times.children_system
    return 0.0


def _resident(process: psutil.Process) -> float:
    with contextlib.suppress(psutil.NoSuchProcess):
        return float(process.memory_info().rss)
    return 0.0


async def measure(enterprises: int, kind: str, replicas: int) -> dict[str, Any]:
    """Everything that is told and kept. Raises `Broken` when a report is lost or came twice."""
    found: dict[str, Any] = {"machine": machine(), "enterprises": enterprises, "database": kind, "replicas": replicas}
    async with _stand(Country(enterprises), kind, replicas) as stand:
        began = monotonic()
        await _put_in_force(stand)
        found["loaded_s"] = monotonic() - began
        say(f"  in force after {found['loaded_s']:.0f} s; {enterprises:,} reports ...")
        asker = Asker(stand)
        async with asyncio.TaskGroup() as group:
            beside = [group.create_task(work) for work in (asker.follow_ranks(), asker.look_at_pages(), _tick(stand))]
            found["parts"] = [(await _part(stand, number))._asdict() for number in range(PARTS)]
            found |= {"rank_age_s": asker.ages[:], "page_s": asker.pages[:]}
            found["curve"] = await _curve(stand, asker, sum(p["reports"] for p in found["parts"]) / sum(p["seconds"] for p in found["parts"]))
            for task in beside:
                task.cancel()
        await clock.publish(stand.jetstream, made.DEADLINE - timedelta(hours=1), simulated=True)  # the last digests
        await _rest(stand)
        found["letters"] = await _letters(stand)
        if faults := await _differences(stand):
            raise Broken("; ".join(faults))
    return found


@contextlib.asynccontextmanager
async def _stand(country: Country, kind: str, replicas: int) -> AsyncIterator[Stand]:
    with tempfile.TemporaryDirectory(prefix="thidua-national-") as name:
        folder = _open_to_all(Path(name))
        async with contextlib.AsyncExitStack() as stack:
            broker = BundledBroker(folder / "nats")
            await broker.start()
            stack.push_async_callback(broker.stop)
            url = await stack.enter_async_context(server(kind))
            settings = configuration.load({}, data=folder, nats_url=broker.url, database_url=url, clock="simulated")
            await local.migrate_all(settings)
            await local.provision(settings)
            names = [(service, number) for service in ON_THE_ROAD for number in range(replicas)]
            ports = {f"{service}-{number}": free_port() for service, number in names}
            commands = {
                f"{service}-{number}": [
                    "env", f"THIDUA_PORT={ports[f'{service}-{number}']}",
                    *python("tests.bench.national.service", service, country.enterprises, folder / f"sent.{number}"),
                ]
                for service, number in names
            }  # fmt: skip
            given = {
                "data": folder,
                "nats_url": broker.url,
                "database_url": settings.database_url,
                "clock": "simulated",
            }
            environment = SAMPLED | {f"THIDUA_{key.upper()}": str(value) for key, value in given.items()}
            processes = await stack.enter_async_context(running(folder, commands, **environment))
            databases = {service: Database(settings.database_of(service), service) for service in ON_THE_ROAD}
            for database in databases.values():
                stack.push_async_callback(database.close)
            connection = await nats.connect(broker.url)
            stack.push_async_callback(connection.close)
            assert broker.process is not None
            servers = {"nats-server": broker.process.pid} | (await _postmaster(databases) if kind == "postgres" else {})
            stand = Stand(country, folder, databases, processes, ports, servers, connection.jetstream())
            yield stand


async def _postmaster(databases: dict[str, Database]) -> dict[str, int]:
    """PostgreSQL's first process, the parent of the one that serves a connection of ours."""
    async with databases["evaluation"].read() as session:
        return {"postgres": psutil.Process(int(await session.scalar(select(func.pg_backend_pid())) or 0)).ppid()}


async def _put_in_force(stand: Stand) -> None:
    """Publish what registration would say: the round is open before anybody takes part, so that each is told on joining."""
    await _ready_all(stand)
    await _publish(stand, made.appointments(stand.key))
    await _publish(stand, stand.country.directory())
    for tick in (made.BEGINS, made.OPENS):
        await clock.publish(stand.jetstream, tick + timedelta(hours=1), simulated=True)
    await _rest(stand)
    await _publish(stand, stand.country.participants())
    await _rest(stand)


async def _ready_all(stand: Stand) -> None:
    for name, port in stand.ports.items():
        await _ready({name.partition("-")[0]: port})


async def _publish(stand: Stand, events: Iterator[Event]) -> None:
    """In windows, never far ahead of the slowest service."""
    for number, window in enumerate(made.chunks(events, WINDOW)):
        await asyncio.gather(*(_say(stand.jetstream, event) for event in window))
        while number % 10 == 0 and max((await _lag(stand)).values()) > AHEAD:
            await asyncio.sleep(0.5)
            stand.must_run()


async def _say(jetstream: JetStreamContext, event: Event) -> None:
    headers = {
        "ce-specversion": "1.0", "ce-id": new_id(), "ce-source": "/thidua/registration", "ce-type": event.TYPE,
        "ce-time": made.BEGINS.isoformat(), "content-type": "application/json",
    }  # fmt: skip
    await jetstream.publish(
        event.TYPE, event.model_dump_json().encode(), headers=headers, stream="REGISTRATION", timeout=PATIENCE
    )


async def _lag(stand: Stand) -> dict[str, int]:
    return await streams.lag(stand.jetstream, streams.durables([local.hears_of(name) for name in ON_THE_ROAD], []))


async def _rest(stand: Stand) -> None:
    """Wait until no outbox and no durable on the road holds anything any more."""
    calm = 0
    async with asyncio.timeout(PATIENCE):
        while calm < CALM:
            await asyncio.sleep(0.05)
            stand.must_run()
            busy = sum((await _lag(stand)).values())
            for database in stand.databases.values():
                busy += await outbox.waiting(database)
            calm = 0 if busy else calm + 1


async def _tick(stand: Stand) -> None:
    """The minutes of the hour pass, quicker than they do: digests go with each."""
    for minute in itertools.count(1):
        await asyncio.sleep(TICK_SECONDS)
        await clock.publish(stand.jetstream, made.OPENS + timedelta(hours=1, minutes=minute), simulated=True)


def _on_the_curve(stand: Stand) -> int:
    return min(stand.country.enterprises // CURVE_PART, CURVE_MOST)


async def _part(stand: Stand, number: int) -> Part:
    """Have a tenth of those report who do not come along the curve, and wait until all of it is through."""
    first, last = ((stand.country.enterprises - _on_the_curve(stand)) * n // PARTS for n in (number, number + 1))
    seconds, _ = stand.usage()
    began = monotonic()
    await _order(stand, first, last, 0)
    await _rest(stand)
    took, (after, memory) = monotonic() - began, stand.usage()
    say(f"  {last:,} reports: {(last - first) / took:.0f}/s")
    return Part(last - first, took, {name: after[name] - seconds[name] for name in after}, memory)


async def _order(stand: Stand, first: int, last: int, seconds: float) -> None:
    """Have these enterprises report, each producer its share; returns when all were accepted."""
    producers = [process for name, process in stand.processes.items() if name.startswith("reporting")]
    for place, process in enumerate(producers):
        assert process.stdin is not None
        process.stdin.write(f"{json.dumps([first + place, last - first - place, len(producers), seconds])}\n".encode())
    await _all_sent(stand, [first + place for place in range(len(producers))])


async def _curve(stand: Stand, asker: "Asker", carried: float) -> dict[str, Any]:
    """The last hour's curve, compressed so that its end is what the machine carried at most, `carried` reports a second."""
    number, looked_at, paged = _on_the_curve(stand), len(asker.ages), len(asker.pages)
    seconds = number * made.PEAK / carried
    say(f"  the last hour's curve in {seconds:.0f} s: {number:,} reports, {carried:.0f}/s at its end ...")
    await _order(stand, stand.country.enterprises - number, stand.country.enterprises, seconds)
    ended = monotonic()
    await _rest(stand)
    waits = [nanoseconds / 1e9 for log in asker.logs for report, nanoseconds in log.look().items() if report.startswith("wait:")]
    return {
        "reports": number, "seconds": seconds, "peak_per_s": carried, "through_after_s": monotonic() - ended, "wait_s": waits,
        "rank_age_s": asker.ages[looked_at:], "page_s": asker.pages[paged:],
    }  # fmt: skip


async def _all_sent(stand: Stand, firsts: Sequence[int]) -> None:
    logs = [Log(stand.folder / f"sent.{place}") for place in range(len(firsts))]
    while not all(f"done:{first}" in log.look() for log, first in zip(logs, firsts, strict=True)):
        await asyncio.sleep(0.1)
        stand.must_run()


class Asker:
    """Asks while the reports come: how old a rank is when it is answered, and how long the league's pages take."""

    def __init__(self, stand: Stand) -> None:
        self.stand = stand
        self.ages: list[float] = []
        self.pages: list[float] = []
        self.logs = [
            Log(path) for path in (stand.folder / f"sent.{n}" for n in range(len(stand.ports) // len(ON_THE_ROAD)))
        ]
        self.client = httpx.AsyncClient(headers={"authorization": f"Bearer {stand.token}"}, timeout=60)
        self.address = f"http://127.0.0.1:{stand.ports['evaluation-0']}/evaluation"

    async def follow_ranks(self) -> None:
        """From the commit of a report in reporting until evaluation answers the unit's place with it: one report in so many."""
        seen: set[str] = set()
        while True:
            known = {report: at for log in self.logs for report, at in log.look().items() if report.isdigit()}
            for report in sorted(known.keys() - seen, key=lambda report: known[report])[-1:]:
                await self._follow(int(report), known[report])
            seen |= known.keys()
            await asyncio.sleep(ASK_SECONDS)

    async def _follow(self, number: int, accepted: int) -> None:
        while True:
            answer = (
                (await self.client.get(f"{self.address}/api/scores/{made.enterprise(number)}"))
                .raise_for_status()
                .json()
            )
            if answer["due"]:
                assert answer["rank"] is not None
                self.ages.append((time.time_ns() - accepted) / 1e9)
                return
            await asyncio.sleep(ASK_SECONDS)

    async def look_at_pages(self) -> None:
        """The league of all clusters, then a page of one, as the council's secretary sees them."""
        for path in itertools.cycle(("/league", f"/league?cluster={made.cluster_of(7)}&order=worst")):
            began = monotonic()
            (await self.client.get(self.address + path)).raise_for_status()
            self.pages.append(monotonic() - began)
            await asyncio.sleep(PAGE_SECONDS)


async def _letters(stand: Stand) -> dict[str, int]:
    """What there was to tell the heads of provinces, and how many letters brought it: to all, and to the one who got most."""
    to_tell = select(func.count()).select_from(letters).where(letters.c.audience == Audience.SUPERIOR, letters.c.unit != "")
    got = select(func.count(distinct(deliveries.c.letter)).label("got")).join(letters, letters.c.letter == deliveries.c.letter)
    by_officer = got.where(letters.c.audience == Audience.SUPERIOR).group_by(deliveries.c.officer).subquery()
    async with stand.databases["notification"].read() as session:
        most, brought = (await session.execute(select(func.max(by_officer.c.got), func.sum(by_officer.c.got)))).one()
        return {"to_tell": int(await session.scalar(to_tell) or 0), "brought_by": int(brought or 0), "most": int(most or 0)}


async def _differences(stand: Stand) -> list[str]:
    """What was sent against the rows of the three services: each report once, the sum of all figures, and every bucket recounted."""
    wanted, rows = stand.country.enterprises, {}
    async with stand.databases["reporting"].read() as session:
        rows["reporting's versions"] = await session.scalar(select(func.count()).select_from(versions))
    for name in ("evaluation", "notification"):
        async with stand.databases[name].read() as session:
            query = select(func.count()).select_from(inbox.inbox).where(inbox.inbox.c.type == ReportAccepted.TYPE)
            rows[f"{name}'s inbox"] = await session.scalar(query)
    faults = [f"{what}: {number}, not {wanted}" for what, number in rows.items() if number != wanted]
    async with stand.databases["evaluation"].read() as session:
        added = 0
        async for figures in await session.stream_scalars(select(scored.c.figures)):
            added += sum(round(Decimal(figure["value"]) * 1000) for figure in figures)
        if added != stand.country.thousandths():
            faults.append(f"evaluation's figures: {added} thousandths, not {stand.country.thousandths()}")
        s, b = standings, score_buckets
        count = select(s.c.cluster, s.c.bucket, func.count()).where(~s.c.on_hold).group_by(s.c.cluster, s.c.bucket)
        kept = select(b.c.cluster, b.c.bucket, b.c.competing).where(b.c.competing != 0)
        if set(map(tuple, await session.execute(count))) != set(map(tuple, await session.execute(kept))):
            faults.append("the buckets differ from a recount")
    return faults
