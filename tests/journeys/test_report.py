"""A report's whole road: taken in, scored, told; and what must not change it."""

import json

import pytest
from sqlalchemy import select

from services.simulation.doors import Declined
from services.simulation.story import SECRETARY, local
from shared.outbox import outbox

UNIT, DISTRICT = "xa-ta-tong", "huyen-muong-te"


async def report(stage, unit=UNIT, **changes):
    await stage.do("report", unit, **changes)
    await stage.rest()


async def open_round(stage, number=0):
    await stage.at(stage.scene.loaded.campaign.rounds[number].opens_at)


async def test_a_report_is_scored_and_told(stage):
    await stage.take_part(UNIT)
    await open_round(stage)
    before = await stage.score(UNIT)
    await report(stage)
    after = await stage.score(UNIT)
    assert float(after["score"]) > float(before["score"])
    rules = {letter["rule"] for letter in await stage.letters(f"{UNIT}.clerk")}
    assert {"registration-approved", "round-opened"} <= rules


async def test_the_same_event_twice_has_no_second_effect(stage):
    await stage.take_part(UNIT)
    await open_round(stage)
    await report(stage)
    first, letters = await stage.score(UNIT), await stage.letters(f"{UNIT}.clerk")
    jetstream = stage.service("reporting").jetstream
    for sequence in range(1, (await jetstream.stream_info("REPORTING")).state.last_seq + 1):
        message = await jetstream.get_msg("REPORTING", seq=sequence)
        headers = {k: v for k, v in message.headers.items() if k != "Nats-Msg-Id"}
        await jetstream.publish(message.subject, message.data, headers=headers)
    await stage.rest()
    assert await stage.score(UNIT) == first
    assert await stage.letters(f"{UNIT}.clerk") == letters


async def test_a_report_that_overtakes_its_unit_and_target_is_scored_when_they_arrive(stage):
    """The evaluation of another province's installation starts late and hears reporting's stream before registration's."""
    await stage.take_part(UNIT)
    await open_round(stage)
    await report(stage)
    expected = (await stage.score(UNIT))["score"]
    rebuilt = __import__("services.evaluation.rebuild", fromlist=["rebuild"])
    result = await rebuilt.rebuild(stage.scene.local.settings)
    current = await stage.ask(SECRETARY, "GET", "/evaluation/api/rankings/current")
    assert result["ranking_hash"] == current["ranking_hash"]
    assert float(expected) > 0


async def test_an_idempotency_key_repeated_gives_the_first_answer_and_one_effect(stage):
    await stage.take_part(UNIT)
    await open_round(stage)
    act = next(a for a in stage.acts["report"] if a.unit == UNIT)
    body = {"campaign": "lai-chau-2023", "unit": stage.hands.directory.reference(UNIT), "round": "ky-1", "values": act.data["values"]}
    first = await stage.ask(f"{UNIT}.clerk", "POST", "/reporting/api/reports", body, "key-1")
    second = await stage.ask(f"{UNIT}.clerk", "POST", "/reporting/api/reports", body, "key-1")
    assert first == second
    async with stage.service("reporting").database.read() as session:
        accepted = (await session.scalars(select(outbox.c.body).where(outbox.c.type == "reporting.report.accepted.v1"))).all()
    assert [json.loads(body)["revision"] for body in accepted] == [1]


async def test_a_reminder_goes_only_to_units_that_are_missing(stage):
    other = "xa-mu-ca"
    await stage.take_part(UNIT, other)
    await open_round(stage)
    await report(stage)
    deadline = stage.scene.loaded.campaign.rounds[0].deadline
    day = deadline.date()
    for minute in (0, 1, 2):
        await stage.at(local(day.replace(day=day.day - 1), 17, minute))
    told = {letter["rule"] for letter in await stage.letters(f"{other}.clerk")}
    assert {"due-7", "due-3", "due-1"} & told
    assert not {"due-7", "due-3", "due-1"} & {letter["rule"] for letter in await stage.letters(f"{UNIT}.clerk")}


async def test_a_late_report_is_kept_and_marked_and_the_missing_one_is_told_to_the_superior_a_day_later(stage):
    await stage.take_part(UNIT, "xa-mu-ca", DISTRICT)
    await open_round(stage)
    await stage.at(stage.scene.loaded.campaign.rounds[0].deadline)
    deadline_day = stage.scene.loaded.campaign.rounds[0].deadline.date()
    await stage.at(local(deadline_day.replace(day=deadline_day.day + 1), 9))
    await report(stage)
    found = await stage.ask(SECRETARY, "GET", "/reporting/api/completeness?round=ky-1")
    assert "late" in json.dumps(found)
    await stage.at(local(deadline_day.replace(day=deadline_day.day + 2), 9))
    await stage.at(local(deadline_day.replace(day=deadline_day.day + 2), 9, 1))
    assert any("overdue" in letter["rule"] for letter in await stage.letters(f"{DISTRICT}.head"))


async def test_another_units_report_cannot_be_written_or_seen(stage):
    await stage.take_part(UNIT, "xa-mu-ca")
    await open_round(stage)
    act = next(a for a in stage.acts["report"] if a.unit == UNIT)
    body = {"campaign": "lai-chau-2023", "unit": stage.hands.directory.reference(UNIT), "round": "ky-1", "values": act.data["values"]}
    with pytest.raises(Declined, match="404"):
        await stage.ask("xa-mu-ca.clerk", "POST", "/reporting/api/reports", body)
    with pytest.raises(Declined, match="404"):
        await stage.ask("xa-mu-ca.clerk", "GET", f"/evaluation/api/scores/{await stage.unit_id(UNIT)}")
