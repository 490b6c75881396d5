"""A small road through the real fabric, to be killed, stopped and starved: reporting takes, evaluation counts and tells, notification counts.

Usage: python -m tests.faults.road SERVICE, with the settings of `thidua run` in the environment. Only the tables and handlers are the
tests' own; the web edge, the probes, outbox, inbox, relay and subscribers are the product's. ROAD_FAILS=1 lets events about the unit
`FAILING` fail, ROAD_HASTY gives the longest time in seconds that they rest between tries, ROAD_PAUSE names a file with the seconds that counting one event takes, ROAD_VERSION=2 runs the program of tomorrow,
ROAD_OFFSET names a file with the seconds by which the process's clock is off, ROAD_TICKLESS=1 leaves ticking to others.
"""

import asyncio
import logging
import os
import sys
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import uvicorn
import uvloop
from fastapi import APIRouter, FastAPI
from pydantic import BaseModel
from sqlalchemy import Column, Integer, MetaData, String, Table, insert, select

from shared import clock, inbox
from shared import settings as configuration
from shared.database import Database, Instant, ReadSession, WriteSession, fabric, insert_new
from shared.events import Event
from shared.events.contract import CampaignEvent
from shared.events.evaluation import ScoreChanged
from shared.events.reporting import Channel, ReportAccepted, ReportedValue, ValueKind
from shared.inbox import Hears
from shared.migrations import make_schema
from shared.outbox import record
from shared.service import Here, Service
from shared.settings import Settings
from shared.web import site

SERVICES = ("reporting", "evaluation", "notification")
CAMPAIGN, FAILING = "road", "failing"
FAILS, PAUSE = bool(os.environ.get("ROAD_FAILS")), os.environ.get("ROAD_PAUSE")
WRITES_FIRST_EVERY = 40
"""A failing event whose amount this divides has written before it fails."""
VERSION = os.environ.get("ROAD_VERSION", "1")

own = MetaData()
taken = Table("road_taken", own, Column("key", String(40), primary_key=True), Column("unit", String(40)), Column("amount", Integer))
counted = Table("road_counted", own, Column("position", Integer, primary_key=True, autoincrement=True), *(
    Column(name, kind) for name, kind in (("key", String(40)), ("unit", String(40)), ("amount", Integer))
))  # fmt: skip
"""No unique key on purpose: an event applied twice is two rows."""
ADDITION = insert(counted)
ticks = Table("road_ticks", own, Column("position", Integer, primary_key=True, autoincrement=True), Column("instant", Instant), Column("since", Instant))

Books = dict[str, tuple[int, int]]
"""By unit: how many, and their sum."""


class Line(BaseModel):
    key: str
    unit: str
    amount: int


def router_of(service: str) -> APIRouter:
    router = APIRouter()
    router.get("/api/now")(now)
    if service == "reporting":
        router.post("/api/reports")(take)
    return router


async def now(service: Here) -> dict[str, datetime]:
    """The instant by which the service judges."""
    return {"now": service.now()}


async def take(lines: list[Line], service: Here) -> dict[str, int]:
    """Take reports in one transaction; a key that is known already is answered alike and changes nothing."""
    async with service.database.write() as session:
        known = set(await session.scalars(select(taken.c.key).where(taken.c.key.in_([line.key for line in lines]))))
        fresh = [line for line in lines if line.key not in known]
        new = await insert_new(session, taken, [line.model_dump() for line in fresh])
        if new != len(fresh):
            raise RuntimeError("the same report came twice at once; it is asked for again")
        for line in fresh:
            for event in told_of(accepted(line)):
                await record(session, event, datetime.now(UTC))
    return {"accepted": len(lines)}


def accepted(line: Line) -> ReportAccepted:
    at = datetime.now(UTC)
    value = ReportedValue(
        indicator="figure", value=Decimal(line.amount), unit_of_measure="piece", kind=ValueKind.OFFICIAL, as_of=date(2023, 10, 25)
    )
    return ReportAccepted(
        campaign=CAMPAIGN, unit=line.unit, round="one", report=line.key, revision=1, channel=Channel.API, submitted_at=at,
        first_submitted_at=at, on_time=True, correction=False, values=(value,),
    )  # fmt: skip


if VERSION == "2":

    class ReportAcceptedMore(ReportAccepted):
        """Version 1 with an optional field that readers of today do not know."""

        origin: str = ""

    class ReportAcceptedV2(CampaignEvent, type="reporting.report.accepted.v2"):
        """What version 1 says, said otherwise."""

        key: str
        points: Decimal

    async def on_report_accepted_v2(event: ReportAcceptedV2, session: WriteSession, meta) -> None:
        """Version 1 is counted; this one is only understood."""


def told_of(event: ReportAccepted) -> list[Event]:
    """What the program of today says of a report, or that of tomorrow."""
    if VERSION == "1":
        return [event]
    second = ReportAcceptedV2(campaign=event.campaign, key=event.report, points=event.values[0].value)
    return [ReportAcceptedMore(**event.model_dump(), origin="import"), second]


async def count(session: WriteSession, key: str, unit: str, amount: int) -> None:
    row = {"key": key, "unit": unit, "amount": amount}
    if FAILS and unit == FAILING:
        if amount % WRITES_FIRST_EVERY == 0:
            await session.execute(ADDITION, row)
        raise ValueError("no unit of that name")
    if PAUSE:
        await asyncio.sleep(float(Path(PAUSE).read_text()))  # noqa: ASYNC240 - a few bytes from the cache
    session.later(ADDITION, row)


async def on_report_accepted(event: ReportAccepted, session: WriteSession, meta) -> None:
    await count(session, event.report, event.unit, int(event.values[0].value))
    changed = ScoreChanged(
        campaign=CAMPAIGN, unit=event.unit, cluster=event.report, revision=1, score=event.values[0].value, grade=None, parts=(), on_hold=False
    )
    await record(session, changed, meta.time)


async def on_score_changed(event: ScoreChanged, session: WriteSession, meta) -> None:
    await count(session, event.cluster, event.unit, int(event.score))


async def on_tick(session: WriteSession, now: datetime, since: datetime | None) -> None:
    await session.execute(insert(ticks), {"instant": now, "since": since})


def hears_of(service: str) -> Hears:
    hears = Hears(service)
    handlers = {"evaluation": on_report_accepted, "notification": on_score_changed}
    if service in handlers:
        hears(handlers[service])
    if service == "evaluation":
        hears.tick(on_tick)
        if VERSION == "2":
            hears(on_report_accepted_v2)
    return hears


def database_of(settings: Settings, service: str) -> Database:
    return Database(settings.database_of(service), service)


async def make_tables(database: Database) -> None:
    await make_schema(database)
    async with database.writer.begin() as connection:
        await connection.run_sync(fabric.create_all)
        await connection.run_sync(own.create_all)


async def books(session: ReadSession, table: Table) -> Books:
    """What a service's table says, reckoned row by row."""
    number: Counter[str] = Counter()
    total: Counter[str] = Counter()
    for unit, amount in await session.execute(select(table.c.unit, table.c.amount)):
        number[unit] += 1
        total[unit] += amount
    return {unit: (number[unit], total[unit]) for unit in number}


def create_app(name: str, settings: Settings) -> FastAPI:
    service = Service(name, settings, hears_of(name), jobs=[] if settings.simulated or os.environ.get("ROAD_TICKLESS") else [tick])
    return site.create(service, [router_of(name)], Path(__file__).parent)


async def tick(service: Service) -> None:
    await clock.run(service.jetstream, service.clock)


def clock_off(file: Path) -> None:
    """Let this process's clock be off by the seconds that the file says, from one moment to the next."""

    class Off(datetime):
        @classmethod
        def now(cls, tz=None):
            return datetime.now(tz) + timedelta(seconds=float(file.read_text()))

    clock.datetime = Off


async def main(name: str) -> None:
    settings = configuration.load()
    if longest := os.environ.get("ROAD_HASTY"):
        inbox.NAK_SECONDS = tuple(min(seconds, float(longest)) for seconds in inbox.NAK_SECONDS)
    if offset := os.environ.get("ROAD_OFFSET"):
        clock_off(Path(offset))
    logging.basicConfig(level=settings.log_level.upper(), format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    app = create_app(name, settings)
    await uvicorn.Server(uvicorn.Config(app, host=settings.host, port=settings.port, log_level="warning", access_log=False)).serve()


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1]))
