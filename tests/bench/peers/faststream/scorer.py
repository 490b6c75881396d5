"""Scores each report in a transaction, publishes the score, and only then acknowledges."""

from common import ACCEPTED, WORKERS, Report, Scored, app, broker, run
from faststream import AckPolicy
from faststream.nats import PullSub

TOTAL = """INSERT INTO total VALUES ($1, 1, $2)
ON CONFLICT (unit) DO UPDATE SET reports = total.reports + 1, points = total.points + excluded.points"""


@broker.subscriber(
    "reports.accepted", stream=ACCEPTED, durable="scorer", pull_sub=PullSub(batch_size=100), max_workers=WORKERS,
    ack_policy=AckPolicy.NACK_ON_ERROR,
)  # fmt: skip
async def on_report(report: Report) -> None:
    points = sum(round(figure.value * 1000) for figure in report.values if figure.value is not None)
    async with app.connections.acquire() as connection, connection.transaction():
        if await connection.fetchval("INSERT INTO inbox VALUES ($1) ON CONFLICT DO NOTHING RETURNING id", report.id):
            await connection.execute("INSERT INTO score VALUES ($1, $2, $3)", report.id, report.unit.value, points)
            await connection.execute(TOTAL, report.unit.value, points)
    scored = Scored(id=report.id, unit=report.unit.value, points=points)
    await broker.publish(scored, "reports.scored", stream="SCORED", headers={"Nats-Msg-Id": f"s-{report.id}"}, timeout=10)


run("scorer", "evaluation")
