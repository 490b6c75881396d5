"""Reports come in: one transaction each, report row and outbox row; the relay publishes them."""

import asyncio
import json
from typing import Any

from tests.bench.road import producing
from tests.bench.road.limit import wire

REPORT = "INSERT INTO report VALUES ($1, $2, $3, $4)"
OUTBOX = "INSERT INTO outbox (id, body) VALUES ($1, $2)"


async def produce(role: wire.Role) -> None:
    relay = wire.Relay(role, "reports.accepted")
    relaying = asyncio.create_task(relay.run())
    reports = producing.read(role.reports)

    async def submit(report: dict[str, Any]) -> str:
        id, body = report["id"], json.dumps(report, default=str)
        async with role.store.transaction() as transaction:
            await transaction.execute(REPORT, id, report["unit"]["value"], report["round"], body)
            await transaction.execute(OUTBOX, id, body)
        relay.wake.set()
        return id

    role.ready("producer")
    with (role.logs / "sent").open("a", encoding="utf-8") as log:
        async for order in producing.orders():
            await producing.send(producing.Order(*order), reports, submit, log)
    relaying.cancel()


if __name__ == "__main__":
    wire.run("reporting", produce)
