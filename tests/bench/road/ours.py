"""The real services on the road of a report, each in its own process: reporting, evaluation and notification.

Registration hears nothing of a report; what it said before (units, officers, targets) is published from the scene.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from decimal import Decimal

import httpx
import nats
from sqlalchemy import func, select

from services import local
from services.evaluation.models import reports as scored
from services.notification.models import submissions
from services.reporting.models import reports, versions
from shared import clock, inbox, outbox, streams
from shared import settings as configuration
from shared.bundled import free_port
from shared.database import Database
from shared.events.reporting import ReportAccepted
from shared.settings import Settings
from tests.bench.road.contest import Contestant, Road, Stage, python, running
from tests.bench.road.scene import Scene

ON_THE_ROAD = ("reporting", "evaluation", "notification")
ENDS = ("evaluation", "notification")
SAMPLED = {"OTEL_TRACES_SAMPLER": "parentbased_traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0.05"}
PATIENCE = 180
CALM = 3


def ours(scene: Scene) -> Contestant:
    """The contestant that plays in `scene`."""

    @contextlib.asynccontextmanager
    async def contestant(stage: Stage) -> AsyncIterator[Road]:
        settings = configuration.load(
            {}, data=stage.folder, nats_url=stage.broker, database_url=stage.database, clock="simulated", replicas=stage.setting.replicas
        )
        await local.migrate_all(settings)
        await local.provision(settings)
        ports = {name: free_port() for name in ON_THE_ROAD}
        commands = {
            name: ["env", f"THIDUA_PORT={port}", *python("tests.bench.road.service", name, stage.reports, stage.folder)]
            for name, port in ports.items()
        }
        databases = {name: Database(settings.database_of(name), name) for name in ON_THE_ROAD}
        try:
            async with running(stage.folder, commands, **_environment(settings)) as processes:
                await _ready(ports)
                await _open(scene, settings, databases)

                async def faults(count: int, thousandths: int) -> list[str]:
                    return await differences(databases, count, thousandths)

                yield Road(stage, ENDS, processes, "reporting", faults)
        finally:
            for database in databases.values():
                await database.close()

    return contestant


def _environment(settings: Settings) -> dict[str, str]:
    given = {"data": settings.data, "nats_url": settings.nats_url, "database_url": settings.database_url, "clock": settings.clock}
    return SAMPLED | {f"THIDUA_{name.upper()}": str(value) for name, value in given.items()}


async def _ready(ports: Mapping[str, int]) -> None:
    async with asyncio.timeout(PATIENCE), httpx.AsyncClient() as client:
        waiting = dict(ports)
        while waiting:
            name = next(iter(waiting))
            with contextlib.suppress(httpx.TransportError):
                if (await client.get(f"http://127.0.0.1:{waiting[name]}/{name}/ready")).status_code == 200:
                    del waiting[name]
                    continue
            await asyncio.sleep(0.05)


async def _open(scene: Scene, settings: Settings, databases: Mapping[str, Database]) -> None:
    """Publish what registration said, then move time into the last round."""
    connection = await nats.connect(settings.nats_url)
    jetstream = connection.jetstream()
    try:
        for start in range(0, len(scene.events), outbox.WINDOW):
            window = scene.events[start : start + outbox.WINDOW]
            await asyncio.gather(*(jetstream.publish(h["ce-type"], body, headers=h, stream="REGISTRATION") for h, body in window))
        await _rest(jetstream, databases)
        for tick in scene.ticks:
            await clock.publish(jetstream, tick, simulated=True)
            await _rest(jetstream, databases)
    finally:
        await connection.close()


async def _rest(jetstream, databases: Mapping[str, Database]) -> None:
    """Wait until no outbox and no durable on the road holds anything any more."""
    places, calm = streams.durables([local.hears_of(name) for name in ON_THE_ROAD], []), 0
    async with asyncio.timeout(PATIENCE):
        while calm < CALM:
            await asyncio.sleep(0.05)
            busy = sum((await streams.lag(jetstream, places)).values())
            for database in databases.values():
                busy += await outbox.waiting(database)
            calm = 0 if busy else calm + 1


async def differences(databases: Mapping[str, Database], count: int, thousandths: int) -> list[str]:
    """What was sent against the rows of the three services: each report once, and the sum of all figures."""
    async with databases["reporting"].read() as session:
        rows = {"reporting's versions": await session.scalar(select(func.count()).select_from(versions))}
        rows["reporting's revisions"] = await session.scalar(select(func.sum(reports.c.revision)))
    for name in ENDS:
        async with databases[name].read() as session:
            query = select(func.count()).select_from(inbox.inbox).where(inbox.inbox.c.type == ReportAccepted.TYPE)
            rows[f"{name}'s inbox"] = await session.scalar(query)
    async with databases["notification"].read() as session:
        rows["notification's revisions"] = await session.scalar(select(func.sum(submissions.c.accepted)))
    async with databases["evaluation"].read() as session:
        kept = (await session.scalars(select(scored.c.figures).where(scored.c.status == "accepted"))).all()
    rows["evaluation's reports"] = len(kept)
    added = sum(round(Decimal(f["value"]) * 1000) for figures in kept for f in figures if f["value"] is not None)
    faults = [f"{what}: {found}, not {count}" for what, found in rows.items() if found != count]
    return faults + ([] if added == thousandths else [f"evaluation's figures: {added} thousandths, not {thousandths}"])
