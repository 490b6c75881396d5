"""A command that is told to end hears it wherever it stands: waiting, working, or at the last moment before it works."""

import asyncio
import contextlib
import os
import select
import signal
from time import perf_counter

import pytest

from services import signals
from services.signals import heard

LONG = 20.0
"""Seconds that the work inside would take if nobody ended it."""


def works() -> None:
    """Without a pause for the loop, as who reads from a prompt or packs an archive."""
    select.select([], [], [], LONG)


async def ended(task: asyncio.Task[None]) -> float:
    began = perf_counter()
    with contextlib.suppress(asyncio.CancelledError):
        await asyncio.wait([task])
    assert task.cancelled()
    return perf_counter() - began


@pytest.fixture(autouse=True)
def again(monkeypatch):
    monkeypatch.setattr(signals, "AGAIN_SECONDS", 0.2)


async def test_while_it_works():
    async def work() -> None:
        with heard():
            os.kill(os.getpid(), signal.SIGTERM)
            works()

    assert await ended(asyncio.create_task(work())) < LONG / 4


async def test_while_it_waits():
    async def work() -> None:
        with heard():
            asyncio.get_running_loop().call_later(0.01, os.kill, os.getpid(), signal.SIGTERM)
            await asyncio.sleep(LONG)

    assert await ended(asyncio.create_task(work())) < LONG / 4


async def test_between_its_waking_and_its_work():
    """The loop is about to go on with it, and will not come back before the work is done."""
    loop = asyncio.get_running_loop()
    answer = loop.create_future()

    def answered() -> None:
        answer.set_result(None)
        os.kill(os.getpid(), signal.SIGTERM)

    async def work() -> None:
        with heard():
            loop.call_later(0.01, answered)
            await answer
            works()

    assert await ended(asyncio.create_task(work())) < LONG / 4


async def test_what_is_put_away_meanwhile_is_put_away_in_peace():
    """Only work that has not heard yet is interrupted, not what it does after it has."""
    done = []

    async def work() -> None:
        with heard():
            asyncio.get_running_loop().call_later(0.01, os.kill, os.getpid(), signal.SIGTERM)
            try:
                await asyncio.sleep(LONG)
            finally:
                select.select([], [], [], 3 * signals.AGAIN_SECONDS)
                done.append("away")

    await ended(asyncio.create_task(work()))
    assert done == ["away"]


async def test_afterwards_nothing_is_left_to_ring():
    with heard():
        pass
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)
