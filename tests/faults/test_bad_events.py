"""1 % unreadable and 1 % always failing events do not hold the good ones; each is a dead letter with a reason, and replayed once after a fix."""

import asyncio
import random
from datetime import UTC, datetime
from time import perf_counter
from types import SimpleNamespace

import pytest
from sqlalchemy import func, select

from shared import deadletters
from shared.clock import Clock
from shared.deadletters import dead_letters
from shared.delivery import Unreadable
from shared.identity import new_id
from shared.inbox import Inbox
from shared.outbox import headers_of
from shared.telemetry import Telemetry
from tests.faults import road
from tests.faults.plan import LONG
from tests.faults.stand import until

WINDOW = 200
UNREADABLE = (b"{", b"[]", b'{"campaign": 1}', b"\xff\xfe", b"")


def message(line: road.Line, body: bytes | None) -> tuple[str, bytes, dict[str, str]]:
    event, now = road.accepted(line), datetime.now(UTC)
    row = SimpleNamespace(id=new_id(), type=event.TYPE, time=now, recorded=now, traceparent=None)
    return event.TYPE, event.model_dump_json().encode() if body is None else body, headers_of(row, "reporting")


def mixed(number: int, bad: int, seed: int, prefix: str) -> list[tuple[road.Line, bytes | None]]:
    """`number` events of which `bad` are unreadable and as many about the failing unit, anywhere among the others."""
    dice = random.Random(seed)
    kinds = ["unreadable"] * bad + [road.FAILING] * bad + ["good"] * (number - 2 * bad)
    dice.shuffle(kinds)
    units = (road.FAILING if kind == road.FAILING else f"u{dice.randrange(40)}" for kind in kinds)
    lines = (road.Line(key=f"{prefix}{place}", unit=unit, amount=dice.randrange(1000)) for place, unit in enumerate(units))
    return [(line, dice.choice(UNREADABLE) if kind == "unreadable" else None) for line, kind in zip(lines, kinds, strict=True)]


async def publish(jetstream, events) -> None:
    for start in range(0, len(events), WINDOW):
        window = (message(line, body) for line, body in events[start : start + WINDOW])
        await asyncio.gather(*(jetstream.publish(subject, body, headers=headers, timeout=10) for subject, body, headers in window))


async def speed(stand, jetstream, events) -> float:
    """Publish all while evaluation is away, then let it work: good events a second, from the first to the last."""
    await publish(jetstream, events)
    good = sum(line.unit != road.FAILING and body is None for line, body in events)
    before = await applied(stand)
    await stand.start("evaluation", ROAD_FAILS="1", ROAD_HASTY="1" if len(events) < 10_000 else "")
    started, first = 0.0, 0

    async def done() -> bool:
        nonlocal started, first
        now = await applied(stand) - before
        if now and not started:
            started, first = perf_counter(), now
        return now >= good

    await until(done, 300)
    return (good - first) / (perf_counter() - started)


async def applied(stand) -> int:
    async def read(database):
        async with database.read() as session:
            return await session.scalar(select(func.count()).select_from(road.counted))

    return await stand.ask("evaluation", read)


async def play(stand, seed, number) -> str:
    bad = number // 100
    async with stand.jetstream() as jetstream:
        clean = await speed(stand, jetstream, mixed(number, 0, seed, "clean"))
        await stand.stop()
        events = mixed(number, bad, seed, "mixed")
        with_bad = await speed(stand, jetstream, events)
        await until(lambda: all_dead(stand, 2 * bad), 120)
        await stand.stop()
    letters = await stand.ask("evaluation", letters_of)
    assert all(letter.reason for letter in letters)
    assert sum(letter.reason.endswith("no unit of that name") for letter in letters) == bad
    await replayed_once(stand, letters, events)
    return (
        f"{bad} unreadable and {bad} failing among {number}: good ones at {with_bad:.0f}/s, clean {clean:.0f}/s, "
        f"ratio {with_bad / clean:.2f}; {len(letters)} dead letters with a reason; {bad} replayed, each applied once"
    )


async def all_dead(stand, number: int) -> bool:
    return await stand.dead("evaluation") == number


async def letters_of(database):
    async with database.read() as session:
        return (await session.execute(select(dead_letters))).all()


async def replayed_once(stand, letters, events) -> None:
    """After the fix (this process has no fault) each letter is replayed twice: what could not be applied then is, once."""

    async def replay(database):
        inbox = Inbox(database, road.hears_of("evaluation"), Telemetry("evaluation"), Clock(simulated=True))
        for letter in (*letters, *letters):
            if letter.body in UNREADABLE:
                with pytest.raises(Unreadable):
                    await deadletters.replay(database, inbox, letter.id)
            else:
                await deadletters.replay(database, inbox, letter.id)
        async with database.read() as session:
            return sorted(await session.scalars(select(road.counted.c.key).where(road.counted.c.key.startswith("mixed"))))

    assert await stand.ask("evaluation", replay) == sorted(line.key for line, body in events if body is None)


@pytest.mark.parametrize("database_kind", ["sqlite"])
async def test_some_bad_events_among_a_few_thousand(stand, seed, figure):
    figure("7 bad events, short: " + await play(stand, seed, 2_000))


@pytest.mark.faults
@pytest.mark.parametrize("database_kind", ["sqlite"])
async def test_bad_events_do_not_hold_the_good_ones(stand, seed, figure, database_kind):
    figure(f"7 bad events, {database_kind}: " + await play(stand, seed, 20_000 * LONG))
