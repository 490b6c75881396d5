"""Batches that come while another is being applied are applied together: one transaction, and one wait for the disk, for all of them."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence

from shared.delivery import Delivery

MOST = 200
"""Deliveries of one transaction, or one batch if that alone has more."""

Waiting = tuple[Sequence[Delivery], asyncio.Future[None]]


class Gathering:
    """Where several streams hand in their batches, each one at a time: whoever has little waits no longer for whoever has much."""

    def __init__(self, apply: Callable[[Sequence[Delivery]], Awaitable[None]]) -> None:
        self.apply = apply
        self._waiting: deque[Waiting] = deque()
        self._server: asyncio.Task[None] | None = None

    async def handle(self, batch: Sequence[Delivery]) -> None:
        """Have a batch applied; returns when it has been. Raises what the application of its group raised."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((batch, done))
        if self._server is None:
            self._server = asyncio.create_task(self._serve(), name="gathering")
        await done

    async def _serve(self) -> None:
        """Group after group, until none waits, whatever became of the one before; what comes meanwhile is the next group."""
        try:
            while self._waiting:
                await self._apply(self._next_group())
        finally:
            self._server = None

    async def _apply(self, group: Sequence[Waiting]) -> None:
        error: Exception | None = None
        try:
            await self.apply([delivery for batch, _ in group for delivery in batch])
        except Exception as raised:  # it is for those whose batches these were
            error = raised
        finally:
            for _, done in group:
                if not done.done():
                    done.set_exception(error) if error else done.set_result(None)

    def _next_group(self) -> list[Waiting]:
        group = [self._waiting.popleft()]
        number = len(group[0][0])
        while self._waiting and number + len(self._waiting[0][0]) <= MOST:
            group.append(self._waiting.popleft())
            number += len(group[-1][0])
        return group
