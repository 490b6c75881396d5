"""What is waited for and what is not: a database that is away is nobody's fault, a statement that it never takes is the statement's."""

import asyncio

import pytest
from sqlalchemy import literal, select, text

from shared.database import Database, is_outage
from shared.testing.databases import fresh_database


@pytest.fixture
async def database(database_kind):
    async with fresh_database("evaluation", database_kind) as found:
        yield found


WRONG = {"names no table": text("SELECT * FROM nowhere"), "has too many parameters": select(literal(1)).where(literal(1).in_(range(300_000)))}


@pytest.mark.parametrize("statement", WRONG.values(), ids=WRONG)
async def test_a_statement_that_is_never_taken_is_no_outage(database, statement):
    """Waiting it out would hold the whole stream for ever."""
    with pytest.raises(Exception, match=r".") as raised:
        async with database.write() as session:
            await session.execute(statement)
    assert not is_outage(raised.value)


async def test_a_locked_file_is_an_outage(monkeypatch):
    monkeypatch.setattr("shared.sqlite.BUSY_MS", 20)
    async with fresh_database("evaluation") as database:
        other = Database(database.url, "evaluation")
        async with database.write() as session:
            await session.connection()
            with pytest.raises(Exception, match="locked") as raised:
                async with other.write() as late:
                    await late.connection()
        await other.close()
    assert is_outage(raised.value)


@pytest.mark.parametrize("how", ["pg_terminate_backend", "pg_cancel_backend"])
async def test_a_connection_that_the_server_ends_is_an_outage_and_a_statement_that_it_ends_is_none(how):
    async with fresh_database("evaluation", "postgres") as database:
        async def sleep():
            async with database.write() as session:
                await session.execute(text("SELECT pg_sleep(60)"))

        task = asyncio.create_task(sleep())
        while not task.done():
            async with database.read() as session:
                await session.execute(text(f"SELECT {how}(pid) FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(60)'"))
            await asyncio.wait([task], timeout=0.01)
    error = task.exception()
    assert is_outage(error) is (how == "pg_terminate_backend")
