"""Batches of several streams that come at the same moment are applied together, and whoever has little does not wait for whoever has much."""

import asyncio

from shared.gathering import MOST, Gathering


class Applied:
    """Remembers the groups, each a moment's work."""

    def __init__(self) -> None:
        self.groups: list[list[str]] = []
        self.gate = asyncio.Event()

    async def __call__(self, batch) -> None:
        self.groups.append(list(batch))
        await self.gate.wait()


async def test_what_comes_while_a_batch_is_applied_is_applied_next_together() -> None:
    applied = Applied()
    gathering = Gathering(applied)
    first = asyncio.create_task(gathering.handle(["a"]))
    await asyncio.sleep(0)
    others = [asyncio.create_task(gathering.handle(batch)) for batch in (["b1", "b2"], ["c"])]
    await asyncio.sleep(0)
    assert not any(task.done() for task in (first, *others))
    applied.gate.set()
    await asyncio.gather(first, *others)
    assert applied.groups == [["a"], ["b1", "b2", "c"]]


async def test_a_group_is_bounded_and_those_left_over_come_next_in_their_order() -> None:
    applied = Applied()
    applied.gate.set()
    gathering = Gathering(applied)
    large = [[f"{name}{number}" for number in range(MOST // 2)] for name in "abc"]
    await asyncio.gather(*(gathering.handle(batch) for batch in large))
    assert [len(group) for group in applied.groups] == [MOST, MOST // 2]
    assert applied.groups[1] == large[2]


async def test_one_group_that_ends_badly_lets_its_callers_go_and_the_next_is_applied() -> None:
    done: list[str] = []

    async def apply(batch) -> None:
        if batch == ["bad"]:
            raise asyncio.CancelledError
        done.extend(batch)

    gathering = Gathering(apply)
    await gathering.handle(["bad"])
    await gathering.handle(["good"])
    assert done == ["good"]


async def test_what_waits_behind_a_group_that_failed_is_applied_and_the_failure_is_told_to_its_own_callers() -> None:
    done: list[str] = []

    async def apply(batch) -> None:
        await asyncio.sleep(0)
        if batch == ["bad"]:
            raise ValueError("bad")
        done.extend(batch)

    gathering = Gathering(apply)
    bad = asyncio.create_task(gathering.handle(["bad"]))
    await asyncio.sleep(0)
    async with asyncio.timeout(60):
        behind = await asyncio.gather(bad, gathering.handle(["good"]), return_exceptions=True)
    assert [type(outcome) for outcome in behind] == [ValueError, type(None)]
    assert done == ["good"]
