"""Rounds open and close by the clock."""

from dataclasses import replace
from datetime import date, timedelta

from services.reporting import participants, rounds, submissions
from shared.database import Database
from shared.events.evaluation import HoldLifted, HoldPlaced
from shared.events.registration import CampaignPublished
from shared.events.reporting import ReportMissed, RoundClosed, RoundOpened
from tests.reporting import world
from tests.reporting.world import COMMUNE, DEADLINE, DISTRICT, OPENED, OTHER, SECOND_OPENED, hear, said, tick


async def test_a_round_opens_once_at_its_time(movement: Database) -> None:
    await tick(movement, OPENED - timedelta(minutes=1))
    assert await said(movement, RoundOpened) == []
    await tick(movement, OPENED)
    await tick(movement, OPENED + timedelta(minutes=1))
    opened = await said(movement, RoundOpened)
    assert [(e.round, e.deadline, e.cutoff) for e in opened] == [("ky-1", DEADLINE, date(2023, 7, 14))]


async def test_a_long_jump_does_everything_due_in_the_order_of_time(movement: Database) -> None:
    await tick(movement, world.SECOND_DEADLINE)
    assert [e.round for e in await said(movement, RoundOpened)] == ["ky-1", "ky-2"]
    assert [e.round for e in await said(movement, RoundClosed)] == ["ky-1", "ky-2"]
    assert [e.round for e in await said(movement, ReportMissed)] == ["ky-1"] * 3 + ["ky-2"] * 3


async def test_at_the_deadline_who_is_missing_is_told_and_who_reported_is_not(movement: Database) -> None:
    await tick(movement, OPENED)
    async with movement.write() as session:
        await submissions.submit(session, world.form(), world.clerk(), OPENED + timedelta(days=1))
    await tick(movement, DEADLINE)
    await tick(movement, DEADLINE + timedelta(minutes=1))
    assert {e.unit for e in await said(movement, ReportMissed)} == {OTHER, DISTRICT}
    [closed] = await said(movement, RoundClosed)
    assert (closed.expected, closed.on_time, closed.missing, closed.revision) == (3, 1, 2, 2)


async def test_a_unit_on_hold_at_the_deadline_owes_nothing(movement: Database) -> None:
    hold = HoldPlaced(campaign=world.CODE, hold="h1", unit=OTHER, revision=1, since=OPENED, reason="x", decided_by="y")
    lifted = HoldLifted(campaign=world.CODE, hold="h2", unit=DISTRICT, revision=2, at=OPENED, conclusion="x", decided_by="y")
    await hear(movement, lifted, hold, hold.model_copy(update={"hold": "h2", "unit": DISTRICT, "since": OPENED - timedelta(days=9)}))
    await tick(movement, DEADLINE)
    assert {e.unit for e in await said(movement, ReportMissed)} == {COMMUNE, DISTRICT}


async def test_who_was_approved_after_the_deadline_owes_nothing_for_that_round(movement: Database) -> None:
    await hear(movement, world.unit_changed(world.DEPARTMENT), world.approved(world.DEPARTMENT, DEADLINE + timedelta(days=1)))
    await tick(movement, SECOND_OPENED)
    assert world.DEPARTMENT not in {e.unit for e in await said(movement, ReportMissed)}
    await tick(movement, world.SECOND_DEADLINE)
    assert [e.round for e in await said(movement, ReportMissed) if e.unit == world.DEPARTMENT] == ["ky-2"]


async def test_the_earliest_approval_counts_in_whatever_order_approvals_come(movement: Database) -> None:
    late, early = world.approved(COMMUNE, DEADLINE, revision=3), world.approved(COMMUNE, world.APPROVED - timedelta(days=3), revision=2)
    await hear(movement, late, early)
    async with movement.read() as session:
        assert await participants.since_when(session, world.CODE, COMMUNE) == world.APPROVED - timedelta(days=3)


async def test_a_deadline_moved_while_the_round_is_open_is_told_and_kept(movement: Database) -> None:
    await tick(movement, OPENED)
    first, second = world.movement().rounds
    moved = world.movement(version=2, rounds=(first.model_copy(update={"deadline": DEADLINE + timedelta(days=2)}), second))
    await hear(movement, CampaignPublished(campaign=world.CODE, revision=2, definition=moved))
    await tick(movement, DEADLINE)
    assert [(e.revision, e.deadline) for e in await said(movement, RoundOpened)] == [
        (1, DEADLINE), (2, DEADLINE + timedelta(days=2)),
    ]  # fmt: skip
    assert await said(movement, RoundClosed) == []
    await tick(movement, DEADLINE + timedelta(days=2))
    assert [e.deadline for e in await said(movement, RoundClosed)] == [DEADLINE + timedelta(days=2)]


async def test_a_deadline_moved_into_the_past_closes_the_round_once(movement: Database) -> None:
    await tick(movement, OPENED)
    first, second = world.movement().rounds
    moved = world.movement(version=2, rounds=(first.model_copy(update={"deadline": OPENED + timedelta(days=1)}), second))
    await hear(movement, CampaignPublished(campaign=world.CODE, revision=2, definition=moved))
    for days in (2, 3):
        await tick(movement, OPENED + timedelta(days=days))
    assert [e.revision for e in await said(movement, RoundOpened)] == [1, 2]
    assert [e.revision for e in await said(movement, RoundClosed)] == [3]
    async with movement.read() as session:
        assert rounds.state_of((await rounds.states(session, world.CODE))["ky-1"]) == "closed"


def test_a_hold_covers_its_last_day_and_no_more() -> None:
    from services.reporting.rules.timeliness import Hold

    hold = Hold("u", OPENED, expires_on=DEADLINE.date())
    assert hold.covers(DEADLINE)
    assert not hold.covers(DEADLINE + timedelta(days=1))
    assert not hold.covers(OPENED - timedelta(seconds=1))
    assert not replace(hold, lifted_at=DEADLINE).covers(DEADLINE)
