"""`thidua dead-letters`: what can be applied is replayed, what never can is closed, and neither leaves a letter waiting for ever."""

import asyncio
import re
from datetime import datetime, timedelta
from types import SimpleNamespace

import pytest
from sqlalchemy import select

from services import command_line as program
from services import local
from services.operation import doctor, examination
from shared import audit, deadletters
from shared import settings as configuration

UNREADABLE = SimpleNamespace(subject="reporting.report.accepted.v1", data=b"no event", headers={"ce-id": "e-1"}, reply="")


@pytest.fixture
async def buried(tmp_path, database_url, monkeypatch):
    """Evaluation with one letter that nobody will ever read; its settings and the letter's id."""
    monkeypatch.setenv("THIDUA_DATA", str(tmp_path))
    monkeypatch.setenv("THIDUA_DATABASE_URL", database_url)
    settings = configuration.load()
    await local.migrate_all(settings, ["evaluation"])
    async with local.database_of(settings, "evaluation") as database, database.write() as session:
        letter = await deadletters.keep(session, UNREADABLE, "no such attribute: 'source'", 1)
    return settings, letter


async def dead_letters(*words: str) -> int:
    return await asyncio.to_thread(program.main, ["dead-letters", *words])


async def line_of(settings) -> str:
    check = next(check for check in doctor.checks(settings) if check.name == "dead letters evaluation")
    return (await examination.look(check)).line("en")


async def test_an_unreadable_letter_is_told_in_a_sentence_and_closed_with_a_reason(buried, capsys):
    settings, letter = buried
    assert await dead_letters("replay", "evaluation", letter) == 1
    told = capsys.readouterr().err.splitlines()
    assert len(told) == 1
    assert "Sự kiện đọc không được (no such attribute" in told[0]
    assert f"thidua dead-letters close evaluation {letter} --reason" in told[0]
    assert await dead_letters("close", "evaluation", letter) == 1
    assert capsys.readouterr().err == "Chưa ghi lý do đóng. Hãy ghi vì sao sự kiện này không bao giờ áp dụng được.\n"
    assert "NOT dead letters evaluation: 1 dead letters wait" in await line_of(settings)
    assert await dead_letters("close", "evaluation", letter, "--reason", "published by hand") == 0
    assert await line_of(settings) == "ok  dead letters evaluation: none"
    assert await dead_letters("close", "evaluation", letter, "--reason", "again") == 1
    assert await dead_letters("close", "evaluation", "none", "--reason", "x") == 1
    capsys.readouterr()
    assert await dead_letters("show", "evaluation", letter) == 0
    assert '"closed": "published by hand"' in capsys.readouterr().out
    async with local.database_of(settings, "evaluation") as database, database.read() as session:
        entry = (await session.execute(select(audit.audit))).one()
    assert (entry.actor, entry.action, entry.subject) == ("command-line", "dead-letter.closed", letter)


async def test_the_list_tells_the_time_that_clocks_here_show(buried, capsys):
    async with local.database_of(buried[0], "evaluation") as database, database.read() as session:
        kept = (await deadletters.listed(session))[0].kept
    assert await dead_letters("list", "evaluation") == 0
    shown = re.search(r"\d\d/\d\d/\d{4} \d\d:\d\d", capsys.readouterr().out)[0]
    here = datetime.strptime(f"{shown} +0700", "%d/%m/%Y %H:%M %z")
    assert timedelta() <= kept - here < timedelta(minutes=1)
