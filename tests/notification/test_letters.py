"""From events to letters and deliveries, through the real inbox, on both databases."""

import json
from decimal import Decimal

from sqlalchemy import func, select

from services.notification import deliveries as use_cases
from services.notification.models import letters
from services.notification.rules import Channel as Way
from shared.events.campaign import Phase
from shared.events.evaluation import ClusterRanking, FrontRunnerFound, FrontRunnerLost, RankingFrozen
from shared.events.registration import CampaignAdvanced, OfficerDisabled, Role
from shared.events.reporting import DiscrepancyOpened, DiscrepancyResolved
from shared.outbox import outbox
from tests.notification import story
from tests.notification.story import CAMPAIGN, DAY, DEADLINE, HOUR, MINUTE, OPENING, START

INBOX, MAIL = "inbox", "e-mail"
CLERK_BOTH = {("xa.clerk", INBOX), ("xa.clerk", MAIL)}
UNIT_ALL = CLERK_BOTH | {("xa.head", INBOX), ("xa.head", MAIL)}


async def said(ear) -> list[dict]:
    """The letters that notification told the others were delivered."""
    async with ear.database.read() as session:
        return [json.loads(body) for body in await session.scalars(select(outbox.c.body).order_by(outbox.c.position))]


async def test_the_secretary_is_told_of_a_registration_and_the_unit_of_the_approval(town):
    await town.hear(story.submitted())
    await town.tick(START + MINUTE)
    assert await town.who("registration-submitted") == {("thu-ky", INBOX)}
    await town.hear(story.approved())
    assert await town.who("registration-approved") == CLERK_BOTH | {("xa.head", INBOX)}
    assert all(row.settled for row in await town.rows("registration-submitted"))


async def test_a_returned_registration_says_why_and_is_settled_by_the_next_submission(town):
    await town.hear(story.sent_back())
    rows = await town.rows("registration-returned")
    assert {(row.officer, row.channel) for row in rows} == UNIT_ALL
    assert rows[0].parameters["reason"] == "Thiếu mức gốc"
    await town.hear(story.submitted(revision=3))
    assert all(row.settled and row.state != "queued" for row in await town.rows("registration-returned"))


async def test_an_older_state_of_a_registration_heard_late_is_not_told(town):
    await town.hear(story.approved(revision=3))
    await town.hear(story.sent_back(revision=2))
    assert await town.rows("registration-returned") == []


async def test_a_round_that_opens_is_told_to_units_that_owe_a_report(town):
    await town.hear(story.approved("xa"), story.approved("huyen"), story.reported("huyen"))
    await town.hear(story.opened(), at=OPENING)
    assert {row.unit for row in await town.rows("round-opened")} == {"xa"}
    assert {(r.officer, r.channel, r.state) for r in await town.rows("round-opened")} == {
        ("xa.clerk", INBOX, "delivered"), ("xa.clerk", MAIL, "queued"), ("xa.head", INBOX, "delivered"),
    }  # fmt: skip


async def test_a_unit_approved_after_the_round_opened_is_told_of_it_too(town):
    await town.hear(story.opened(), at=OPENING)
    await town.hear(story.approved(), at=OPENING + DAY)
    assert {row.unit for row in await town.rows("round-opened")} == {"xa"}


async def test_a_later_deadline_is_told_again_and_the_earlier_letter_is_settled(town):
    await town.hear(story.approved())
    await town.hear(story.opened(), at=OPENING)
    await town.hear(story.opened(revision=2, deadline=DEADLINE + DAY), at=OPENING + DAY)
    rows = await town.rows("round-opened", channel=INBOX, officer="xa.clerk")
    assert [(row.revision, row.settled is None) for row in rows] == [(1, False), (2, True)]


async def remind(ear) -> None:
    """The unit takes part, the round is open, the tick of three days before the deadline has come."""
    await ear.hear(story.approved())
    await ear.hear(story.opened(), at=OPENING)
    await ear.tick(DEADLINE - 3 * DAY)


async def test_a_reminder_waits_for_the_tick_after(town):
    await remind(town)
    assert {row.state for row in await town.rows("due-3")} == {"waiting"}
    await town.tick(DEADLINE - 3 * DAY + MINUTE)
    assert {(row.channel, row.state) for row in await town.rows("due-3")} == {(INBOX, "delivered"), (MAIL, "queued")}


async def test_a_reminder_is_written_once_per_unit_round_and_offset(town):
    await remind(town)
    for hours in range(1, 49):
        await town.tick(DEADLINE - 3 * DAY + hours * HOUR)
    assert len(await town.rows("due-3")) == 3
    assert len(await town.rows("due-1")) == 4


async def test_a_reminder_is_withdrawn_while_it_waits_and_while_it_is_queued(town):
    await remind(town)
    await town.hear(story.reported(at=DEADLINE - 3 * DAY), at=DEADLINE - 3 * DAY)
    assert {row.state for row in await town.rows("due-3")} == {"withdrawn"}


async def test_a_queued_reminder_is_withdrawn_once_the_report_is_known(town):
    await remind(town)
    await town.tick(DEADLINE - 3 * DAY + MINUTE)
    await town.hear(story.reported(), at=DEADLINE - 3 * DAY + HOUR)
    rows = await town.rows("due-3")
    assert {(row.channel, row.state) for row in rows} == {(INBOX, "delivered"), (MAIL, "withdrawn")}
    assert all(row.settled for row in rows), "what has arrived needs nothing any more"


async def test_a_report_that_overtakes_its_round_suppresses_every_reminder(town):
    await town.hear(story.reported())
    await remind(town)
    assert await town.rows("due-3") == []
    assert await town.rows("round-opened") == []


async def test_a_returned_report_brings_its_own_letter_and_no_reminder(town):
    await town.hear(story.approved())
    await town.hear(story.report_returned(), at=OPENING + DAY)
    await town.hear(story.opened(), at=OPENING)
    await town.tick(DEADLINE - 3 * DAY)
    assert await town.rows("due-3") == []
    assert await town.who("report-returned") == UNIT_ALL
    await town.hear(story.reported(revision=3))
    assert {row.state for row in await town.rows("report-returned", channel=MAIL)} == {"withdrawn"}


async def test_a_return_heard_after_its_correction_is_not_told(town):
    await town.hear(story.reported(revision=3))
    await town.hear(story.report_returned(revision=2))
    assert await town.rows("report-returned") == []


async def test_a_unit_on_hold_is_not_reminded_and_is_again_once_the_hold_is_lifted(town):
    await town.hear(story.held(), at=OPENING)
    await remind(town)
    assert await town.rows("due-3") == []
    await town.hear(story.lifted(), at=DEADLINE - 2 * DAY)
    await town.tick(DEADLINE - DAY)
    assert {row.unit for row in await town.rows("due-1")} == {"xa"}


async def test_a_hold_whose_end_is_heard_first_holds_nothing(town):
    await town.hear(story.lifted(), story.held(), at=OPENING)
    await remind(town)
    assert len(await town.rows("due-3")) == 3


async def test_a_hold_withdraws_the_reminder_that_waits(town):
    await remind(town)
    await town.hear(story.held(), at=DEADLINE - 3 * DAY)
    assert {row.state for row in await town.rows("due-3")} == {"withdrawn"}


async def test_what_still_waits_when_the_round_closes_is_withdrawn(town):
    await remind(town)
    await town.hear(story.closed(), at=DEADLINE)
    await town.tick(DEADLINE + HOUR)
    assert {row.state for row in await town.rows("due-3")} == {"withdrawn"}


async def test_a_reminder_does_not_leave_after_the_deadline_though_the_close_was_not_heard(town):
    await remind(town)
    await town.tick(DEADLINE + MINUTE)
    assert {row.state for row in await town.rows("due-3")} == {"withdrawn"}


async def test_after_an_outage_only_the_last_reminder_counts(town):
    await town.hear(story.approved())
    await town.hear(story.opened(), at=OPENING)
    await town.tick(DEADLINE - HOUR)
    assert {row.rule for row in await town.rows() if row.rule.startswith("due")} == {"due-1"}


async def test_those_whom_one_tick_does_not_reach_are_reminded_by_the_next_each_once(town, monkeypatch):
    monkeypatch.setattr("services.notification.rounds.PER_TICK", 1)
    await town.hear(story.approved("xa"), story.approved("huyen"))
    await town.hear(story.opened(), at=OPENING)
    for minutes in range(3):
        await town.tick(DEADLINE - HOUR + minutes * MINUTE)
        assert len({row.unit for row in await town.rows("due-1")}) == min(minutes + 1, 2)
    await town.hear(story.missed("xa"), story.missed("huyen"), at=DEADLINE)
    for minutes in range(3):
        await town.tick(DEADLINE + DAY + minutes * MINUTE)
        assert await letters_about("overdue-superior", town) == min(minutes + 1, 2)


async def letters_about(rule, town):
    async with town.database.read() as session:
        return await session.scalar(select(func.count()).select_from(letters).where(letters.c.rule == rule))


async def test_a_missing_report_is_told_to_the_unit_then_a_day_later_to_its_superior(town):
    await town.hear(story.approved())
    await town.hear(story.missed(), at=DEADLINE)
    assert await town.who("overdue") == UNIT_ALL
    await town.tick(DEADLINE + DAY - MINUTE)
    assert await town.rows("overdue-superior") == []
    await town.tick(DEADLINE + DAY)
    assert await town.who("overdue-superior") == {("huyen.head", INBOX), ("huyen.head", MAIL)}
    await town.tick(DEADLINE + 2 * DAY)
    assert len(await town.rows("overdue-superior")) == 2


async def test_the_superior_is_not_told_when_the_report_came_within_the_day(town):
    await town.hear(story.missed(), at=DEADLINE)
    await town.hear(story.reported(), at=DEADLINE + HOUR)
    await town.tick(DEADLINE + 2 * DAY)
    assert await town.rows("overdue-superior") == []
    assert all(row.settled for row in await town.rows("overdue"))


async def test_a_warning_reaches_the_unit_at_once_its_superior_the_tick_after_and_nobody_else(town):
    await town.tick(OPENING)
    await town.hear(story.warned(), at=OPENING)
    assert await town.who("warning", state="delivered") == {("xa.clerk", INBOX), ("xa.head", INBOX)}
    assert {row.officer for row in await town.rows("warning")} == {"xa.clerk", "xa.head"}
    await town.tick(OPENING + MINUTE)
    assert await town.who("warning", state="delivered") == {("xa.clerk", INBOX), ("xa.head", INBOX), ("huyen.head", INBOX)}
    assert {row.officer for row in await town.rows("warning")} == {"xa.clerk", "xa.head", "huyen.head"}


async def test_a_warning_cleared_within_the_minute_never_reaches_the_superior(town):
    await town.hear(story.warned(), at=OPENING)
    await town.hear(story.cleared(), at=OPENING)
    await town.tick(OPENING + HOUR)
    assert await town.rows("warning", officer="huyen.head") == []


async def test_a_warning_heard_after_its_end_is_not_told_and_a_new_one_is(town):
    await town.hear(story.cleared(revision=2))
    await town.hear(story.warned(revision=1))
    assert await town.rows("warning") == []
    await town.hear(story.warned(revision=3))
    assert len(await town.rows("warning", audience="unit")) == 4


async def test_that_a_warning_reached_the_unit_is_said_once_per_letter_and_channel(town):
    await town.hear(story.warned(), at=OPENING)
    told = [(e["rule"], e["cause"], e["channel"], e["unit"]) for e in await said(town)]
    assert told == [("warning", "w1", "inbox", "xa")]


async def test_a_letter_for_a_unit_without_officers_waits_for_the_first_one(ear):
    await ear.hear(story.unit("xa", "huyen"), story.warned(), at=OPENING)
    assert await ear.rows("warning") == []
    await ear.hear(story.officer("xa.clerk", "xa", Role.CLERK), at=OPENING + DAY)
    assert await ear.who("warning") == CLERK_BOTH
    await ear.hear(story.officer("xa.head", "xa", Role.HEAD), at=OPENING + 2 * DAY)
    assert await ear.who("warning") == CLERK_BOTH, "who came when it had been received gets no old letters"


async def test_an_officer_appointed_before_the_letter_but_heard_after_it_gets_it(ear):
    await ear.hear(story.unit("xa", None), story.officer("xa.clerk", "xa", Role.CLERK), story.warned(), at=OPENING)
    await ear.hear(story.officer("xa.head", "xa", Role.HEAD), at=START)
    assert ("xa.head", INBOX) in await ear.who("warning")


async def test_a_letter_to_a_superior_that_is_not_known_yet_is_addressed_when_the_units_arrive(ear):
    await ear.hear(story.warned(), at=OPENING)
    await ear.hear(story.officer("huyen.head", "huyen", Role.HEAD), at=START)
    assert await ear.rows("warning") == []
    await ear.hear(story.unit("xa", "huyen"), at=START)
    await ear.tick(OPENING + MINUTE)
    assert await ear.who("warning") == {("huyen.head", INBOX), ("huyen.head", MAIL)}


async def test_an_officer_without_an_address_gets_no_e_mail(ear):
    await ear.hear(story.unit("xa", None), story.officer("xa.clerk", "xa", Role.CLERK, email=None), story.warned())
    assert await ear.who("warning") == {("xa.clerk", INBOX)}


async def test_what_is_queued_for_an_officer_who_is_disabled_or_has_moved_is_withdrawn(town):
    await town.hear(story.warned(), at=OPENING)
    await town.hear(OfficerDisabled(officer="xa.clerk", revision=2), at=OPENING)
    await town.hear(story.officer("xa.head", "huyen", Role.HEAD, revision=2), at=OPENING)
    left = {row.officer for row in await town.rows("warning", state="queued")}
    assert left == set()


async def test_without_a_mail_server_there_are_no_e_mails_and_what_was_queued_is_withdrawn(town):
    await town.hear(story.warned(), at=OPENING)
    async with town.database.write() as session:
        await use_cases.open_channel(session, Way.EMAIL, is_open=False)
    await town.hear(story.sent_back(), at=OPENING)
    assert {row.channel for row in await town.rows("registration-returned")} == {INBOX}
    assert {row.state for row in await town.rows("warning", channel=MAIL)} == {"withdrawn"}


async def test_a_discrepancy_goes_to_the_unit_and_the_secretary_and_a_decision_to_the_unit(town):
    numbers = {"reported": Decimal(10), "observed": Decimal("12.5")}
    about = {"campaign": CAMPAIGN, "discrepancy": "d1", "unit": "xa", "indicator": "i1", "round": "ky-1", "at": OPENING}
    await town.hear(DiscrepancyOpened(**about, **numbers, revision=1, client="kho-bac"), at=OPENING)
    await town.tick(OPENING)
    assert {row.officer for row in await town.rows("discrepancy")} == {"xa.clerk", "xa.head", "thu-ky"}
    await town.hear(DiscrepancyResolved(**about, revision=2, kept="partner", value=Decimal("12.5"), reason="Đối chiếu"), at=OPENING)
    assert await town.who("discrepancy-resolved") == {("xa.clerk", INBOX), ("xa.head", INBOX)}
    assert all(row.settled for row in await town.rows("discrepancy"))


async def test_a_front_runner_is_told_and_withdrawn_when_the_lead_is_lost(town):
    about = {"campaign": CAMPAIGN, "finding": "f1", "unit": "xa", "indicator": "i1", "at": OPENING}
    await town.hear(FrontRunnerFound(**about, revision=1, percent=Decimal(120), rounds=2), at=OPENING)
    await town.tick(OPENING)
    await town.hear(FrontRunnerLost(**about, revision=2), at=OPENING)
    states = {(row.officer, row.channel, row.state) for row in await town.rows("front-runner")}
    assert ("xa.clerk", MAIL, "withdrawn") in states
    assert ("thu-ky", INBOX, "delivered") in states


async def test_the_council_hears_that_the_ranking_is_ready(town):
    ranking = RankingFrozen(
        campaign=CAMPAIGN, revision=1, rules_version="1", campaign_version=1, ranking_hash="ab" * 32,
        clusters=(ClusterRanking(cluster="c", ranked=()),), decided_by="thu-ky", at=DEADLINE,
    )  # fmt: skip
    await town.hear(ranking, at=DEADLINE)
    assert {row.officer for row in await town.rows("ranking-ready")} == {"thu-ky", "chu-tich", "uy-vien"}


async def test_nothing_waits_any_more_once_the_movement_is_ranked(town):
    await town.hear(story.warned(), at=OPENING)
    await town.hear(CampaignAdvanced(campaign=CAMPAIGN, revision=5, phase=Phase.RANKED, at=OPENING), at=OPENING)
    await town.hear(story.warned("xa", warning="w2"), at=OPENING)
    assert await town.rows(state="waiting") == []
    async with town.database.read() as session:
        books = await use_cases.books(session, OPENING)
    assert books["created"] == len(await town.rows())
    assert books["created"] == sum(books[key] for key in ("delivered", "withdrawn", "failed")) + books["pending_due"]


async def test_an_event_heard_twice_under_two_ids_writes_no_second_letter(town):
    for _ in range(3):
        await town.hear(story.approved(), story.opened(), story.warned(), story.missed(), at=OPENING)
    async with town.database.read() as session:
        counted = await session.execute(select(letters.c.rule, letters.c.audience, func.count()).group_by(letters.c.rule, letters.c.audience))
        assert {count for *_, count in counted} == {1}
