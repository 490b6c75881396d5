"""A service's clock is ten minutes off and jumps back an hour: readiness says so, it judges by the tick, and does nothing twice."""

import asyncio
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from sqlalchemy import select

from shared import clock
from tests.faults import road
from tests.faults.stand import until

pytestmark = pytest.mark.faults

NEAR = timedelta(seconds=2)


async def tick(stand) -> datetime:
    """A tick by the true clock."""
    now = datetime.now(UTC)
    async with stand.jetstream() as jetstream:
        await clock.publish(jetstream, now, simulated=False)
    return now


async def judged(stand) -> timedelta:
    """How far the instant by which evaluation judges is from the truth."""
    async with httpx.AsyncClient() as client:
        answer = await client.get(f"{stand.of('evaluation').address}/evaluation/api/now")
    return datetime.fromisoformat(answer.json()["now"]) - datetime.now(UTC)


async def work(database):
    async with database.read() as session:
        return (await session.execute(select(road.ticks.c.instant, road.ticks.c.since).order_by(road.ticks.c.position))).all()


@pytest.mark.parametrize("database_kind", ["sqlite"])
async def test_a_wrong_clock_is_told_and_not_believed(stand, figure):
    offset = stand.folder / "offset"
    offset.write_text("0")
    stand.environment["ROAD_OFFSET"] = str(offset)
    stand.environment["THIDUA_CLOCK"] = "real"
    await stand.start("evaluation", ROAD_TICKLESS="1")
    sent = []
    for seconds in (0, 600, -3600, 0):
        offset.write_text(str(seconds))
        sent.append(await tick(stand))
        wanted = ["clock"] if seconds else []

        async def told(wanted=wanted) -> bool:
            return await stand.of("evaluation").faults() == wanted

        await until(told, 10)
        assert abs(await judged(stand)) < NEAR
        await asyncio.sleep(0.5)
    done = await stand.ask("evaluation", work)
    assert [row.instant for row in done] == sent
    assert [row.since for row in done[1:]] == sent[:-1]
    figure(f"10 clock +10 min, -1 h, right again: red, red, ready; judged within {NEAR.seconds} s of the truth; {len(done)} ticks done once each")
