"""A process to be killed: says or hears events through the real fabric and, when told to, dies (SIGKILL) at a named point.

Usage: python -m tests.faults.victim ROLE POINT DATA NATS_URL DATABASE_URL COUNT
ROLE: teller (records COUNT events and relays them) or hearer (counts them in its table).
POINT: none, after_commit (teller: committed, nothing published yet), after_publish (teller: acknowledged by the broker, not yet marked),
before_ack (hearer: effects committed, nothing acknowledged), half_batch (hearer: in the middle of a transaction).
"""

import asyncio
import os
import signal
import sys
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import Column, Integer, String, Table, select, update

from shared import inbox as fabric_inbox
from shared import outbox as fabric_outbox
from shared import settings as configuration
from shared.database import fabric, insert_new
from shared.events.registration import SessionEnded
from shared.inbox import Hears
from shared.migrations import _make_schema
from shared.outbox import record
from shared.service import Service

NOW = datetime(2023, 10, 30, 9, 0, tzinfo=UTC)
KILL_AFTER = 3

sums = Table("victim_sums", fabric, Column("name", String(16), primary_key=True), Column("sum", Integer), Column("count", Integer))

hears = Hears("evaluation")


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


@hears
async def on_session_ended(event: SessionEnded, session, meta) -> None:
    await insert_new(session, sums, [{"name": "all", "sum": 0, "count": 0}])
    number = int(event.session)
    await session.execute(update(sums).values(sum=sums.c.sum + number, count=sums.c.count + 1))
    if POINT == "half_batch" and number % 7 == KILL_AFTER:
        die()


async def make_tables(service: Service) -> None:
    await _make_schema(service.database.writer, service.database)
    async with service.database.writer.begin() as connection:
        await connection.run_sync(fabric.create_all)


async def tell(service: Service, count: int) -> None:
    async def die_with_rows(_: object, rows: object) -> None:
        if rows:
            die()

    if POINT == "after_commit":
        fabric_outbox.Relay._publish = die_with_rows
    if POINT == "after_publish":
        fabric_outbox._mark = die_with_rows
    await service.start()
    async with service.database.write() as session:
        done = await session.scalar(select(fabric_outbox.outbox.c.id).limit(1))
        if done is None:
            for number in range(count):
                await record(session, SessionEnded(session=str(number), officer=str(number % 5)), NOW)
    while await fabric_outbox.waiting(service.database):
        await asyncio.sleep(0.02)


async def hear(service: Service, count: int) -> None:
    if POINT == "before_ack":
        apply = fabric_inbox.Inbox.apply

        async def applied_then_dead(self, batch):
            await apply(self, batch)
            die()

        fabric_inbox.Inbox.apply = applied_then_dead
    await service.start()
    while True:
        async with service.database.read() as session:
            row = (await session.execute(select(sums.c.count))).first()
        if row and row.count >= count and not any((await service.lag()).values()):
            break
        await asyncio.sleep(0.02)


async def main(role: str, data: str, nats_url: str, database_url: str, count: int) -> None:
    settings = configuration.load({}, data=Path(data), nats_url=nats_url, database_url=database_url, clock="simulated")
    service = Service("registration" if role == "teller" else "evaluation", settings, Hears("registration") if role == "teller" else hears)
    await make_tables(service)
    await (tell if role == "teller" else hear)(service, count)
    await service.stop()


POINT = sys.argv[2] if len(sys.argv) > 2 else "none"

if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], *sys.argv[3:6], int(sys.argv[6])))
