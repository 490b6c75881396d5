"""Processes that die (SIGKILL) at a named point of the fabric and are started again; every child is forked from here, imports done.

Usage: python -m tests.faults.crash ROUNDS SEED, with the settings in the environment. Prints how often each point was died at as JSON;
ends with status 1 and the reason when a child does not die where it should, does not recover, or table and stream differ.
"""

import asyncio
import json
import os
import random
import signal
import sys
import traceback
from collections import Counter
from collections.abc import Coroutine

import nats
import nats.aio.msg
from nats.js import JetStreamContext
from sqlalchemy import event, inspect, select

from shared import inbox, publishing, streams
from shared import settings as configuration
from shared.database import Database
from shared.deadletters import dead_letters
from shared.inbox import Inbox
from shared.migrations import migrate
from shared.outbox import Relay, outbox, waiting
from shared.service import Service
from shared.settings import Settings
from tests.faults import road

EVENTS = 120
"""In one round; where a point is met several times, the process dies at a random one."""
ACK_WAIT_SECONDS, NAK_SECONDS, DELIVERIES = 1.0, (0.02,), 3
CHILD_SECONDS = 30
STATEMENTS = 20
"""A migration dies at one of so many of its statements."""

POINTS = {
    **dict.fromkeys(("after_commit", "before_publish", "half_window", "after_publish"), "reporting"),
    **dict.fromkeys(("half_batch", "half_redo", "before_ack", "half_acks", "after_ack", "after_bury"), "evaluation"),
}
FAILING_EVERY = 20
"""Every so many events the handler fails, in turn before and after it wrote."""


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def meeting(at: int, function):
    """The function, whose call number `at` is death."""
    left = at

    async def met(*arguments, **options):
        nonlocal left
        left -= 1
        if not left:
            die()
        return await function(*arguments, **options)

    return met


def meeting_now(at: int):
    """Makes plain functions of which the call number `at`, of all of them together, is death."""
    left = at

    def watched(function):
        def met(*arguments):
            nonlocal left
            left -= 1
            if not left:
                die()
            return function(*arguments)

        return met

    return watched


def last(function):
    """The function with its last argument not empty, and then death."""

    async def done_then_dead(self, batch):
        try:
            await function(self, batch)
        finally:  # a batch of which some failed is done too
            if batch:
                if function.__name__ == "_handle":
                    await batch[0].message._client.flush()  # so that the broker has heard the acks that were given
                die()

    return done_then_dead


def arm(point: str, dice: random.Random) -> None:
    """Put death where the point is; only the process that does this is changed."""
    at = dice.randrange(1, EVENTS - EVENTS // FAILING_EVERY)  # so many are acknowledged
    if point == "before_publish":
        Relay._publish = last(lambda *_: asyncio.sleep(0))
    elif point == "half_window":
        passed = meeting_now(at)
        publishing._alone, publishing._in_batch = passed(publishing._alone), passed(publishing._in_batch)
    elif point == "after_publish":
        Relay._publish = last(Relay._publish)
    elif point == "half_batch":
        road.count = meeting(at, road.count)
    elif point == "half_redo":
        Inbox._run_guarded = meeting(dice.randrange(1, 8), Inbox._run_guarded)
    elif point == "before_ack":
        Inbox.apply = last(Inbox.apply)
    elif point == "half_acks":
        nats.aio.msg.Msg.ack = meeting(at, nats.aio.msg.Msg.ack)
    elif point == "after_ack":
        Inbox._handle = last(Inbox._handle)
    elif point == "after_bury":
        Inbox.bury = last(Inbox.bury)


def unit_of(number: int) -> str:
    return f"u{number % 7}" if number % FAILING_EVERY else road.FAILING


async def play(settings: Settings, name: str, prefix: str, point: str, dice: random.Random) -> None:
    """Run a service until nothing waits; with a prefix, reporting takes a round's reports first."""
    arm(point, dice)
    service = Service(name, settings, road.hears_of(name))
    await service.start()
    if prefix:
        lines = [road.Line(key=f"{prefix}-{number}", unit=unit_of(number), amount=number) for number in range(EVENTS)]
        await road.take(lines[: EVENTS // 2], service)
        await road.take(lines[EVENTS // 2 :], service)
        if point == "after_commit":
            die()
    while await waiting(service.database) or any((await service.lag()).values()):
        await asyncio.sleep(0.02)
    await service.stop()


def child(work: Coroutine) -> int:
    """How the work ended in a process of its own: 0, or minus the signal."""
    pid = os.fork()
    if pid:
        work.close()
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    signal.alarm(CHILD_SECONDS)
    try:
        asyncio.run(work)
    except BaseException:
        traceback.print_exc()
        os._exit(1)
    os._exit(0)


def must(status: int, wanted: int, what: str) -> None:
    if status != wanted:
        sys.exit(f"{what}: ended with {status} instead of {wanted}")


def crash(settings: Settings, point: str, number: int, dice: random.Random) -> None:
    """One round: reports are taken, published and counted; the service whose point it is dies there and is started again."""
    for service in ("reporting", "evaluation"):
        prefix = f"{point}-{number}" if service == "reporting" else ""
        if POINTS[point] == service:
            must(child(play(settings, service, prefix, point, dice)), -signal.SIGKILL, point)
            prefix = ""
        must(child(play(settings, service, prefix, "", dice)), 0, f"{service} after {point}")


async def mismatches(settings: Settings) -> list[str]:
    """Where tables and streams differ: each event once in outbox, stream and, of reporting's, in evaluation's count."""
    connection = await nats.connect(settings.nats_url)
    tables = {name: road.database_of(settings, name) for name in ("reporting", "evaluation")}
    found = []
    for name, database in tables.items():
        async with database.read() as session:
            recorded = Counter(await session.scalars(select(outbox.c.id)))
        if recorded != await told(connection.jetstream(), name.upper()):
            found.append(f"{name}: outbox and stream differ")
    async with tables["reporting"].read() as said, tables["evaluation"].read() as heard:
        of_taken = select(road.taken.c.key)
        good, failing = of_taken.where(road.taken.c.unit != road.FAILING), of_taken.where(road.taken.c.unit == road.FAILING)
        if Counter(await said.scalars(good)) != Counter(await heard.scalars(select(road.counted.c.key))):
            found.append("what reporting took and what evaluation counted differ")
        if Counter(await said.scalars(failing)) != Counter([json.loads(body)["report"] for body in await heard.scalars(select(dead_letters.c.body))]):
            found.append("what always fails and the dead letters differ")
    for database in tables.values():
        await database.close()
    await connection.close()
    return found


async def told(jetstream: JetStreamContext, stream: str) -> Counter:
    """The ids of all events of a stream."""
    number = (await jetstream.stream_info(stream)).state.messages
    subscription = await jetstream.subscribe(f"{stream.lower()}.>", stream=stream, ordered_consumer=True)
    return Counter([(await subscription.next_msg(timeout=5)).headers["ce-id"] for _ in range(number)])


async def upgrade(settings: Settings, schema: str, at: int) -> None:
    """Migrate reporting's real tables; with `at`, die before statement number `at`."""
    database = of_schema(settings, schema)
    left = at

    @event.listens_for(database.writer.sync_engine, "before_cursor_execute")
    def before(*_) -> None:
        nonlocal left
        left -= 1
        if not left:
            die()

    await migrate(database)
    await database.close()


def of_schema(settings: Settings, schema: str) -> Database:
    url = settings.database_of("reporting")
    return Database(url.replace("reporting.sqlite", f"{schema}.sqlite"), "reporting", schema)


async def shape(settings: Settings, schema: str) -> dict:
    """Tables with their columns and indexes."""
    database = of_schema(settings, schema)
    async with database.reader.connect() as connection:
        found = await connection.run_sync(_shape)
    await database.close()
    return found


def _shape(connection) -> dict:
    seen = inspect(connection)
    return {
        table: (sorted(c["name"] for c in seen.get_columns(table)), sorted(i["name"] for i in seen.get_indexes(table)))
        for table in seen.get_table_names()
    }


def crash_migrations(settings: Settings, rounds: int, dice: random.Random) -> int:
    """Every round a migration from nothing dies half-way and is done again; how many died."""
    must(child(upgrade(settings, "whole", 0)), 0, "migration")
    wanted = asyncio.run(shape(settings, "whole"))
    for number in range(rounds):
        must(child(upgrade(settings, f"half{number}", dice.randrange(2, STATEMENTS))), -signal.SIGKILL, "mid_migration")
        must(child(upgrade(settings, f"half{number}", 0)), 0, "migration after mid_migration")
        if asyncio.run(shape(settings, f"half{number}")) != wanted:
            sys.exit("a migration that was cut short and done again left other tables")
    return rounds


async def prepare(settings: Settings) -> None:
    for name in road.SERVICES:
        database = road.database_of(settings, name)
        await road.make_tables(database)
        await database.close()
    streams.ACK_WAIT_SECONDS = ACK_WAIT_SECONDS
    connection = await nats.connect(settings.nats_url)
    places = streams.durables([road.hears_of("evaluation")], [])
    await streams.provision(connection.jetstream(), streams.stream_configs([], 1), places)
    await connection.close()


def main(rounds: int, seed: int) -> None:
    settings, dice = configuration.load(), random.Random(seed)
    road.FAILS, inbox.NAK_SECONDS, inbox.MAX_DELIVER = True, NAK_SECONDS, DELIVERIES
    asyncio.run(prepare(settings))
    died = {}
    for point in POINTS:
        for number in range(rounds):
            crash(settings, point, number, dice)
        if found := asyncio.run(mismatches(settings)):
            sys.exit(f"{point}: {found}")
        died[point] = rounds
    died["mid_migration"] = crash_migrations(settings, rounds, dice)
    sys.stdout.write(json.dumps(died))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
