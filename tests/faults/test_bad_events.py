"""1 % unreadable and 1 % always failing events do not hold the good ones; each is a dead letter with a reason, and replayed once after a fix."""

import asyncio
import contextlib
import json
import random
from datetime import UTC, datetime, timedelta
from statistics import fmean
from time import perf_counter
from types import SimpleNamespace
from typing import NamedTuple

import psutil
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
LEAST = 0.6
"""So much of its clean speed must be left, by processor time, which other work on the machine hardly changes."""
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


class Phase(NamedTuple):
    """Until the last good event was applied: good events a second, and the consumer's processor time for each in microseconds."""

    per_second: float
    processor_us: float


async def phase(stand, jetstream, events) -> Phase:
    """Publish all while the durable is paused, then let evaluation work until nothing of it is left."""
    await pause(jetstream, timedelta(minutes=5))
    await publish(jetstream, events)
    good = sum(line.unit != road.FAILING and body is None for line, body in events)
    process = psutil.Process(stand.of("evaluation").process.pid)
    async with counting(stand) as applied:
        before, used = await applied(), sum(process.cpu_times()[:2])
        await pause(jetstream, timedelta())
        await until(lambda: reached(applied, before + 1), 120, pause=0.01)
        first, started = await applied() - before, perf_counter()
        await until(lambda: reached(applied, before + good), 120, pause=0.01)
        found = Phase((good - first) / (perf_counter() - started), (sum(process.cpu_times()[:2]) - used) * 1e6 / good)
    await until(lambda: idle(jetstream), 120)
    return found


async def pause(jetstream, how_long: timedelta) -> None:
    """Let the broker hold a durable's events back; with no time at all, go on."""
    until_then = (datetime.now(UTC) + how_long).isoformat().replace("+00:00", "Z")
    await jetstream._api_request("$JS.API.CONSUMER.PAUSE.REPORTING.evaluation", json.dumps({"pause_until": until_then} if how_long else {}).encode())


@contextlib.asynccontextmanager
async def counting(stand):
    """A question that is cheap to ask often: how many events evaluation has counted."""
    database = road.database_of(stand.settings, "evaluation")

    async def applied() -> int:
        async with database.read() as session:
            return await session.scalar(select(func.count()).select_from(road.counted))

    try:
        yield applied
    finally:
        await database.close()


async def reached(applied, number: int) -> bool:
    return await applied() >= number


async def idle(jetstream) -> bool:
    info = await jetstream.consumer_info("REPORTING", "evaluation")
    return not info.num_pending and not info.num_ack_pending


async def play(stand, seed, number, longest_rest, least) -> str:
    """Some clean events, the mixed ones, as many clean ones again: so a machine that changes its speed is noticed, and its mean taken."""
    bad = number // 100
    await stand.start("evaluation", ROAD_FAILS="1", ROAD_HASTY=str(longest_rest))
    events = mixed(number, bad, seed, "mixed")
    async with stand.jetstream() as jetstream:
        await phase(stand, jetstream, mixed(number // 10, 0, seed, "warm"))
        before = await phase(stand, jetstream, mixed(number // 4, 0, seed, "before"))
        found = await phase(stand, jetstream, events)
        after = await phase(stand, jetstream, mixed(number // 4, 0, seed, "after"))
        assert await all_dead(stand, 2 * bad)
        await stand.stop()
    letters = await stand.ask("evaluation", letters_of)
    assert all(letter.reason for letter in letters)
    assert sum(letter.reason.endswith("no unit of that name") for letter in letters) == bad
    await replayed_once(stand, letters, events)
    speed, processor = (fmean((getattr(before, what), getattr(after, what))) for what in Phase._fields)
    kept = processor / found.processor_us
    assert kept > least, (before, found, after)
    return (
        f"{bad} unreadable and {bad} failing among {number}: good ones at {found.per_second:.0f}/s, clean {before.per_second:.0f} and "
        f"{after.per_second:.0f}/s, ratio {found.per_second / speed:.2f}; by processor time {found.processor_us:.0f} us each, clean "
        f"{before.processor_us:.0f} and {after.processor_us:.0f} us, ratio {kept:.2f}; {len(letters)} dead letters with a reason; "
        f"{bad} replayed, each applied once"
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
    figure("7 bad events, short: " + await play(stand, seed, 2_000, 0.05, LEAST / 3))


@pytest.mark.faults
async def test_bad_events_do_not_hold_the_good_ones(stand, seed, figure, database_kind):
    figure(f"7 bad events, {database_kind}: " + await play(stand, seed, 20_000 * LONG, 2, LEAST))
