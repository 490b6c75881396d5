"""A batch of reports becomes scores and totals: one transaction with inbox, score, total and outbox rows."""

import asyncio
import json
from collections import Counter
from collections.abc import Sequence

from nats.aio.msg import Msg

from tests.bench.road.limit import wire
from tests.bench.road.scene import thousandths

SCORE = "INSERT INTO score VALUES ($1, $2, $3)"
TOTAL = """INSERT INTO total VALUES ($1, $2, $3)
ON CONFLICT (unit) DO UPDATE SET reports = total.reports + excluded.reports, points = total.points + excluded.points"""
OUTBOX = "INSERT INTO outbox (id, body) VALUES ($1, $2)"


async def score(role: wire.Role) -> None:
    relay = wire.Relay(role, "reports.scored")
    relaying = asyncio.create_task(relay.run())

    async def apply(messages: Sequence[Msg]) -> None:
        reports = {report["id"]: report for report in (json.loads(message.data) for message in messages)}
        async with role.store.transaction() as transaction:
            claimed = await transaction.fetch(role.store.CLAIM, role.store.many(list(reports)))
            rows = [(id, reports[id]["unit"]["value"], thousandths(reports[id])) for (id,) in claimed]
            number, points = Counter(unit for _, unit, _ in rows), Counter()
            for _, unit, value in rows:
                points[unit] += value
            await transaction.executemany(SCORE, rows)
            await transaction.executemany(TOTAL, [(unit, number[unit], points[unit]) for unit in sorted(number)])
            told = [(f"s-{id}", json.dumps({"id": id, "unit": unit, "points": value})) for id, unit, value in rows]
            await transaction.executemany(OUTBOX, told)
        relay.wake.set()

    await wire.consume(role, "reports.accepted", "scorer", apply)
    relaying.cancel()


if __name__ == "__main__":
    wire.run("evaluation", score)
