"""Reports are submitted, corrected and returned; every version stays."""

from datetime import date, timedelta
from decimal import Decimal

import pytest
from sqlalchemy import func, select

from services.reporting import backgrounds, openings, participants, reports, submissions
from services.reporting.models import figures, versions
from services.reporting.openings import OpeningForm
from services.reporting.reports import Receipt, ReportForm, ReturnForm
from services.reporting.submissions import NoteNeeded
from shared import audit
from shared.database import Database
from shared.events.campaign import Phase
from shared.events.registration import Role
from shared.events.reporting import ReportAccepted, ReportReturned, ValueKind
from shared.messages import Conflict, Forbidden, NotFound, Refused
from tests.reporting import world
from tests.reporting.world import COMMUNE, DEADLINE, OPENED, SECOND_OPENED, clerk, form, head, hear, said, secretary

DAY = timedelta(days=1)


async def submit(database: Database, given: ReportForm | None = None, now=OPENED + DAY) -> Receipt:
    async with database.write() as session:
        return await submissions.submit(session, given or form(), clerk(), now)


async def give_back(database: Database, report: str, officer, now=OPENED + 2 * DAY, reason="Số thu sai", notes=None) -> Receipt:
    async with database.write() as session:
        return await reports.give_back(session, ReturnForm(report, reason, notes or {}), officer, now)


async def test_a_report_is_accepted_with_its_event_its_history_and_its_audit(movement: Database) -> None:
    receipt = await submit(movement)
    [event] = await said(movement, ReportAccepted)
    assert (event.report, event.revision, event.on_time, event.correction) == (receipt.report, 1, True, False)
    assert [(v.indicator, v.value, v.kind) for v in event.values] == [
        (world.REVENUE, Decimal(20), ValueKind.PRELIMINARY), (world.DISBURSED, Decimal(30), ValueKind.PRELIMINARY),
    ]  # fmt: skip
    async with movement.read() as session:
        assert [v.status for v in await reports.history(session, receipt.report)] == ["accepted"]
        assert (await audit.verify(session)) == (1, None)


async def test_a_correction_supersedes_and_keeps_the_judgement_of_the_first(movement: Database) -> None:
    first = await submit(movement)
    second = await submit(movement, form(given=world.figures("21")), DEADLINE + DAY)
    assert (second.report, second.revision, second.on_time) == (first.report, 2, True)
    accepted = (await said(movement, ReportAccepted))[1]
    assert accepted.correction
    assert (accepted.first_submitted_at, accepted.submitted_at) == (OPENED + DAY, DEADLINE + DAY)
    async with movement.read() as session:
        kept = await session.execute(select(figures.c.value).where(figures.c.indicator == world.REVENUE).order_by(figures.c.revision))
        assert [row.value for row in kept] == [Decimal(20), Decimal(21)]


async def test_the_instant_of_the_deadline_is_late(movement: Database) -> None:
    assert not (await submit(movement, now=DEADLINE)).on_time


async def test_a_moment_before_the_deadline_is_on_time(movement: Database) -> None:
    assert (await submit(movement, now=DEADLINE - timedelta(microseconds=1))).on_time


async def test_a_returned_report_does_not_count_until_it_comes_again(movement: Database) -> None:
    first = await submit(movement)
    back = await give_back(movement, first.report, head(), notes={world.REVENUE: "Gấp mười lần"})
    assert (back.revision, back.status) == (2, "returned")
    [event] = await said(movement, ReportReturned)
    assert (event.revision, event.notes, event.on_time) == (2, (f"{world.REVENUE}: Gấp mười lần",), True)
    again = await submit(movement, form(given=world.figures("2")), DEADLINE + DAY)
    assert (again.revision, again.status, again.on_time) == (3, "accepted", True)
    async with movement.read() as session:
        assert [v.status for v in await reports.history(session, first.report)] == ["accepted", "returned", "accepted"]


async def test_a_returned_report_cannot_be_returned_again(movement: Database) -> None:
    first = await submit(movement)
    await give_back(movement, first.report, secretary())
    with pytest.raises(Conflict):
        await give_back(movement, first.report, secretary())


@pytest.mark.parametrize(
    ("officer", "refusal"),
    [
        (world.officer(COMMUNE, Role.HEAD), Forbidden),
        (world.officer(world.DISTRICT, Role.CLERK), Forbidden),
        (world.officer(world.OTHER, Role.HEAD), NotFound),
        (world.officer(world.DEPARTMENT, Role.HEAD), NotFound),
        (world.officer(COMMUNE, Role.SECRETARY), Forbidden),
    ],
    ids=["the unit itself", "a clerk above", "a neighbour", "a department", "a secretary of the same unit"],
)
async def test_only_those_above_return_a_report(movement: Database, officer, refusal) -> None:
    first = await submit(movement)
    with pytest.raises(refusal):
        await give_back(movement, first.report, officer)
    assert await said(movement, ReportReturned) == []


async def test_a_return_needs_a_reason_and_known_indicators(movement: Database) -> None:
    first = await submit(movement)
    with pytest.raises(Refused) as caught:
        await give_back(movement, first.report, head(), reason="")
    assert caught.value.faults[0].field == "reason"
    with pytest.raises(Refused) as caught:
        await give_back(movement, first.report, head(), notes={"la": "?"})
    assert caught.value.faults[0].field == "notes.la"


async def test_a_refused_report_changes_nothing(movement: Database) -> None:
    with pytest.raises(Refused):
        await submit(movement, form(given=world.figures("6000")))
    async with movement.read() as session:
        assert await session.scalar(select(func.count()).select_from(versions)) == 0
    assert await said(movement, ReportAccepted) == []


async def test_an_odd_value_is_accepted_with_a_flag(movement: Database) -> None:
    await submit(movement)
    tenfold = world.figures("220", "31", as_of=date(2023, 8, 14))
    receipt = await submit(movement, form(round="ky-2", given=tenfold), SECOND_OPENED + DAY)
    assert receipt.flags == (world.REVENUE,)


async def test_a_person_is_asked_about_an_odd_value_until_a_note_or_a_confirmation(movement: Database) -> None:
    await submit(movement)
    tenfold = world.figures("220", "31", as_of=date(2023, 8, 14))
    with pytest.raises(NoteNeeded) as caught:
        await submit(movement, form(round="ky-2", given=tenfold, asks=True), SECOND_OPENED + DAY)
    assert [fault.field for fault in caught.value.faults] == ["values.0.note"]
    noted = world.figures("220", "31", as_of=date(2023, 8, 14), note="Thu tiền sử dụng đất một lần")
    assert (await submit(movement, form(round="ky-2", given=noted, asks=True), SECOND_OPENED + DAY)).flags == (world.REVENUE,)
    confirmed = world.figures("230", "31", as_of=date(2023, 8, 14), confirmed=True)
    assert (await submit(movement, form(round="ky-2", given=confirmed, asks=True), SECOND_OPENED + DAY)).revision == 2


async def test_figures_of_a_returned_report_are_no_history(movement: Database) -> None:
    first = await submit(movement, form(given=world.figures("200")))
    await give_back(movement, first.report, head())
    receipt = await submit(movement, form(round="ky-2", given=world.figures("22", "31", as_of=date(2023, 8, 14))), SECOND_OPENED + DAY)
    assert receipt.flags == ()


@pytest.mark.parametrize(
    ("changes", "field"),
    [({"round": "ky-9"}, "round"), ({"unit": world.DEPARTMENT}, "unit")],
    ids=["unknown round", "a unit that does not take part"],
)
async def test_what_is_not_known_is_named(movement: Database, changes: dict[str, str], field: str) -> None:
    with pytest.raises(Refused) as caught:
        await submit(movement, form(**changes))
    assert caught.value.faults[0].field == field


async def test_an_unknown_campaign_is_named(movement: Database) -> None:
    with pytest.raises(NotFound) as caught:
        await submit(movement, ReportForm("la", COMMUNE, "ky-1", form().channel, ()))
    assert caught.value.faults[0].field == "campaign"


async def test_a_round_that_is_not_open_says_when_it_will_be(movement: Database) -> None:
    with pytest.raises(Refused) as caught:
        await submit(movement, now=OPENED - timedelta(minutes=1))
    assert "00:00 15/07/2023" in caught.value.faults[0].render("vi")


async def test_late_reports_are_taken_until_the_grace_ends_and_then_only_by_a_recorded_decision(movement: Database) -> None:
    end = world.local(30, 10, 17)
    assert not (await submit(movement, now=end + 2 * DAY)).on_time
    with pytest.raises(Refused) as caught:
        await submit(movement, now=end + 3 * DAY)
    assert "3 ngày" in caught.value.faults[0].render("vi")
    await open_again(movement, end + 3 * DAY, end + 4 * DAY)
    assert (await submit(movement, now=end + 3 * DAY + timedelta(hours=1))).revision == 2
    with pytest.raises(Refused):
        await submit(movement, now=end + 4 * DAY)


async def open_again(database: Database, now, until, officer=None) -> None:
    campaign = world.movement()
    async with database.write() as session:
        await openings.open_for(session, OpeningForm(campaign, COMMUNE, campaign.rounds[0], until, "Mất điện"), officer or secretary(), now)


async def test_the_review_locks_figures_at_once(movement: Database) -> None:
    await submit(movement)
    await hear(movement, world.phase(Phase.REVIEWING, 5), world.phase(Phase.CLOSED, 4))
    with pytest.raises(Refused) as caught:
        await submit(movement)
    assert "xét duyệt" in caught.value.faults[0].render("vi")


@pytest.mark.parametrize("officer", [world.head(world.PROVINCE), world.clerk()], ids=["a head", "the clerk"])
async def test_only_the_secretary_opens_a_locked_round(movement: Database, officer) -> None:
    with pytest.raises(Forbidden):
        await open_again(movement, OPENED, OPENED + DAY, officer)


async def test_an_opening_ends_within_a_month_and_lies_ahead(movement: Database) -> None:
    for until in (OPENED, OPENED + timedelta(days=31)):
        with pytest.raises(Refused) as caught:
            await open_again(movement, OPENED, until)
        assert caught.value.faults[0].field == "until"


async def test_a_target_amended_later_leaves_earlier_rounds_their_target(movement: Database) -> None:
    raised = world.committed(COMMUNE, world.REVENUE, "108", "ty-dong", revision=2, effective_from=date(2023, 8, 1))
    await hear(movement, raised)
    async with movement.read() as session:
        committed = (await backgrounds.of_unit(session, world.CODE, COMMUNE)).committed
    before, after = (participants.in_force(committed, date(2023, month, 14)) for month in (7, 8))
    assert (before[world.REVENUE].target, after[world.REVENUE].target) == (Decimal(100), Decimal(108))
