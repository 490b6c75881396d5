"""Locks by name: one holder at a time, however many names one transaction asks for."""

import asyncio

import pytest
from sqlalchemy import text

from shared import locks
from shared.database import is_outage
from shared.locks import lock
from shared.testing.databases import fresh_database

PROVINCE = 40_000
"""More names than a PostgreSQL server has room for locks."""


@pytest.fixture
async def database():
    async with fresh_database("evaluation", "postgres") as found:
        yield found


async def waits_for_a_lock(database, work):
    """Whether `work(session)` in a transaction of its own has to wait for somebody, as PostgreSQL tells it."""
    waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"

    async def attempt():
        async with database.write() as session:
            await work(session)

    async with database.read() as observer:
        task = asyncio.create_task(attempt())
        while not task.done():
            if await observer.scalar(text(waiting)):
                task.cancel()
                await asyncio.wait([task])
                return True
            await asyncio.sleep(0.001)
        await task
        return False


async def test_a_transaction_may_hold_as_many_names_as_a_province_has_units(database):
    async with database.write() as session:
        await lock(session, [f"unit-{n}" for n in range(PROVINCE)])
        await lock(session, ["one more"])
        assert await waits_for_a_lock(database, lambda other: lock(other, ["unit-7"]))
        assert await waits_for_a_lock(database, lambda other: lock(other, [f"unit-{n}" for n in range(PROVINCE)]))
    assert not await waits_for_a_lock(database, lambda other: lock(other, ["unit-7"]))


async def test_whoever_wants_very_many_waits_for_those_who_hold_a_few(database, monkeypatch):
    monkeypatch.setattr(locks, "MANY", 3)
    async with database.write() as session:
        await lock(session, ["a", "b"])
        assert not await waits_for_a_lock(database, lambda other: lock(other, ["c", "d"]))
        assert await waits_for_a_lock(database, lambda other: lock(other, ["b"]))
        assert await waits_for_a_lock(database, lambda other: lock(other, ["c", "d", "e", "f"]))
        await lock(session, ["c", "d"])  # more than a few by now
        assert await waits_for_a_lock(database, lambda other: lock(other, ["x"]))


async def test_of_two_that_wait_for_each_other_the_one_that_is_given_up_is_no_failing_event(database, monkeypatch):
    """Both hold a few names and want very many: PostgreSQL ends one of them, and it is done again."""
    monkeypatch.setattr(locks, "MANY", 2)
    both = asyncio.Barrier(2)

    async def work(few, many):
        async with database.write() as session:
            await lock(session, few)
            await both.wait()
            await lock(session, many)

    ended = await asyncio.gather(work(["a"], ["c", "d"]), work(["b"], ["e", "f"]), return_exceptions=True)
    assert [is_outage(error) for error in ended if error is not None] == [True]
