"""Accepts reports: a transaction each, then the event, published and acknowledged."""

import asyncio
import json
import sys
import time

from common import LOGS, REPORTS, Report, app, broker, run

IN_FLIGHT = 8
reports = [Report.model_validate_json(line) for line in REPORTS.read_text(encoding="utf-8").splitlines()]
log = (LOGS / "sent").open("a", encoding="utf-8")


async def submit(report: Report) -> None:
    at = time.time_ns()
    async with app.connections.acquire() as connection:
        await connection.execute(
            "INSERT INTO report VALUES ($1, $2, $3, $4)", report.id, report.unit.value, report.round, report.model_dump_json()
        )
    await broker.publish(report, "reports.accepted", stream="ACCEPTED", headers={"Nats-Msg-Id": report.id}, timeout=10)
    log.write(f"{report.id} {at}\n")
    log.flush()


async def send(first: int, count: int, rate: int) -> None:
    wanted = iter(reports[first : first + count])
    if rate:
        start, loop = asyncio.get_running_loop().time(), asyncio.get_running_loop()
        async with asyncio.TaskGroup() as sending:
            for number, report in enumerate(wanted):
                await asyncio.sleep(start + number / rate - loop.time())
                sending.create_task(submit(report))
        return

    async def worker() -> None:
        for report in wanted:
            await submit(report)

    await asyncio.gather(*(worker() for _ in range(IN_FLIGHT)))


@app.after_startup
async def listen() -> None:
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)

    async def obey() -> None:
        async for line in reader:
            await send(*json.loads(line))

    app.obeying = asyncio.create_task(obey())


run("producer", "reporting")
