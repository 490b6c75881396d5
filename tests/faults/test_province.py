"""The real four services with their own rules, killed, ended and without their broker under load: every accepted report stands once in the books."""

import asyncio
import random
import signal

import pytest

from tests.faults.plan import LONG
from tests.faults.province import Province
from tests.faults.stand import stand as standing
from tests.faults.test_kills import kill_some
from tests.faults.test_sigterm import EXIT_SECONDS, replace_all

pytestmark = pytest.mark.faults

PER_SECOND = 60
EVERY, SECONDS = 6, {"postgres": 30 * LONG, "sqlite": 18 * LONG}
NORMAL_SECONDS = 30


@pytest.fixture
async def stand(tmp_path, broker, database_url, seed):
    folder = tmp_path / "province"
    named = {
        "THIDUA_NATS_MONITOR_URL": f"http://127.0.0.1:{broker.monitor}",
        "THIDUA_REGISTRATION_DATABASE_URL": f"sqlite+aiosqlite:///{folder}/registration.sqlite",
    }
    async with standing(folder, broker.url, database_url, seed, kind=Province, **named) as found:
        await found.start()
        yield found


async def under_load(stand, fault) -> float:
    """Play a fault under load, with some seconds before and after it; how many reports a second were carried."""
    stop = asyncio.Event()
    load = asyncio.create_task(stand.producer.until(PER_SECOND, stop))
    await asyncio.sleep(2)
    await fault
    await asyncio.sleep(3)
    stop.set()
    return await load


async def test_the_four_services_are_killed_ended_and_left_without_a_broker(stand, broker, seed, figure, database_kind):
    """One after the other in one run, for preparing the movement takes longer than each."""
    dice, told, ended = random.Random(seed), [], []

    async def kills() -> None:
        await kill_some(stand, seed, EVERY, SECONDS[database_kind])

    async def replaced() -> None:
        ended.extend(await replace_all(stand, dice))

    async def broker_restarts() -> None:
        await broker.stop(signal.SIGKILL)
        await asyncio.sleep(2)
        await broker.start()
        await asyncio.sleep(3)

    for fault in (kills, replaced, broker_restarts):
        before = len(stand.ledger)
        carried = await under_load(stand, fault())
        rest = await stand.settle()
        assert rest < NORMAL_SECONDS
        told.append(f"{fault.__name__}: {len(stand.ledger) - before} reports at {carried:.0f}/s, at rest {rest:.1f} s after the load")
    assert all(status in {0, -signal.SIGTERM} for status, _ in ended), ended
    assert max(seconds for _, seconds in ended) < EXIT_SECONDS
    figure(
        f"1, 3, 12 the four services with their rules, {database_kind}, {SECONDS[database_kind] // EVERY} kills, {len(ended)} ends "
        f"(the slowest {max(seconds for _, seconds in ended):.1f} s), a broker killed; {'; '.join(told)}: 0 lost, 0 doubled"
    )
