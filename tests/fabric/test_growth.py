"""What grows for ever costs no look at all of it: no row for a tick, and no question that reads what was said and heard in years."""

import contextlib
import sqlite3
from datetime import timedelta

from sqlalchemy import func, select, text
from sqlalchemy.engine import make_url
from sqlalchemy.event import listens_for

from shared import clock, gauges
from shared.inbox import Hears, inbox
from shared.outbox import waiting
from shared.web import events, operations, paths
from tests.fabric.conftest import NOW, run_service, until


async def test_ticks_are_done_once_each_and_leave_no_row_each(fabric_settings):
    """There are half a million a year, in each service: more than of everything that people do."""
    hears, done = Hears("evaluation"), []

    @hears.tick
    async def on_tick(session, now, since):
        done.append(now)

    async with run_service(fabric_settings, hears) as hearer:
        minutes = [NOW + timedelta(minutes=number) for number in range(3)]
        for minute in minutes:
            await clock.publish(hearer.jetstream, minute, simulated=True)
            await until(lambda: hearer.clock.tick == minute)  # noqa: B023 - it is awaited at once
        message = await hearer.jetstream.get_msg("CLOCK", seq=3)
        headers = {name: value for name, value in message.headers.items() if name != "Nats-Msg-Id"}
        await hearer.jetstream.publish(message.subject, message.data, headers=headers)

        async def is_empty() -> bool:
            return not any((await hearer.lag()).values())

        await until(is_empty)
        async with hearer.database.read() as session:
            assert await session.scalar(select(func.count()).select_from(inbox)) == 0
    assert done == minutes


MANY = 20_000
WHEN = "'2023-10-30T09:00:00.000000Z'"
TRACE = f"'00-{'0' * 21}' || (10000000000 + n) || '-{'b' * 16}-01'"
SENT = {"id": "'e' || n", "type": "'t'", "subject": "'t'", "campaign": "''", "body": "'{}'", "time": WHEN, "recorded": WHEN, "traceparent": TRACE,
        "sent": "'2999-01-01T00:00:00.000000Z'"}  # fmt: skip
APPLIED = {"source": "'/thidua/' || (n % 3)", "id": "'e' || n", "type": "'t'", "applied": WHEN, "traceparent": TRACE}
NUMBERS = {
    "sqlite": "WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {}) SELECT {} FROM numbers",
    "postgres": "SELECT {1} FROM generate_series(1, {0}) AS numbers(n)",
}


async def fill(database, kind: str) -> None:
    """Years of events, all of them sent, and as many applied."""
    async with database.write() as session:
        for table, row in (("outbox", SENT), ("inbox", APPLIED)):
            await session.execute(text(f"INSERT INTO {table} ({', '.join(row)}) {NUMBERS[kind].format(MANY, ', '.join(row.values()))}"))
        if kind == "postgres":  # it does so by itself after a while, SQLite never
            await session.execute(text("ANALYZE"))


def rows_of(plan: dict) -> int:
    """The most rows that a part of a plan, as PostgreSQL carried it out, has looked at."""
    own = (plan["Actual Rows"] + plan.get("Rows Removed by Filter", 0)) * plan["Actual Loops"]
    return max(own, *map(rows_of, plan.get("Plans", ())), 0)


async def work(database, statement: str, parameters: tuple) -> int:
    """Rows looked at on PostgreSQL, steps of the virtual machine on SQLite."""
    if database.sqlite:
        steps = []
        with contextlib.closing(sqlite3.connect(make_url(database.url).database)) as connection:
            connection.set_progress_handler(lambda: steps.append(1), 10)
            connection.execute(statement, parameters).fetchall()
        return 10 * len(steps)
    async with database.writer.connect() as connection:
        driver = (await connection.get_raw_connection()).driver_connection
        return rows_of((await driver.fetchval(f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}", *parameters))[0]["Plan"])


async def test_no_question_that_is_asked_often_looks_at_all_that_was_ever_said_or_heard(fabric_settings, database_kind):
    asked: dict[str, tuple] = {}
    async with run_service(fabric_settings, Hears("evaluation")) as service:
        await fill(service.database, database_kind)

        @listens_for(service.database.reader.sync_engine, "before_cursor_execute")
        @listens_for(service.database.writer.sync_engine, "before_cursor_execute")
        def note(_, __, statement, parameters, *___):
            asked[statement] = parameters

        await service.relay.publish_window()
        await service.relay.refill()
        await gauges.take(service)
        await operations.state_of(service)
        assert await waiting(service.database) == 0
        async with service.database.read() as session:
            assert (await events.heard_of(session, f"e{MANY}")).source == f"/thidua/{MANY % 3}"
            assert await events.heard_of(session, "none") is None
            assert await paths.steps(session, "a" * 32) == []
        about = {statement: parameters for statement, parameters in asked.items() if "box" in statement}
        assert len(about) >= 8
        assert {statement: cost for statement, parameters in about.items() if (cost := await work(service.database, statement, parameters)) > MANY / 20} == {}
