"""Writes a letter for each score, once."""

import time

from common import LOGS, SCORED, WORKERS, Scored, app, broker, run
from faststream import AckPolicy
from faststream.nats import PullSub

log = (LOGS / "commits.writer").open("a", encoding="utf-8")


@broker.subscriber(
    "reports.scored", stream=SCORED, durable="writer", pull_sub=PullSub(batch_size=100), max_workers=WORKERS,
    ack_policy=AckPolicy.NACK_ON_ERROR,
)  # fmt: skip
async def on_scored(scored: Scored) -> None:
    async with app.connections.acquire() as connection, connection.transaction():
        if await connection.fetchval("INSERT INTO inbox VALUES ($1) ON CONFLICT DO NOTHING RETURNING id", scored.id):
            await connection.execute("INSERT INTO letter VALUES ($1, $2, $3)", scored.id, scored.unit, scored.model_dump_json())
    log.write(f"{scored.id} {time.time_ns()}\n")
    log.flush()


run("writer", "notification")
