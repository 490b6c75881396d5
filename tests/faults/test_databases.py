"""PostgreSQL is restarted as after a crash, ends every connection each second, has no place left: the road waits, and loses nothing."""

import asyncio

import pytest

from tests.faults.plan import LONG
from tests.faults.postgres import own_postgres
from tests.faults.stand import stand as standing

pytestmark = pytest.mark.faults

PER_SECOND = 200
RESTARTS = 2 * LONG
TERMINATE_SECONDS = 30 * LONG
FULL_SECONDS = 5


@pytest.fixture
async def postgres():
    with own_postgres() as found:
        yield found


@pytest.fixture
async def stand(tmp_path, nats_url, postgres, seed):
    async with standing(tmp_path / "road", nats_url, postgres.url, seed) as found:
        await found.start()
        yield found


async def under_load(stand, fault) -> str:
    stop = asyncio.Event()
    load = asyncio.create_task(stand.producer.until(PER_SECOND, stop))
    await asyncio.sleep(1)
    what = await fault
    await asyncio.sleep(1)
    stop.set()
    carried = await load
    took = await stand.settle()
    assert "500" not in stand.producer.answers, "a database that is away is worth another try"
    refused = {answer: number for answer, number in stand.producer.answers.items() if answer != "200"}
    return f"{what}: {len(stand.ledger)} acknowledged at {carried:.0f}/s, 0 lost, 0 doubled, at rest after {took:.1f} s, refused {refused}"


async def test_postgres_is_restarted_as_after_a_crash(stand, postgres, figure):
    async def restart() -> str:
        for _ in range(RESTARTS):
            await postgres.restart()
            await asyncio.sleep(4)
        return f"PostgreSQL stopped at once and started {RESTARTS} times"

    figure("4 " + await under_load(stand, restart()))


async def test_every_connection_is_ended_each_second(stand, postgres, figure):
    async def terminate() -> str:
        ended = 0
        for _ in range(TERMINATE_SECONDS):
            ended += await postgres.terminate()
            await asyncio.sleep(1)
        return f"{ended} connections ended in {TERMINATE_SECONDS} s"

    figure("4 " + await under_load(stand, terminate()))


async def test_no_connection_is_to_be_had(stand, postgres, figure):
    async def fill() -> str:
        async with postgres.full() as taken:
            await asyncio.sleep(FULL_SECONDS)
        return f"all {taken} places at PostgreSQL taken for {FULL_SECONDS} s"

    figure("4 " + await under_load(stand, fill()))
