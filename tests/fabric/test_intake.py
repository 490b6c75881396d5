"""Callers of the same moment share a commit; each gets its own answer, and none before its row is durable."""

import asyncio

import pytest
from sqlalchemy import Column, Integer, MetaData, String, Table, insert, select

from shared import intake as module
from shared.intake import Intake
from shared.messages import Overloaded, Refused
from shared.telemetry import Telemetry
from shared.testing.databases import fresh_database

rows = Table("intake_rows", MetaData(), Column("name", String(32), primary_key=True), Column("place", Integer))


class Desk:
    """Writes a row per item; refuses "no", breaks at "bad"; remembers the groups."""

    def __init__(self, database) -> None:
        self.database, self.groups = database, []
        self.intake = Intake(database, Telemetry("test"), self.work, lambda item: [item.partition("-")[0]])

    async def work(self, session, items):
        self.groups.append(list(items))
        if "bad" in items:
            raise ValueError("bad")
        await session.execute(insert(rows), [{"name": item, "place": 0} for item in items if item != "no"] or [{"name": f"{items}", "place": 0}])
        return [Refused.because("no") if item == "no" else item.upper() for item in items]

    async def kept(self):
        async with self.database.read() as session:
            return set(await session.scalars(select(rows.c.name)))


@pytest.fixture
async def desk(database_kind):
    async with fresh_database("reporting", database_kind) as database:
        async with database.writer.begin() as connection:
            await connection.run_sync(rows.metadata.create_all)
        yield Desk(database)


async def test_callers_share_commits_and_each_row_is_durable_when_its_caller_is_answered(desk):
    async def ask(item):
        answer = await desk.intake.ask(item)
        assert item in await desk.kept()
        return answer

    assert await asyncio.gather(*(ask(f"u{n}") for n in range(150))) == [f"U{n}" for n in range(150)]
    assert len(desk.groups) < 10


async def test_a_group_holds_each_key_once(desk):
    items = [f"u{n % 3}-{n}" for n in range(12)]
    await asyncio.gather(*(desk.intake.ask(item) for item in items))
    assert sorted(item for group in desk.groups for item in group) == sorted(items)
    assert all(len({item.partition("-")[0] for item in group}) == len(group) for group in desk.groups)


async def test_a_refusal_and_a_failure_are_their_own_callers_alone(desk):
    answers = await asyncio.gather(*(desk.intake.ask(item) for item in ("a", "no", "bad", "b")), return_exceptions=True)
    assert [answers[0], answers[3]] == ["A", "B"]
    assert type(answers[1]) is Refused
    assert type(answers[2]) is ValueError
    assert {"a", "b"} <= await desk.kept()


async def test_who_comes_when_too_many_wait_is_told_to_come_again_and_nothing_is_kept_of_it(desk, monkeypatch):
    monkeypatch.setattr(module, "WAITING", 20)
    answers = await asyncio.gather(*(desk.intake.ask(f"u{n}") for n in range(30)), return_exceptions=True)
    assert [type(answer) for answer in answers] == [str] * 21 + [Overloaded] * 9, "one is being served, twenty wait"
    assert await desk.kept() == {f"u{n}" for n in range(21)}
    assert await desk.intake.ask("later") == "LATER"


async def test_who_goes_away_while_waiting_is_left_out_and_holds_nobody(desk):
    asks = [asyncio.create_task(desk.intake.ask(f"u{n}")) for n in range(5)]
    await asyncio.sleep(0)
    asks[3].cancel()
    answers = await asyncio.gather(*asks, return_exceptions=True)
    assert [answers[n] for n in (0, 1, 2, 4)] == ["U0", "U1", "U2", "U4"]
    assert "u3" not in await desk.kept()
