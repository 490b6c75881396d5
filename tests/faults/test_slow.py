"""A consumer slowed to 50 events a second: the producer does not feel it, memory stays flat, lag is seen and falls afterwards."""

import asyncio

import psutil
import pytest

from tests.faults.ledger import p99
from tests.faults.plan import LONG

pytestmark = pytest.mark.faults

PER_SECOND = 300
SECONDS = 20 * LONG
GROWTH_MIB = 50


async def phase(stand) -> tuple[float, int]:
    """Load for a while: p99 of a call in milliseconds, and the lag at its end."""
    stand.producer.times.clear()
    await stand.producer.run(PER_SECOND, SECONDS)
    async with stand.jetstream() as jetstream:
        return p99([seconds for _, seconds in stand.producer.times]) * 1000, await stand.lag(jetstream)


def resident(runner) -> float:
    return psutil.Process(runner.process.pid).memory_info().rss / 2**20


@pytest.mark.parametrize("database_kind", ["sqlite"])
async def test_a_slow_consumer_is_its_own_trouble_alone(stand, figure):
    await stand.start()
    await stand.producer.run(PER_SECOND, 3)
    clean, lag_before = await phase(stand)
    fast = stand.of("evaluation")
    await fast.stop()
    stand.runners.remove(fast)
    await stand.start("evaluation", ROAD_PAUSE="0.02")
    slow = stand.of("evaluation")
    await asyncio.sleep(2)
    before = resident(slow)
    slowed, lag = await phase(stand)
    growth = resident(slow) - before
    await slow.stop()
    stand.runners.remove(slow)
    await stand.start("evaluation")
    took = await stand.settle()
    assert lag > PER_SECOND * SECONDS / 2
    assert growth < GROWTH_MIB
    figure(
        f"8 consumer at 50/s: producer's p99 {clean:.0f} -> {slowed:.0f} ms ({slowed / clean - 1:+.0%}), consumer grew by {growth:.1f} MiB, "
        f"lag {lag_before} -> {lag} -> 0, {took:.1f} s after it was quick again"
    )
