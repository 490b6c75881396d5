"""An event whose handler fails has no effect at all, whatever it had done by then; its neighbours in the batch have all of theirs, once."""

import asyncio
import random
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from sqlalchemy import Column, Integer, MetaData, String, Table, func, insert, select, text

from shared import audit, gauges
from shared.clock import Clock
from shared.database import add_later
from shared.deadletters import dead_letters
from shared.delivery import Delivery, Meta
from shared.events.registration import SessionEnded
from shared.inbox import HandlersFailed, Hears, Inbox, inbox, lock
from shared.outbox import outbox, record
from shared.telemetry import Telemetry
from shared.testing.databases import fresh_database
from tests.fabric.conftest import run_service, say, until

NOW = datetime(2023, 10, 30, 9, 0, tzinfo=UTC)
EVENTS = 300
own = MetaData()
deeds = Table("deeds", own, Column("position", Integer, primary_key=True, autoincrement=True), Column("event", String(40)))
"""No unique key on purpose: what is done twice is two rows."""
taken = Table("taken", own, Column("place", String(40), primary_key=True))


class Actor:
    id, name, unit = "a", "Máy", ""


async def queue(session, name):
    add_later(session, deeds, {"event": name})
    await record(session, SessionEnded(session=name, officer="x"), NOW)
    await audit.record(session, Actor, "test.done", name, NOW)


async def write(session, name):
    await session.execute(insert(deeds), {"event": name})


async def hold(session, name):
    await lock(session, [name[-1]])
    await write(session, name)


async def fail(_, name):
    raise ValueError(f"{name} cannot be applied")


async def collide(session, _):
    await session.execute(insert(taken), {"place": "taken"})


GOOD = {"queues": (queue,), "writes": (write, queue), "holds": (queue, hold)}
BAD = {
    "fails at once": (fail,),
    "queues, then fails": (queue, fail),
    "writes, then fails": (write, queue, fail),
    "holds a lock, then fails": (hold, queue, fail),
    "queues, then breaks the transaction": (queue, collide),
}
WAYS = GOOD | BAD
hears = Hears("evaluation")


@hears
async def on_session_ended(event: SessionEnded, session, meta):
    for step in WAYS[event.officer]:
        await step(session, event.session)
    return {event.session[-1]}


@pytest.fixture
async def database(database_kind):
    async with fresh_database("evaluation", database_kind) as found:
        async with found.writer.begin() as connection:
            await connection.run_sync(own.create_all)
            await connection.execute(insert(taken), {"place": "taken"})
        yield found


def plan(seed, share):
    dice = random.Random(seed)
    ways = [dice.choice(list(BAD if dice.random() < share else GOOD)) for _ in range(EVENTS)]
    return {f"e{number}": way for number, way in enumerate(ways)}


def delivery(name, way, delivered):
    event = SessionEnded(session=name, officer=way)
    return Delivery(None, Meta(id=name, source="/thidua/registration", type=event.TYPE, time=NOW, delivered=delivered), event)


async def column(database, wanted):
    async with database.read() as session:
        return Counter(await session.scalars(select(wanted)))


@pytest.mark.parametrize(("seed", "share"), [(1, 0.02), (2, 0.2), (3, 0.9)])
async def test_who_fails_has_no_effect_and_the_others_have_theirs_once(database, seed, share):
    """Twice over the same events, in batches of any size: the second time finds the good ones known and the bad ones failing."""
    ways, dice, found = plan(seed, share), random.Random(seed), Inbox(database, hears, Telemetry("test"), Clock(simulated=True))
    for turn in (1, 2):
        names, failed = list(ways), []
        while names:
            size = dice.choice((1, 7, 60, 200))
            try:
                await found.apply([delivery(name, ways[name], dice.choice((turn, 2))) for name in names[:size]])
            except HandlersFailed as failures:
                failed += [failure.delivery.meta.id for failure in failures.failures]
            names = names[size:]
        assert sorted(failed) == sorted(name for name in ways if ways[name] in BAD)
    good = [name for name in ways if ways[name] in GOOD]
    assert await column(database, inbox.c.id) == Counter(good)
    assert await column(database, audit.audit.c.subject) == Counter(good)
    assert await column(database, deeds.c.event) == Counter([name for name in good for step in WAYS[ways[name]] if step in {queue, write, hold}])
    assert (await column(database, outbox.c.type)).total() == len(good)
    async with database.read() as session:
        assert await audit.verify(session) == (len(good), None)


async def test_an_event_that_two_replicas_have_in_hand_is_applied_by_one_and_no_failure_of_the_other():
    """After an outage both may have it. Who comes second waits for the first, and finds it known."""
    first, second = asyncio.Event(), asyncio.Event()
    both = Hears("evaluation")

    @both
    async def on_ended(event: SessionEnded, session, meta):
        await write(session, event.session)
        first.set()
        await second.wait()

    async with fresh_database("evaluation", "postgres") as database:
        async with database.writer.begin() as connection:
            await connection.run_sync(own.create_all)
        one, other = (Inbox(database, both, Telemetry("test"), Clock(simulated=True)) for _ in range(2))
        batch = [delivery("e1", "queues", 1)]
        applying = asyncio.create_task(one.apply(batch))
        await first.wait()
        waiting = asyncio.create_task(other.apply([*batch, *batch]))
        async with database.read() as session:
            while not await session.scalar(text("SELECT count(*) FROM pg_locks WHERE NOT granted AND locktype = 'transactionid'")):
                await asyncio.sleep(0.01)
        second.set()
        await asyncio.gather(applying, waiting)
        assert await column(database, deeds.c.event) == Counter(["e1"])


async def test_a_settling_that_fails_holds_only_the_events_that_touched_its_key(fabric_settings, monkeypatch):
    monkeypatch.setattr("shared.inbox.NAK_SECONDS", (0.05,))
    monkeypatch.setattr("shared.inbox.MAX_DELIVER", 3)
    mine, transactions = Hears("evaluation"), []

    @mine
    async def on_ended(event: SessionEnded, session, meta):
        return {event.session}

    async def settle(session, touched):
        transactions.append(len(touched))
        if any(one.key == "s50" for one in touched):
            raise ValueError("s50 cannot be settled")

    mine.settle = settle
    async with run_service(fabric_settings, Hears("registration")) as teller, run_service(fabric_settings, mine) as hearer:
        await say(teller, *(f"s{n}" for n in range(100)))

        async def all_known():
            async with hearer.database.read() as session:
                return await session.scalar(select(func.count()).select_from(inbox)) == 99

        await until(all_known)
        await until(lambda: buried(hearer.database))
    assert len(transactions) < 40, "halved, not one by one"


async def buried(database):
    async with database.read() as session:
        reasons = list(await session.scalars(select(dead_letters.c.reason)))
    return reasons == ["ValueError: s50 cannot be settled"]


class Letter:
    """What becomes of a message at the broker."""

    def __init__(self) -> None:
        self.fates: list[str] = []

    async def ack(self) -> None:
        self.fates.append("acknowledged")

    async def nak(self, delay=None) -> None:
        self.fates.append("again")


async def test_an_event_whose_connection_dies_waits_for_the_database_and_is_no_failing_one(monkeypatch):
    monkeypatch.setattr("shared.inbox.OUTAGE_SECONDS", (0.01,))
    mine, ends, letter, telemetry = Hears("evaluation"), [True], Letter(), Telemetry("test")

    @mine
    async def on_ended(event: SessionEnded, session, meta):
        if ends and ends.pop():
            await session.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))

    async with fresh_database("evaluation", "postgres") as database:
        gauges.watch(database, telemetry)
        await Inbox(database, mine, telemetry, Clock(simulated=True)).handle([replace(delivery("e1", "", 1), message=letter)])
        assert await column(database, inbox.c.id) == Counter(["e1"])
    assert letter.fates == ["acknowledged"]


async def test_an_event_that_cannot_be_committed_is_tried_once_a_delivery(database_kind):
    mine, tries, letter = Hears("evaluation"), [], Letter()

    @mine
    async def on_ended(event: SessionEnded, session, meta):
        return {event.session}

    async def settle(session, touched):
        tries.append(len(touched))
        raise ValueError("cannot be settled")

    mine.settle = settle
    async with fresh_database("evaluation", database_kind) as database:
        await Inbox(database, mine, Telemetry("test"), Clock(simulated=True)).handle([replace(delivery("e1", "", 1), message=letter)])
    assert (letter.fates, tries) == (["again"], [1])
