"""Callers who write at the same moment share a transaction, and so its wait for the disk; each is answered after the commit."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from shared.database import Database, WriteSession, is_outage
from shared.messages import Fault, Message, Overloaded, Refused
from shared.telemetry import Telemetry

GROUP = 100
WAITING = 2000
"""Callers who may wait at most: at a deadline's pace some two seconds of work. More are told to come again."""

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class _Caller(Generic[Item, Result]):
    item: Item
    keys: frozenset[str]
    answer: asyncio.Future[Result]


class Intake(Generic[Item, Result]):
    """Does the work of many callers in one transaction.

    `work(session, items)` gives a result or a `Refused` for each item; a refused item must have written nothing. `keys(item)` are what
    the item is about: a group holds each key once, so that `work` may read for all items before it writes for any.
    """

    def __init__(
        self, database: Database, telemetry: Telemetry, work: Callable[[WriteSession, Sequence[Item]], Awaitable[Sequence[Result | Refused]]],
        keys: Callable[[Item], Iterable[str]],
    ) -> None:  # fmt: skip
        self.database, self.telemetry, self.work, self.keys = database, telemetry, work, keys
        self._waiting: deque[_Caller[Item, Result]] = deque()
        self._busy = False
        self._server: asyncio.Task[None] | None = None

    async def ask(self, item: Item) -> Result:
        """The item's result, once it is durable. Raises its `Refused`, or `Overloaded` when too many wait; then nothing was done."""
        if len(self._waiting) >= WAITING:
            raise Overloaded(Fault("", Message("Hệ thống đang nhận quá nhiều báo cáo cùng lúc."), Message("Hãy gửi lại sau vài giây.")))
        caller: _Caller[Item, Result] = _Caller(item, frozenset(self.keys(item)), asyncio.get_running_loop().create_future())
        if self._busy:
            self._waiting.append(caller)
        else:
            await self._serve_oneself(caller)
        return await caller.answer

    async def _serve_oneself(self, caller: _Caller[Item, Result]) -> None:
        """Nobody is being served: no detour through another task. Who came meanwhile is served by a task then."""
        self._busy = True
        try:
            await self._answer([caller])
        finally:
            self._server = asyncio.create_task(self._serve(), name="intake") if self._waiting else None
            self._busy = bool(self._waiting)

    async def _serve(self) -> None:
        """Group after group, until nobody waits; what comes during a commit is the next group."""
        try:
            while self._waiting:
                await self._answer(self._next_group())
        finally:
            self._busy = False

    def _next_group(self) -> list[_Caller[Item, Result]]:
        group: list[_Caller[Item, Result]] = []
        held: set[str] = set()
        while self._waiting and len(group) < GROUP and held.isdisjoint(self._waiting[0].keys):
            caller = self._waiting.popleft()
            if not caller.answer.cancelled():  # who has gone away before the work began is left out
                held |= caller.keys
                group.append(caller)
        return group

    async def _answer(self, group: Sequence[_Caller[Item, Result]]) -> None:
        try:
            results = await self._commit(group)
        except Exception as error:
            if len(group) > 1 and not is_outage(error):  # one of them is at fault: the others shall not suffer
                for caller in group:
                    await self._answer([caller])
                return
            results = [error] * len(group)
        for caller, result in zip(group, results, strict=True):
            _tell(caller.answer, result)

    async def _commit(self, group: Sequence[_Caller[Item, Result]]) -> Sequence[Result | Exception]:
        if not group:
            return []
        self.telemetry.intake.observe(len(group))
        async with self.database.write() as session:
            return await self.work(session, [caller.item for caller in group])


def _tell(answer: asyncio.Future[Result], result: Result | Exception) -> None:
    if answer.done():
        return
    if isinstance(result, Exception):
        answer.set_exception(result)
    else:
        answer.set_result(result)
