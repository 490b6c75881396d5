"""How a producer is told what to send, and sends it: `IN_FLIGHT` at a time as fast as it goes, or each report at its own time."""

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from decimal import Decimal
from pathlib import Path
from typing import IO, Any, NamedTuple

IN_FLIGHT = 64


class Order(NamedTuple):
    """Send `count` reports of the file from number `first` on; `rate` per second, or as fast as it goes for 0."""

    first: int
    count: int
    rate: int


async def orders() -> AsyncIterator[list[Any]]:
    """Orders from standard input, one JSON array a line."""
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    async for line in reader:
        yield json.loads(line)


def note(log: IO[str], identities: Sequence[str], at: int) -> None:
    """Write down when (nanoseconds of the wall's clock) something happened to reports."""
    log.writelines(f"{identity} {at}\n" for identity in identities)
    log.flush()


async def send(order: Order, reports: Sequence[Any], submit: Callable[[Any], Awaitable[str]], log: IO[str]) -> None:
    """Send an order; `submit` returns the identity under which the commits will be noted."""

    async def one(report: Any) -> None:
        at = time.time_ns()
        note(log, [await submit(report)], at)

    wanted = reports[order.first : order.first + order.count]
    if order.rate:
        await _at_their_times(wanted, order.rate, one)
    else:
        await _side_by_side(wanted, one)


async def _side_by_side(reports: Sequence[Any], one: Callable[[Any], Awaitable[None]]) -> None:
    waiting = iter(reports)

    async def worker() -> None:
        for report in waiting:
            await one(report)

    await asyncio.gather(*(worker() for _ in range(IN_FLIGHT)))


async def _at_their_times(reports: Sequence[Any], rate: int, one: Callable[[Any], Awaitable[None]]) -> None:
    start = asyncio.get_running_loop().time()
    async with asyncio.TaskGroup() as sending:
        for number, report in enumerate(reports):
            await asyncio.sleep(start + number / rate - asyncio.get_running_loop().time())
            sending.create_task(one(report))


def read(path: Path) -> list[dict[str, Any]]:
    """The reports of the file, their figures exact."""
    return [json.loads(line, parse_float=Decimal) for line in path.read_text(encoding="utf-8").splitlines()]
