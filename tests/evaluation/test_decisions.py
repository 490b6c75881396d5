"""What people decide: holds, rubric levels, bonus and penalty points, the freeze. On SQLite and PostgreSQL."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from nats.aio.msg import Msg
from sqlalchemy import select

from services.evaluation import council, freezes, holds, rankings, scores, subscribers
from shared import audit, campaigns, deadletters
from shared.events.campaign import Phase
from shared.events.evaluation import RankingFrozen
from shared.events.registration import Role
from shared.messages import Conflict, Forbidden, NotFound, Refused
from shared.outbox import outbox
from tests.evaluation.conftest import ROUNDS_CLOSED, officer
from tests.evaluation.making import (
    CODE,
    COMMUNES,
    DISTRICT,
    NOW,
    advanced,
    campaign,
    closed,
    commits,
    hear,
    missed,
    published,
    reports,
)

ONE, TWO = COMMUNES[:2]
SECRETARY, MEMBER, CHAIR = officer(Role.SECRETARY), officer(Role.MEMBER), officer(Role.CHAIR)


async def score(database: Any, unit: str) -> Any:
    async with database.read() as session:
        return await scores.of_unit(session, CODE, unit)


async def said(database: Any, kind: str) -> list[Any]:
    async with database.read() as session:
        return list(await session.scalars(select(outbox.c.body).where(outbox.c.type == f"evaluation.{kind}.v1").order_by(outbox.c.position)))


async def no_lag() -> dict[str, int]:
    return {"REPORTING/evaluation": 0}


async def place(database: Any, **more: Any) -> str:
    async with database.write() as session:
        return await holds.place(session, SECRETARY, holds.HoldForm(CODE, ONE, "Đang thanh tra", **more), NOW)


async def test_a_hold_keeps_the_score_takes_the_rank_and_is_lifted_by_a_conclusion(database):
    before = await score(database, ONE)
    hold = await place(database)
    assert (await score(database, ONE)).on_hold
    assert (await score(database, ONE)).score == before.score
    async with database.read() as session:
        ranking = (await rankings.current(session, await campaigns.find(session, CODE)))[0]
    assert {p.unit: p.rank for p in ranking.ranked} == {ONE: None, TWO: 1, COMMUNES[2]: 1, COMMUNES[3]: 3}
    async with database.write() as session:
        await holds.lift(session, CHAIR, hold, "Không có vi phạm", NOW)
    assert not (await score(database, ONE)).on_hold
    assert len(await said(database, "hold.placed")) == len(await said(database, "hold.lifted")) == 1
    async with database.read() as session:
        assert await audit.verify(session) == (2, None)
        assert [row.action for row in await audit.listed(session)] == ["hold.lifted", "hold.placed"]


async def test_a_unit_is_held_once_and_a_hold_ends_once(lite):
    hold = await place(lite)
    with pytest.raises(Conflict):
        await place(lite)
    async with lite.write() as session:
        await holds.lift(session, CHAIR, hold, "Xong", NOW)
    with pytest.raises(Conflict):
        async with lite.write() as session:
            await holds.lift(session, CHAIR, hold, "Xong", NOW)
    with pytest.raises(NotFound):
        async with lite.write() as session:
            await holds.lift(session, CHAIR, "no-such-hold", "Xong", NOW)


async def test_a_hold_expires_by_the_clock_after_its_last_day(database):
    await place(database, expires_on=date(2023, 8, 10))
    async with database.write() as session:
        await subscribers.on_tick(session, datetime(2023, 8, 10, 16, 59, tzinfo=UTC), NOW)  # 23:59 in Lai Châu
    assert (await score(database, ONE)).on_hold
    async with database.write() as session:
        await subscribers.on_tick(session, datetime(2023, 8, 13, tzinfo=UTC), NOW)
    assert not (await score(database, ONE)).on_hold
    lifted = await said(database, "hold.lifted")
    assert len(lifted) == 1
    assert "2023-08-10T17:00:00Z" in lifted[0] or "2023-08-11T00:00:00+07:00" in lifted[0], "ended with its last day, not with the tick"
    async with database.write() as session:
        await subscribers.on_tick(session, datetime(2023, 8, 14, tzinfo=UTC), NOW)
    assert len(await said(database, "hold.lifted")) == 1


@pytest.mark.parametrize(
    ("who", "form", "error"),
    [
        (MEMBER, holds.HoldForm(CODE, ONE, "vì"), Forbidden),
        (officer(Role.HEAD, unit=DISTRICT), holds.HoldForm(CODE, ONE, "vì"), Forbidden),
        (officer(Role.SECRETARY, unit=ONE), holds.HoldForm(CODE, ONE, "vì"), Refused),
        (SECRETARY, holds.HoldForm(CODE, "unknown", "vì"), NotFound),
        (SECRETARY, holds.HoldForm("unknown", ONE, "vì"), NotFound),
        (SECRETARY, holds.HoldForm(CODE, ONE, "  "), Refused),
        (SECRETARY, holds.HoldForm(CODE, ONE, "x" * 2001), Refused),
        (SECRETARY, holds.HoldForm(CODE, ONE, "vì", date(2023, 7, 31)), Refused),
    ],
)
async def test_a_hold_that_may_not_be_placed_changes_nothing(lite, who, form, error):
    with pytest.raises(error):
        async with lite.write() as session:
            await holds.place(session, who, form, NOW)
    assert await said(lite, "hold.placed") == []
    assert not (await score(lite, ONE)).on_hold


async def test_who_places_no_holds_lifts_none(lite):
    hold = await place(lite)
    for who in (MEMBER, officer(Role.HEAD, unit=DISTRICT), officer(Role.OPERATOR)):
        with pytest.raises(Forbidden):
            async with lite.write() as session:
                await holds.lift(session, who, hold, "Xong", NOW)
    assert (await score(lite, ONE)).on_hold


async def enter(database: Any, who: Any, criterion: str, value: Any) -> int:
    entry = council.Entry(CODE, ONE, criterion, "Theo biên bản họp")
    async with database.write() as session:
        if isinstance(value, Decimal):
            return await council.enter_points(session, who, entry, value, NOW)
        return await council.enter_level(session, who, entry, value, NOW)


async def test_a_rubric_level_is_scored_and_the_newest_entry_counts(database):
    before = (await score(database, ONE)).score
    assert await enter(database, MEMBER, "lead", "good") == 1
    assert await enter(database, SECRETARY, "lead", "good") == 2
    after = await score(database, ONE)
    assert after.score > before
    assert next(line for line in after.lines if line["criterion"] == "lead")["points"] == "3"
    assert len(await said(database, "rubric.entered")) == 2


@pytest.mark.parametrize(("criterion", "value"), [("lead", "good"), ("models", Decimal(1))])
async def test_the_council_alone_enters_levels_and_points(lite, criterion, value):
    for who in (CHAIR, officer(Role.HEAD, unit=DISTRICT), officer(Role.OPERATOR)):
        with pytest.raises(Forbidden):
            await enter(lite, who, criterion, value)
    assert await said(lite, "rubric.entered") == await said(lite, "adjustment.entered") == []


async def test_bonus_and_penalty_points_count_and_can_be_taken_back(database):
    before = (await score(database, ONE)).score
    await enter(database, MEMBER, "models", Decimal("2.5"))
    await enter(database, MEMBER, "breach", Decimal("1.25"))
    assert (await score(database, ONE)).score == before + Decimal("1.25")
    assert await enter(database, MEMBER, "breach", Decimal(0)) == 2
    assert (await score(database, ONE)).score == before + Decimal("2.5")


@pytest.mark.parametrize(
    ("who", "criterion", "value", "field"),
    [
        (MEMBER, "lead", "excellent", "level"), (MEMBER, "models", "good", "criterion"), (MEMBER, "lead", Decimal(1), "criterion"),
        (MEMBER, "none", "good", "criterion"), (MEMBER, "models", Decimal(6), "points"), (MEMBER, "models", Decimal(-1), "points"),
        (MEMBER, "models", Decimal("NaN"), "points"), (MEMBER, "models", Decimal("1.255"), "points"),
        (CHAIR, "lead", "good", ""), (officer(Role.MEMBER, unit=ONE), "lead", "good", "unit"),
    ],
)
async def test_an_entry_that_does_not_fit_the_sheet_or_the_role_is_refused(lite, who, criterion, value, field):
    with pytest.raises(Refused) as refused:
        await enter(lite, who, criterion, value)
    assert refused.value.faults[0].field == field
    assert refused.value.faults[0].render("vi")


async def freeze(database: Any, who: Any = CHAIR, lag: Any = no_lag) -> Any:
    return await freezes.freeze(database, who, CODE, NOW, lag=lag)


async def test_the_freeze_keeps_ranks_hash_and_versions_and_closes_the_door(database):
    await hear(database, *ROUNDS_CLOSED, advanced(Phase.REVIEWING))
    frozen = await freeze(database)
    ranks = {p.unit: (p.rank, p.tied) for cluster in frozen.clusters for p in cluster.ranked}
    assert ranks == {ONE: (1, False), TWO: (2, True), COMMUNES[2]: (2, True), COMMUNES[3]: (4, False), DISTRICT: (None, False)}
    assert (frozen.campaign_version, frozen.rules_version, len(frozen.ranking_hash)) == (1, "2023.2", 64)
    assert {p.report_revision for p in frozen.clusters[0].ranked} == {1}
    await hear(database, reports(TWO, "r2", disbursed="100"))
    async with database.read() as session:
        digest, clusters = await rankings.in_force(session, await campaigns.find(session, CODE))
    assert (digest, clusters) == (frozen.ranking_hash, frozen.clusters), "a later figure does not move a frozen ranking"
    for attempt in (freeze(database), place(database), enter(database, MEMBER, "lead", "good")):
        with pytest.raises(Conflict):
            await attempt


async def test_a_ranking_larger_than_a_message_is_told_without_its_places_and_kept_with_them(lite, monkeypatch):
    await hear(lite, *ROUNDS_CLOSED, advanced(Phase.REVIEWING))
    monkeypatch.setattr("shared.outbox.LARGEST", 700)
    frozen = await freeze(lite)
    told = RankingFrozen.model_validate_json((await said(lite, "ranking.frozen"))[0])
    assert told == frozen.model_copy(update={"clusters": told.clusters})
    assert [(each.cluster, each.ranked) for each in told.clusters] == [("communes", ()), ("districts", ())]
    async with lite.read() as session:
        assert await rankings.in_force(session, await campaigns.find(session, CODE)) == (frozen.ranking_hash, frozen.clusters)


@pytest.mark.parametrize(
    ("heard", "lag"),
    [
        ((*ROUNDS_CLOSED, advanced(Phase.RUNNING)), 0),
        ((*ROUNDS_CLOSED[:2], advanced(Phase.CLOSED)), 0),
        ((closed("r1", missing=1), *ROUNDS_CLOSED[1:], advanced(Phase.CLOSED)), 0),
        ((*ROUNDS_CLOSED, advanced(Phase.CLOSED)), 3),
    ],
    ids=["still running", "a round is open", "a missed report is not heard yet", "events wait"],
)
async def test_the_freeze_waits_for_everything_that_it_rests_on(lite, monkeypatch, heard, lag):
    monkeypatch.setattr(freezes, "PAUSE_SECONDS", 0.001)

    async def waiting() -> dict[str, int]:
        return {"REPORTING/evaluation": lag}

    await hear(lite, *heard)
    with pytest.raises(Conflict) as refused:
        await freeze(lite, lag=waiting)
    assert len(refused.value.faults) == 1
    assert await said(lite, "ranking.frozen") == []


async def test_the_council_is_told_before_a_freeze_of_events_that_could_not_be_applied(lite):
    """They have no effect on any score; whether one of them matters is for people to find out."""
    async with lite.write() as session:
        await deadletters.keep(session, Msg(_client=None, subject="reporting.report.accepted.v1", data=b"x"), "ValueError", 8)
    async with lite.read() as session:
        told = await freezes.preconditions(session, await campaigns.find(session, CODE), 0)
    assert [(p.text.en, p.left) for p in told if not p.met and not p.binding] == [
        ("The council has entered every rubric", 5), ("No event was left aside as a dead letter", 1),
    ]  # fmt: skip


async def test_a_missed_report_that_was_heard_lets_the_freeze_pass(database):
    await hear(database, closed("r1", missing=1), *ROUNDS_CLOSED[1:], advanced(Phase.CLOSED), missed(DISTRICT, "r1"))
    assert (await freeze(database)).revision == 1


async def test_a_reader_in_whose_time_a_campaign_got_a_new_version_has_the_one_it_began_with_or_the_new_one(database, monkeypatch):
    """A process that has just started has parsed none yet, and the version it first read of is not there any more."""
    monkeypatch.setattr(campaigns, "_parsed", {})
    async with database.read() as session:
        await campaigns.known(session, CODE)
        await hear(database, published(campaign(version=2)))
        campaigns._parsed.clear()
        assert (await campaigns.find(session, CODE)).version in {1, 2}


async def test_only_secretary_and_chair_freeze(lite):
    for who in (MEMBER, officer(Role.HEAD, unit=ONE), officer(Role.OPERATOR)):
        with pytest.raises(Forbidden):
            await freeze(lite, who)


async def test_scores_are_told_only_when_they_changed(database):
    told = len(await said(database, "score.changed"))
    await hear(database, reports(ONE, "r1", disbursed="100"))
    assert len(await said(database, "score.changed")) == told, "the same revision again says nothing new"
    await hear(database, reports(ONE, "r1", 2, disbursed="70"))
    assert len(await said(database, "score.changed")) == told + 1


async def test_a_warning_is_raised_once_cleared_by_the_pace_and_a_lead_is_lost_again(database):
    four = COMMUNES[3]
    assert len(await said(database, "warning.raised")) == 1, "only the unit at 10 % is warned"
    await hear(database, reports(four, "r2", disbursed="85"))
    assert (len(await said(database, "warning.raised")), len(await said(database, "warning.cleared"))) == (1, 0)
    await hear(database, reports(four, "r2", 2, disbursed="120"))
    assert len(await said(database, "warning.cleared")) == 1
    await hear(database, reports(four, "r3", disbursed="120"))
    assert len(await said(database, "front-runner.found")) == 1
    await hear(database, reports(four, "r3", 2, disbursed="100"))
    assert len(await said(database, "front-runner.lost")) == 1


async def test_nobody_leads_where_a_level_is_only_to_be_kept(lite):
    await hear(lite, commits(ONE, "forest", "50", "50"), *(reports(ONE, code, 9, disbursed="100", forest="80") for code in ("r1", "r2", "r3")))
    assert await said(lite, "front-runner.found") == []


async def test_history_keeps_every_score_with_the_event_that_changed_it(lite):
    await hear(lite, reports(ONE, "r2", disbursed="70"))
    async with lite.read() as session:
        history = await scores.history_of(session, CODE, ONE)
    assert [row.revision for row in history] == list(range(1, len(history) + 1))
    assert history[-1].score < history[-2].score
    assert all(row.cause for row in history)


def test_a_hold_ends_at_midnight_in_lai_chau():
    assert holds._end_of(date(2023, 8, 10)) - timedelta(hours=17) == datetime(2023, 8, 10, tzinfo=UTC)
