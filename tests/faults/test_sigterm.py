"""SIGTERM under load, as an update does it: work in hand is finished or handed back, the process ends soon, nothing is lost."""

import asyncio
import random

import pytest

from tests.faults.plan import LONG

pytestmark = pytest.mark.faults

PER_SECOND = 300
EXIT_SECONDS = 15


async def replace_all(stand, dice: random.Random) -> list[tuple[int, float]]:
    """Every process is ended at a moment of its own and followed by a new one on another port; how each ended."""
    ended = []
    for runner in dice.sample(stand.runners, len(stand.runners)):
        await asyncio.sleep(dice.uniform(0.5, 2))
        ended.append(await runner.stop())
        await stand.start(runner.service)
        stand.runners.remove(runner)
    return ended


@pytest.mark.parametrize("database_kind", ["sqlite"])
async def test_every_service_is_replaced_under_load(stand, seed, figure, database_kind):
    await stand.start()
    dice, ended = random.Random(seed), []
    stop = asyncio.Event()
    load = asyncio.create_task(stand.producer.until(PER_SECOND, stop))
    for _ in range(LONG):
        ended += await replace_all(stand, dice)
    stop.set()
    carried = await load
    await stand.settle()
    slowest = max(seconds for _, seconds in ended)
    assert all(status in {0, -15} for status, _ in ended), ended
    assert slowest < EXIT_SECONDS
    figure(
        f"12 SIGTERM, {database_kind}: {len(ended)} ends under {carried:.0f} reports/s, the slowest {slowest:.1f} s; "
        f"{len(stand.ledger)} reports: 0 lost, 0 doubled"
    )
