"""What clerks' programs and browsers do to a service, shared out over its processes: as fast as it answers, each at its own time, or all in one moment."""

import asyncio
import contextlib
import itertools
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

UNANSWERED = 0
Opened = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Answer(NamedTuple):
    """When a request was due and answered (seconds of one clock), its status (0: the connection broke) and its Retry-After, if any."""

    due: float
    answered: float
    status: int
    retry_after: str

    @property
    def waited_ms(self) -> float:
        """From its own time to the answer: a queue at the sender counts."""
        return (self.answered - self.due) * 1000


class Line:
    """One kept connection; broken, it is opened anew at the next request."""

    def __init__(self, port: int) -> None:
        self.port = port
        self._opened: Opened | None = None

    async def ask(self, request: bytes, due: float | None = None) -> Answer:
        """One request, one answer."""
        due = time.perf_counter() if due is None else due
        try:
            if self._opened is None:
                self._opened = await asyncio.open_connection("127.0.0.1", self.port)
            reader, writer = self._opened
            writer.write(request)
            status, retry_after = await _read(reader)
        except (OSError, asyncio.IncompleteReadError):
            self._opened, status, retry_after = None, UNANSWERED, ""
        return Answer(due, time.perf_counter(), status, retry_after)

    async def close(self) -> None:
        """Hang up."""
        if self._opened is not None:
            self._opened[1].close()
            with contextlib.suppress(OSError):
                await self._opened[1].wait_closed()


async def _read(reader: asyncio.StreamReader) -> tuple[int, str]:
    """Status and Retry-After of an answer, once its body has been read too."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
    await reader.readexactly(int(_header(head, "content-length") or 0))
    return int(head.split(" ", 2)[1]), _header(head, "retry-after")


def _header(head: str, name: str) -> str:
    return head.partition(f"\r\n{name}:")[2].partition("\r\n")[0].strip()


async def _on_lines(ports: Sequence[int], count: int, work: Callable[[Line, int], Awaitable[list[Answer]]]) -> list[Answer]:
    lines = [Line(ports[number % len(ports)]) for number in range(count)]
    try:
        each = await asyncio.gather(*(work(line, number) for number, line in enumerate(lines)))
    finally:
        await asyncio.gather(*(line.close() for line in lines))
    return [answer for answers in each for answer in answers]


async def as_fast_as_answered(ports: Sequence[int], requests: Sequence[Iterator[bytes]], seconds: float) -> list[Answer]:
    """Each connection sends its next request when the last is answered."""
    until = time.perf_counter() + seconds

    async def work(line: Line, number: int) -> list[Answer]:
        answers = []
        while time.perf_counter() < until:
            answers.append(await line.ask(next(requests[number])))
        return answers

    return await _on_lines(ports, len(requests), work)


async def at_a_rate(ports: Sequence[int], requests: Sequence[Iterator[bytes]], rate: float, seconds: float) -> list[Answer]:
    """`rate` requests a second over all connections, each due at its own time, whether or not the ones before are answered."""
    start = time.perf_counter()
    dues = iter([start + number / rate for number in range(int(rate * seconds))])

    async def work(line: Line, number: int) -> list[Answer]:
        answers = []
        for due in dues:
            await asyncio.sleep(due - time.perf_counter())
            answers.append(await line.ask(next(requests[number]), due))
        return answers

    return await _on_lines(ports, len(requests), work)


async def in_one_moment(ports: Sequence[int], requests: Iterable[bytes]) -> list[Answer]:
    """Every request on a connection of its own, all at once."""
    given = list(requests)

    async def work(line: Line, number: int) -> list[Answer]:
        return [await line.ask(given[number])]

    return await _on_lines(ports, len(given), work)


def shared_out(everybody: Sequence[str], among: int) -> list[Sequence[str]]:
    """The units of each connection: nobody's requests meet another connection's."""
    return [everybody[number::among] for number in range(among)]


def again_and_again(request: bytes) -> Iterator[bytes]:
    """The same request for ever."""
    return itertools.repeat(request)
