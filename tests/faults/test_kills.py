"""kill -9 of a random process every few seconds under load: nothing is lost, nothing doubled, and the road is soon normal again."""

import asyncio
import random
from time import perf_counter

import pytest

from tests.faults.plan import LONG

PER_SECOND = 500
NORMAL_SECONDS = 10


async def kill_some(stand, seed: int, every: float, seconds: float) -> tuple[int, float]:
    """How many were killed and when the last was."""
    dice, killed = random.Random(seed), int(seconds / every)
    for _ in range(killed):
        await asyncio.sleep(every)
        dice.choice(stand.runners).kill()
    return killed, perf_counter()


async def play(stand, seed, every, seconds, limit) -> str:
    """Load and kills side by side, then the books; the load ends some seconds after the last kill."""
    async with asyncio.TaskGroup() as group:
        kills = group.create_task(kill_some(stand, seed, every, seconds))
        carried = group.create_task(stand.producer.run(PER_SECOND, seconds + every / 2))
    await stand.rest()
    (killed, last), normal = kills.result(), perf_counter()
    await stand.settle()
    assert normal - last < limit, f"at rest only {normal - last:.1f} s after the last kill"
    return (
        f"{killed} kills in {seconds:.0f} s, {len(stand.ledger)} reports, asked for {PER_SECOND}/s, carried {carried.result():.0f}/s: "
        f"0 lost, 0 doubled, at rest {normal - last:.1f} s after the last kill"
    )


@pytest.mark.parametrize("database_kind", ["sqlite"])
async def test_killed_twice_in_a_few_seconds(stand, seed, figure):
    await stand.start()
    figure("1 kills, short: " + await play(stand, seed, 3, 6, limit=60))


@pytest.mark.faults
@pytest.mark.parametrize("database_kind", ["postgres"])
async def test_a_random_process_is_killed_every_six_seconds(stand, seed, figure):
    await stand.start("reporting", "evaluation", "evaluation", "notification")
    figure("1 kills: " + await play(stand, seed, 6, 60 * LONG, limit=NORMAL_SECONDS))
