"""The broker is restarted; one of three is killed, paused or cut off: publishing resumes by itself and no acknowledged report is lost."""

import asyncio
import contextlib
import signal
from time import perf_counter

import pytest

from tests.faults.cluster import cluster, url_of
from tests.faults.plan import LONG
from tests.faults.stand import stand as standing
from tests.faults.stand import until

pytestmark = pytest.mark.faults

PER_SECOND = 200
PAUSE_SECONDS = 15
GAP_SECONDS = 30


async def under_load(stand, fault) -> tuple[float, float]:
    """Play a fault under load; the rate carried and the longest time in which evaluation's stream did not grow."""
    stop = asyncio.Event()
    load = asyncio.create_task(stand.producer.until(PER_SECOND, stop))
    watch = asyncio.create_task(longest_gap(stand, stop))
    await asyncio.sleep(3)
    await fault()
    await asyncio.sleep(3)
    stop.set()
    carried, gap = await load, await watch
    await stand.settle(90)
    return carried, gap


async def longest_gap(stand, stop: asyncio.Event) -> float:
    """The longest time without a newly applied event, seen in evaluation's table."""
    seen, since, longest = 0, perf_counter(), 0.0
    while not stop.is_set():
        now = sum(number for number, _ in (await stand.books("evaluation")).values())
        longest = max(longest, perf_counter() - since)
        if now > seen:
            seen, since = now, perf_counter()
        await asyncio.sleep(0.2)
    return longest


@pytest.mark.parametrize("database_kind", ["postgres"])
async def test_the_broker_is_killed_and_started_again(stand, broker, figure):
    await stand.start()

    async def restart() -> None:
        for _ in range(2 * LONG):
            await broker.stop(signal.SIGKILL)
            await asyncio.sleep(1)
            await broker.start()
            await asyncio.sleep(3)

    carried, gap = await under_load(stand, restart)
    figure(f"3 broker killed {2 * LONG} times: {len(stand.ledger)} acknowledged at {carried:.0f}/s, 0 lost, longest gap {gap:.1f} s")


async def leader(stand, nodes):
    async with stand.jetstream() as jetstream:
        name = (await jetstream.stream_info("REPORTING")).cluster.leader
    return next(node for node in nodes if node.name == name)


async def kill(node) -> None:
    await node.stop()
    await asyncio.sleep(5)
    await node.start()


async def pause(node) -> None:
    node.process.send_signal(signal.SIGSTOP)
    await asyncio.sleep(PAUSE_SECONDS)
    node.process.send_signal(signal.SIGCONT)


async def cut_off(node) -> None:
    node.cut()
    await asyncio.sleep(PAUSE_SECONDS)
    node.mend()


@pytest.mark.parametrize("database_kind", ["postgres"])
async def test_the_leader_of_three_is_killed_paused_and_cut_off(tmp_path, database_url, seed, figure):
    async with contextlib.AsyncExitStack() as stack:
        nodes = await stack.enter_async_context(cluster(tmp_path))
        there = standing(tmp_path / "road", url_of(nodes), database_url, seed, THIDUA_REPLICAS="3")
        stand = await stack.enter_async_context(there)
        await stand.start()
        for fault in (kill, pause, cut_off) * LONG:

            async def on_leader(fault=fault) -> None:
                await fault(await leader(stand, nodes))

            before = len(stand.ledger)
            carried, gap = await under_load(stand, on_leader)
            assert gap < GAP_SECONDS
            told = len(stand.ledger) - before
            figure(f"3 leader of three, {fault.__name__}: {told} acknowledged at {carried:.0f}/s, 0 lost, longest gap {gap:.1f} s")
        await until(lambda: _ready(stand), 30)


async def _ready(stand) -> bool:
    return not any([await runner.faults() for runner in stand.runners])
