"""Outbox to stream and stream to transaction by nats-py alone: windows of publishes, batches of messages."""

import asyncio
import sys
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import nats
import uvloop
from nats.aio.msg import Msg
from nats.js import JetStreamContext

from tests.bench.road.limit.store import Store, open_store

BATCH = 200
FETCH_SECONDS = 0.5
PATIENCE_SECONDS = 30
"""For an answer of the broker, on a machine that has other work too."""
UNSENT = f"SELECT position, id, body FROM outbox WHERE NOT sent ORDER BY position LIMIT {BATCH}"


class Role(NamedTuple):
    """What a role works with: its store, JetStream, the file of reports, and the folder of its logs."""

    store: Store
    jetstream: JetStreamContext
    reports: Path
    logs: Path

    def ready(self, name: str) -> None:
        """Say that work may begin."""
        (self.logs / f"{name}.ready").touch()


class Relay:
    """Publishes unsent rows in windows and marks them once all are acknowledged."""

    def __init__(self, role: Role, subject: str) -> None:
        self.role, self.subject, self.wake = role, subject, asyncio.Event()

    async def run(self) -> None:
        while True:
            await self.wake.wait()
            self.wake.clear()
            while await self._window():
                pass

    async def _window(self) -> bool:
        async with self.role.store.transaction() as transaction:
            rows = await transaction.fetch(UNSENT)
        if rows:
            publish = self.role.jetstream.publish
            await asyncio.gather(*(publish(self.subject, body.encode(), headers={"Nats-Msg-Id": id}) for _, id, body in rows))
            async with self.role.store.transaction() as transaction:
                await transaction.execute(self.role.store.MARK, self.role.store.many([position for position, _, _ in rows]))
        return bool(rows)


async def consume(role: Role, subject: str, durable: str, apply: Callable[[Sequence[Msg]], Awaitable[None]]) -> None:
    """Apply batches of up to `BATCH` for ever; acknowledge after the commit."""
    subscription = await role.jetstream.pull_subscribe(subject, durable)
    role.ready(durable)
    while True:
        try:
            messages = await subscription.fetch(BATCH, timeout=FETCH_SECONDS)
        except TimeoutError:
            continue
        await apply(messages)
        await asyncio.gather(*(message.ack() for message in messages))


def run(service: str, work: Callable[[Role], Coroutine[Any, Any, None]]) -> None:
    """The main of a role; arguments: database, broker, reports, logs."""
    database, broker, reports, logs = sys.argv[1:5]

    async def main() -> None:
        connection = await nats.connect(broker)
        store = await open_store(database, Path(logs), service)
        await work(Role(store, connection.jetstream(timeout=PATIENCE_SECONDS), Path(reports), Path(logs)))

    uvloop.run(main())
