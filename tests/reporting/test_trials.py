"""The sandbox: the whole road in a shadow of the campaign, and nothing of it in any official figure."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
import pytest_asyncio
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from services.reporting import ledger, measures, openings, paces, submissions, tried, waiting
from services.reporting.models import inbound, trial_scores, trials
from services.reporting.openings import OpeningForm
from shared import campaigns
from shared.database import Database
from shared.events.contract import inbound_types
from shared.events.evaluation import ScorePart, TrialScored
from shared.events.registration import Role
from shared.events.reporting import (
    EventRejected,
    IndicatorCorrected,
    ObservationAccepted,
    ReportAccepted,
    ReportSubmitted,
    TrialEnded,
    WorkProposed,
    WorkReported,
)
from shared.messages import NotFound
from shared.migrations import metadata_of
from shared.outbox import outbox
from shared.security import wall_now
from shared.shadows import CODE_LIMIT, is_shadow, original_of, shadow_of
from shared.testing.databases import fresh_database
from tests.reporting import world
from tests.reporting.desk import Desk, desk_of
from tests.reporting.sending import KEY, STRUCTURED, post, verdict, whole
from tests.reporting.sending import admitted as let_in
from tests.reporting.test_kinds import NOW, OBSERVED, admitted, may_say_all, message, progressed, report, rows, states
from tests.reporting.world import (
    COMMUNE,
    DEPARTMENT,
    OTHER,
    SECOND_DEADLINE,
    arrive,
    everything,
    hear,
    observed,
    officer,
    said,
    tick,
)

SHADOW = shadow_of(world.CODE, "kho-bac")
REPORT, CORRECTED = ReportSubmitted.TYPE, IndicatorCorrected.TYPE
OWNER, STRANGER = officer(DEPARTMENT, Role.CLERK), officer(COMMUNE, Role.CLERK)
EARNEST_COLUMNS = {"hash", "previous", "recorded", "sent", "position", "applied"}
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}")


def test_the_code_of_a_shadow_fits_where_a_campaigns_code_does_and_leads_back_to_it() -> None:
    for length, number in ((13, 1), (31, 1), (40, 3), (55, 12)):
        code = shadow_of("c" * length, "k" * 32, number)
        assert (len(code) <= CODE_LIMIT, is_shadow(code), original_of(code)) == (True, True, "c" * length)
        assert code not in {shadow_of("c" * length, "k" * 32, number + 1), shadow_of("c" * length, "j" * 32, number)}


async def try_out(database: Database, kind: str, data: dict[str, Any], event: str, **more: Any) -> None:
    await arrive(database, message(kind, data, event=event, sandbox=True, **more), NOW)


async def units_in(database: Database) -> dict[str, tried.Tried]:
    async with database.read() as session:
        return {one.unit: one for one in (await tried.of_client(session, "kho-bac", world.CODE, NOW)).units}


async def test_what_is_tried_out_goes_the_whole_way_in_the_shadow(movement: Database) -> None:
    await may_say_all(movement)
    for number, (kind, data) in enumerate(((OBSERVED, observed("30")), (REPORT, report()), (WorkReported.TYPE, progressed()))):
        await try_out(movement, kind, data, f"s-{number}")
    await try_out(movement, OBSERVED, observed("x"), "s-9")
    assert [row.state for row in await rows(movement)] == ["accepted", "accepted", "accepted", "rejected"]
    for kind in (ObservationAccepted, ReportAccepted, WorkProposed):
        assert [event.campaign for event in await said(movement, kind)] == [SHADOW]
    assert [(event.event, event.sandbox) for event in await said(movement, EventRejected)] == [("s-9", True)]
    one = (await units_in(movement))[COMMUNE]
    assert [(row.round, row.revision) for row in one.reports] == [("ky-1", 1)]
    assert [row.value for row in one.observed] == [Decimal(30)]
    assert [(row.reported, row.observed) for row in one.disputed] == [(Decimal(31), Decimal(30))], "compared within the shadow"


async def official(database: Database) -> dict[str, list[str]]:
    """Every row of reporting that is no trial, but for ids, instants of recording and the hashes that hold them."""
    found: dict[str, list[str]] = {}
    async with database.read() as session:
        tables = [table for metadata in metadata_of("reporting") for table in metadata.sorted_tables]
        shadows = {row.report for row in await session.execute(select(tables_named(tables, "reports"))) if is_shadow(row.campaign)}
        for table in tables:
            kept = [row._asdict() for row in await session.execute(select(table)) if not _is_trial(table.name, row._asdict(), shadows)]
            found[table.name] = sorted(UUID.sub("ID", repr({n: v for n, v in row.items() if n not in EARNEST_COLUMNS})) for row in kept)
    return found


def tables_named(tables: list[Any], name: str) -> Any:
    return next(table for table in tables if table.name == name)


def _is_trial(table: str, row: dict[str, Any], shadows: set[str]) -> bool:
    """What a trial may leave: rows of its shadow, the event itself, its pace, and the refusal that is told to the partner."""
    if table in {"trials", "trial_scores"} or is_shadow(row.get("campaign", "")) or row.get("report") in shadows:
        return True
    if table == "paces":
        return row["client"].startswith("sandbox:")
    if table == outbox.name and row["type"] == EventRejected.TYPE:
        return bool(json.loads(row["body"])["sandbox"])
    return bool(table == inbound.name and row["sandbox"])


Act = Callable[[Database], Awaitable[None]]


def submitted(**more: Any) -> Act:
    async def act(database: Database) -> None:
        async with database.write() as session:
            await submissions.submit(session, world.form(**more), world.clerk(more.get("unit", COMMUNE)), NOW)

    return act


def sent(kind: str, data: dict[str, Any], event: str, *, sandbox: bool = False, client: str = "kho-bac") -> Act:
    async def act(database: Database) -> None:
        await arrive(database, message(kind, data, event=event, client=client, sandbox=sandbox), NOW)

    return act


def ticked(minutes: int) -> Act:
    async def act(database: Database) -> None:
        await tick(database, NOW + timedelta(minutes=minutes))

    return act


async def closed(database: Database) -> None:
    await tick(database, SECOND_DEADLINE)


EARNEST: list[Act] = [
    ticked(0), submitted(), sent(OBSERVED, observed("31"), "e-1"), sent(REPORT, report(unit={"scheme": "dinh-danh", "value": "H35.1.2"}), "e-2"),
    sent(CORRECTED, {"campaign": world.CODE, "replaces": "e-1", "value": "29", "unit_of_measure": "phan-tram"}, "e-3"),
    sent(OBSERVED, observed("x"), "e-4"), sent(OBSERVED, observed("33"), "e-1"), submitted(given=world.figures("22", "29")), ticked(1), closed,
]  # fmt: skip
OTHERS = {"scheme": "dinh-danh", "value": "H35.1.2"}
TRIED: list[Act] = [
    sent(OBSERVED, observed("31"), "e-1", sandbox=True), sent(OBSERVED, observed("12"), "s-1", sandbox=True),
    sent(REPORT, report(), "s-2", sandbox=True), sent(REPORT, report(unit=OTHERS), "s-3", sandbox=True),
    sent(CORRECTED, {"campaign": world.CODE, "replaces": "s-1", "value": "9", "unit_of_measure": "phan-tram"}, "s-4", sandbox=True),
    sent(OBSERVED, observed("x"), "s-5", sandbox=True), sent(OBSERVED, observed("13"), "s-1", sandbox=True),
    sent(WorkReported.TYPE, progressed(), "s-6", sandbox=True), sent(OBSERVED, observed("30", campaign="nowhere"), "s-7", sandbox=True),
    sent(OBSERVED, observed("30", campaign=SHADOW), "s-8", sandbox=True), sent(REPORT, report(round="ky-2"), "s-9", sandbox=True),
]  # fmt: skip


async def played(kind: str, acts: list[Act]) -> dict[str, list[str]]:
    async with fresh_database("reporting", kind) as database:
        await hear(database, *everything(), admitted(quota=6))
        await may_say_all(database)
        for act in acts:
            await act(database)
        return await official(database)


@st.composite
def mixed(draw: st.DrawFn) -> list[Act]:
    """The official story with trials in between, in any order, some more than once."""
    story: list[Act] = list(EARNEST)
    for one in draw(st.lists(st.sampled_from(TRIED), min_size=3, max_size=14)):
        story.insert(draw(st.integers(0, len(story))), one)
    return story


FAST: dict[str, Any] = {"deadline": None, "suppress_health_check": list(HealthCheck), "phases": [Phase.explicit, Phase.reuse, Phase.generate]}
_EXPECTED: dict[str, dict[str, list[str]]] = {}


async def expected(kind: str) -> dict[str, list[str]]:
    if kind not in _EXPECTED:
        _EXPECTED[kind] = await played(kind, EARNEST)
    return _EXPECTED[kind]


@settings(max_examples=25, **FAST)
@given(mixed())
async def test_every_official_row_and_event_is_the_same_with_and_without_trials(story: list[Act]) -> None:
    assert await played("sqlite", story) == await expected("sqlite")


@settings(max_examples=4, **FAST)
@given(mixed())
async def test_every_official_row_and_event_is_the_same_with_and_without_trials_on_postgresql(story: list[Act]) -> None:
    assert await played("postgres", story) == await expected("postgres")


async def test_the_comparison_sees_what_it_should_see() -> None:
    """The property would mean little if the comparison saw nothing."""
    found = await expected("sqlite")
    assert {name: len(found[name]) for name in ("reports", "report_versions", "observations", "inbound_events")} == {
        "reports": 2, "report_versions": 3, "observations": 2, "inbound_events": 5,
    }  # fmt: skip
    assert found["audit"]
    assert any("discrepancy.opened" in row for row in found["outbox"])
    assert await played("sqlite", [*EARNEST[:-1], sent(OBSERVED, observed("77"), "e-9"), closed]) != found


async def test_a_correction_cites_its_own_side(movement: Database) -> None:
    await may_say_all(movement)
    await try_out(movement, OBSERVED, observed("30"), "s-1")
    await arrive(movement, message(OBSERVED, observed("40"), event="e-1"), NOW)
    again = {"campaign": world.CODE, "value": "31", "unit_of_measure": "phan-tram"}
    await try_out(movement, CORRECTED, again | {"replaces": "s-1"}, "s-2")
    await try_out(movement, CORRECTED, again | {"replaces": "e-1"}, "s-3")
    await arrive(movement, message(CORRECTED, again | {"replaces": "s-1"}, event="e-2"), NOW)
    found = {row.event: row for row in await rows(movement)}
    assert {event: row.state for event, row in found.items()} == {
        "s-1": "accepted", "e-1": "accepted", "s-2": "accepted", "s-3": "rejected", "e-2": "rejected",
    }  # fmt: skip
    assert found["s-1"].superseded_by == found["s-2"].id
    assert found["e-1"].superseded_by is None
    assert [row.value for row in (await units_in(movement))[COMMUNE].observed] == [Decimal(31)]


async def test_trials_are_counted_on_an_account_of_their_own_and_refused_beyond_the_quota(movement: Database) -> None:
    """In the stream they would hold up what is said in earnest, and take from its room."""
    await hear(movement, admitted(quota=2))
    for number in range(4):
        await try_out(movement, OBSERVED, observed(str(30 + number)), f"s-{number}")
    assert await states(movement) == ["accepted", "accepted", "rejected", "rejected"]
    assert {fault.field for event in await said(movement, EventRejected) for fault in event.faults} == {""}
    async with movement.read() as session:
        assert await paces.room(session, "kho-bac", NOW) == 2
    await arrive(movement, message(OBSERVED, observed("30"), event="e-1"), NOW)
    async with movement.read() as session:
        assert await paces.room(session, "kho-bac", NOW) == 1
    await arrive(movement, message(OBSERVED, observed("32"), event="s-2", sandbox=True), NOW + timedelta(minutes=1))
    assert (await states(movement))[-1] == "accepted"


async def test_trials_that_wait_for_a_campaign_take_no_place_from_what_waits_in_earnest(movement: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "LIMIT", 2)
    for number in range(3):
        await try_out(movement, OBSERVED, observed("30", campaign="nowhere"), f"s-{number}")
    await arrive(movement, message(OBSERVED, observed("30", campaign="nowhere"), event="e-1"), NOW)
    assert await states(movement) == ["waiting", "waiting", "rejected", "waiting"]


@pytest.mark.parametrize("sandbox", [False, True])
async def test_nobody_names_a_shadow_neither_ones_own_nor_anothers(movement: Database, sandbox: bool) -> None:
    await hear(movement, world.treasury(client="thue"))
    for number, campaign in enumerate((SHADOW, shadow_of(world.CODE, "thue"))):
        await arrive(movement, message(OBSERVED, observed("30", campaign=campaign), event=f"x-{number}", sandbox=sandbox), NOW)
    assert await states(movement) == ["rejected", "rejected"]
    assert [fault.field for event in await said(movement, EventRejected) for fault in event.faults] == ["campaign", "campaign"]


async def test_each_partner_has_a_shadow_of_its_own(movement: Database) -> None:
    await hear(movement, world.treasury(client="thue"))
    await try_out(movement, OBSERVED, observed("30"), "s-1", client="thue")
    assert await units_in(movement) == {}


async def test_a_unit_reports_in_the_shadow_though_it_has_its_own_report_and_what_opens_a_round_opens_it_there(movement: Database) -> None:
    """The shadow holds who takes part, targets and openings as in earnest, and only those reports that were tried out."""
    await may_say_all(movement)
    async with movement.write() as session:
        await submissions.submit(session, world.form(), world.clerk(), NOW)
    late = world.local(30, 11)
    await arrive(movement, message(REPORT, report(), event="s-1", sandbox=True), late)
    async with movement.write() as session:
        campaign = await campaigns.find(session, world.CODE)
        form = OpeningForm(campaign, COMMUNE, campaign.rounds[0], late + timedelta(days=2), "QĐ 12")
        await openings.open_for(session, form, world.secretary(), late)
    await arrive(movement, message(REPORT, report(), event="s-2", sandbox=True), late + timedelta(days=1))
    await arrive(movement, message(REPORT, report(), event="e-1"), late + timedelta(days=1))
    assert {row.event: row.state for row in await rows(movement)} == {"s-1": "rejected", "s-2": "accepted", "e-1": "rejected"}


async def test_nobody_acts_in_a_shadow_by_naming_it_or_what_is_in_it(movement: Database) -> None:
    async with movement.read() as session:
        assert (await campaigns.known(session, SHADOW)).code == SHADOW
        assert SHADOW not in {campaign.code for campaign in await campaigns.listed(session)}
        with pytest.raises(NotFound):
            await campaigns.find(session, SHADOW)


def scored(revision: int, score: str) -> TrialScored:
    part = ScorePart(criterion="c", assigned=True, points=Decimal(score), max_points=Decimal(100))
    return TrialScored(campaign=SHADOW, unit=COMMUNE, cluster="cum-1", revision=revision, score=Decimal(score), grade=None, parts=(part,))


async def test_of_the_scores_that_evaluation_tells_the_newest_is_shown(movement: Database) -> None:
    await may_say_all(movement)
    await try_out(movement, REPORT, report(), "s-1")
    assert (await units_in(movement))[COMMUNE].score is None
    await hear(movement, scored(2, "70"), scored(1, "60"))
    assert (await units_in(movement))[COMMUNE].score.score == Decimal(70)


async def test_a_sandbox_is_emptied_after_its_time_and_the_next_one_is_another(movement: Database) -> None:
    await may_say_all(movement)
    await try_out(movement, REPORT, report(), "s-1")
    await hear(movement, scored(1, "70"))
    await arrive(movement, message(OBSERVED, observed("30"), event="e-1"), NOW)
    before = await official(movement)
    await tick(movement, NOW + timedelta(days=29))
    assert COMMUNE in await units_in(movement)
    await tick(movement, NOW + timedelta(days=30))
    assert await units_in(movement) == {}
    assert [(row.event, row.state, row.trial) for row in await rows(movement)] == [("s-1", "accepted", 1), ("e-1", "accepted", None)]
    [ended] = await said(movement, TrialEnded)
    assert (ended.campaign, ended.client) == (SHADOW, "kho-bac")
    after = await official(movement)
    assert all(after[name] == before[name] for name in ("reports", "observations", "inbound_events", "audit"))
    await hear(movement, scored(2, "71"))
    async with movement.read() as session:
        assert (await session.execute(select(trial_scores))).all() == [], "what evaluation says late is let go"
    await try_out(movement, REPORT, report(), "s-1")
    assert [event.campaign for event in await said(movement, ReportAccepted)] == [SHADOW, shadow_of(world.CODE, "kho-bac", 2)]
    async with movement.read() as session:
        assert [(row.client, row.number, row.begun_at) for row in await session.execute(select(trials))] == [("kho-bac", 2, NOW)]


async def test_a_trial_enters_no_count_of_the_books(movement: Database) -> None:
    await may_say_all(movement)
    await try_out(movement, REPORT, report(), "s-1")
    async with movement.read() as session:
        assert (await ledger.counts(session))["received"] == 0


@pytest_asyncio.fixture
async def desk(app_of: Any) -> AsyncIterator[Desk]:
    async with desk_of(app_of("reporting"), NOW, ("kho-bac",)) as found:
        await hear(found.database, let_in("kho-bac", KEY), world.treasury(revision=2, indicators=(world.REVENUE, world.DISBURSED), types=inbound_types()))
        yield found


async def through_the_door(desk: Desk, data: dict[str, Any], kind: str, event: str = "s-1") -> str:
    answer = await post(desk, json.dumps(whole(event, data, type=kind)), path="sandbox/events", content_type=STRUCTURED)
    return str((await verdict(desk, answer.json()["events"][0]))["state"])


async def test_the_page_says_that_it_is_a_trial_and_what_became_of_it(desk: Desk) -> None:
    assert "Chưa có gì được gửi thử." in (await desk.see(OWNER, "/partners/kho-bac/sandbox")).text
    assert await through_the_door(desk, report(), REPORT) == "accepted"
    assert await through_the_door(desk, observed("x"), OBSERVED, "s-2") == "rejected"
    page = (await desk.see(OWNER, "/partners/kho-bac/sandbox")).text
    for words in ("“x” không phải là số.", "không vào báo cáo, điểm, xếp hạng", "Đơn vị H35.1.1", "Đang chờ chấm", "Báo cáo thay đơn vị", "s-1"):
        assert words in page
    await hear(desk.database, scored(1, "71.25"))
    page = (await desk.see(OWNER, "/partners/kho-bac/sandbox", "en")).text
    assert "71.25" in page
    units, events = page.split('<table class="cards">')[1:3]
    first = (await rows(desk.database))[0]
    assert units.count(f'href="/reporting/inbound/{first.id}"') == 2, "the report and the score lead to the event that gave them"
    assert re.search(r"<li>(<code>.*?</code>: )?“x”|<li><code>value</code>", events), "faults are a list"
    assert "This is only a trial by a partner system" in page
    row = (await rows(desk.database))[0]
    assert "không vào báo cáo, điểm, xếp hạng" in (await desk.see(officer(DEPARTMENT, Role.OPERATOR), f"/inbound/{row.id}")).text


async def test_the_unit_that_answers_for_a_system_begins_its_sandbox_anew_and_nobody_else_does(desk: Desk) -> None:
    await through_the_door(desk, report(), REPORT)
    path = "/partners/kho-bac/sandbox"
    page = (await desk.see(OWNER, path)).text
    assert '<button class="danger">' not in re.sub(r"<details.*?</details>", "", page, flags=re.DOTALL), "it takes a second deliberate step"
    assert '<button class="danger">' in page
    assert (await desk.see(STRANGER, path)).status_code == 404
    assert (await desk.send(STRANGER, path, {})).status_code == 404
    assert (await desk.send(officer(COMMUNE, Role.AUDITOR), path, {})).status_code == 403
    assert COMMUNE in await units_in(desk.database)
    assert (await desk.send(OWNER, path, {})).status_code == 303
    assert await units_in(desk.database) == {}
    assert await through_the_door(desk, report(), REPORT) == "accepted", "its id is free again"


async def test_a_partner_asks_what_became_of_its_trials_and_begins_anew_by_its_key(desk: Desk) -> None:
    await through_the_door(desk, report(), REPORT)
    await hear(desk.database, scored(1, "71.25"))
    bearer = {"authorization": f"Bearer {KEY}"}
    found = (await desk.client.get("/reporting/api/sandbox", headers=bearer)).json()
    [unit] = found["units"]
    assert (found["campaign"], unit["unit"], unit["score"]["score"], unit["reports"][0]["round"]) == (world.CODE, COMMUNE, "71.25", "ky-1")
    assert (await desk.client.delete("/reporting/api/sandbox", headers=bearer)).json()["units"] == []
    assert (await desk.client.get("/reporting/api/sandbox")).status_code == 401


async def test_no_page_or_program_reaches_a_report_or_a_campaign_that_is_only_tried_out(desk: Desk) -> None:
    await through_the_door(desk, report(), REPORT)
    tried_out = (await units_in(desk.database))[COMMUNE].reports[0].report
    clerk, head = officer(COMMUNE, Role.CLERK), world.head()
    assert (await desk.see(clerk, f"/reports/{tried_out}")).status_code == 404
    assert (await desk.ask(clerk, "GET", f"/api/reports/{tried_out}")).status_code == 404
    assert (await desk.ask(head, "POST", f"/api/reports/{tried_out}/return", json={"reason": "x", "notes": {}})).status_code == 404
    assert (await desk.ask(clerk, "GET", f"/api/reports?campaign={SHADOW}")).status_code == 404
    values = {"campaign": SHADOW, "unit": COMMUNE, "round": "ky-1", "values": report()["values"]}
    assert (await desk.ask(clerk, "POST", "/api/reports", json=values)).status_code == 404
    assert (await desk.ask(clerk, "GET", "/api/reports")).json() == []
    for path in ("due", "completeness", "discrepancies", f"sources/{COMMUNE}/{world.DISBURSED}"):
        assert (await desk.see(world.secretary(), f"/{path}?campaign={SHADOW}")).status_code in {403, 404}
    assert OTHER not in await units_in(desk.database)


async def test_what_is_measured_of_a_partner_counts_no_trial(desk: Desk) -> None:
    """Whoever tries out every day and sends nothing in earnest is silent."""
    telemetry = desk.service.telemetry

    async def measured() -> tuple[float, dict[str, float]]:
        await measures.partners(desk.service)
        last_day = {sample.labels["outcome"]: sample.value for metric in telemetry.partner_events.collect() for sample in metric.samples}
        return telemetry.partner_heard.labels("kho-bac")._value.get(), last_day

    await through_the_door(desk, report(), REPORT)
    assert await measured() == (0, {})
    began = wall_now().timestamp()
    answer = await post(desk, json.dumps(whole("e-1", observed("30"))), content_type=STRUCTURED)
    assert (await verdict(desk, answer.json()["events"][0]))["state"] == "accepted"
    heard, last_day = await measured()
    assert began - 1 < heard <= wall_now().timestamp()
    assert last_day == {"accepted": 1}


async def test_trials_beyond_the_quota_hold_up_nothing_that_is_said_in_earnest(desk: Desk) -> None:
    await hear(desk.database, let_in("kho-bac", KEY, revision=2, quota=3))
    jetstream = desk.service.jetstream
    for number in range(12):
        one = message(OBSERVED, observed(str(30 + number)), event=f"s-{number}", sandbox=True)
        await jetstream.publish(one.subject, one.body, headers=one.headers)
    last = message(OBSERVED, observed("30"), event="e-1")
    await jetstream.publish(last.subject, last.body, headers=last.headers)
    async with asyncio.timeout(60):
        while len(found := await rows(desk.database)) < 13:
            await asyncio.sleep(0.02)
    assert {row.event: row.state for row in found}["e-1"] == "accepted"
    assert [row.state for row in found if row.sandbox].count("accepted") == 3
