"""What became of reports, counted by campaign, channel and outcome: of a movement nothing that a rehearsal or a partner's trial did."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
import pytest_asyncio
from prometheus_client.parser import text_string_to_metric_families as families
from prometheus_client.samples import Sample

from services.operation.sandbox import PREFIX
from services.reporting import submissions
from shared.database import Database
from shared.events.registration import CampaignPublished
from shared.events.reporting import ReportSubmitted
from shared.testing.fixtures import launched
from tests.reporting import world
from tests.reporting.desk import Desk, desk_of
from tests.reporting.test_api import body, post, value
from tests.reporting.test_kinds import may_say_all, message, report
from tests.reporting.test_pages import typed
from tests.reporting.world import COMMUNE, DEADLINE, OPENED, OTHER, arrive, clerk, head, hear, tick

NOW = OPENED + timedelta(days=2)
REHEARSAL = f"{PREFIX}{world.CODE}-1"
OF_OTHER = {"unit": {"scheme": "dinh-danh", "value": "H35.1.2"}}
Counts = dict[tuple[str, ...], float]


@pytest_asyncio.fixture
async def desk(app_of: Any) -> AsyncIterator[Desk]:
    async with desk_of(app_of("reporting"), NOW) as found:
        await samples(found)  # as Prometheus asks before anybody reports
        yield found


async def samples(desk: Desk) -> list[Sample]:
    answer = await desk.client.get("/reporting/metrics")
    return [sample for family in families(answer.text) for sample in family.samples]


async def counts(desk: Desk) -> Counts:
    """What was counted, by campaign, channel and outcome."""
    named = ("campaign", "channel", "outcome")
    return {tuple(s.labels[n] for n in named): s.value for s in await samples(desk) if s.name == "thidua_reports_total" and s.value}


async def test_what_comes_by_page_or_api_is_counted_under_its_campaign(desk: Desk) -> None:
    receipt = (await post(desk)).json()
    await post(desk)
    await post(desk, body(value(amount="x")))
    assert (await desk.send(clerk(OTHER), "/rounds/ky-1", typed())).status_code == 303
    assert (await desk.send(clerk(OTHER), "/rounds/ky-1", typed(revenue="x"))).status_code == 422
    returned = await desk.ask(head(), "POST", f"/api/reports/{receipt['report']}/return", json={"reason": "Số thu sai"})
    assert returned.status_code == 200, returned.text
    assert await counts(desk) == {
        (world.CODE, "api", "on_time"): 2, (world.CODE, "api", "refused"): 1, (world.CODE, "api", "returned"): 1,
        (world.CODE, "page", "on_time"): 1, (world.CODE, "page", "refused"): 1,
    }  # fmt: skip


async def test_a_report_that_comes_after_the_deadline_is_counted_as_late(desk: Desk) -> None:
    desk.at(DEADLINE + timedelta(minutes=5))
    assert (await post(desk)).status_code == 201
    assert await counts(desk) == {(world.CODE, "api", "late"): 1}


async def test_an_answer_given_again_to_a_program_that_lost_it_is_no_second_report(desk: Desk) -> None:
    who = clerk()
    for _ in range(2):
        assert (await post(desk, who=who, **{"idempotency-key": "k-1"})).status_code == 201
    assert await counts(desk) == {(world.CODE, "api", "on_time"): 1}


@pytest.mark.parametrize("named", ["khong-co-that", "x" * 60, "thu-nghiem~kho-bac-9", ["thu-nghiem"], 7, "đừng có tin"])
async def test_a_text_that_names_no_campaign_becomes_no_label(desk: Desk, named: Any) -> None:
    assert (await post(desk, body(campaign=named))).status_code in {404, 422}
    (key,) = await counts(desk)
    assert key in {("", "api", "refused"), (f"{world.CODE}~", "api", "refused")}


async def test_what_a_partner_hands_in_is_counted_and_its_trials_apart_under_one_label(desk: Desk) -> None:
    await may_say_all(desk.database)
    for number, (sandbox, data) in enumerate((
        (False, report()), (False, report(round="ky-9")), (False, report(campaign="khong-co-that")), (True, report()), (True, report(round="ky-9")),
    )):  # fmt: skip
        await arrive(desk.database, message(ReportSubmitted.TYPE, data, event=f"e-{number}", sandbox=sandbox), NOW)
    assert await counts(desk) == {
        (world.CODE, "partner", "on_time"): 1, (world.CODE, "partner", "refused"): 1,
        (f"{world.CODE}~", "partner", "on_time"): 1, (f"{world.CODE}~", "partner", "refused"): 1,
    }  # fmt: skip


async def test_what_was_undone_is_not_counted(desk: Desk) -> None:
    with pytest.raises(ZeroDivisionError):
        await fail_after_a_report(desk.database)
    async with desk.database.write() as session, session.undone():
        await submissions.submit(session, world.form(), clerk(), NOW)
    assert await counts(desk) == {}


async def fail_after_a_report(database: Database) -> None:
    async with database.write() as session:
        await submissions.submit(session, world.form(), clerk(), NOW)
        raise ZeroDivisionError


async def test_a_service_that_starts_again_knows_its_campaigns_before_it_is_asked(app_of: Any) -> None:
    """What waited for it is counted at once, and under its campaign."""
    async with desk_of(app_of("reporting"), NOW):
        pass
    again = app_of("reporting")
    async with launched(again):
        assert again.state.service.telemetry.campaigns.has(world.CODE)


async def rehearse(desk: Desk) -> None:
    """A rehearsal with the same units and rounds stands beside the movement."""
    of_rehearsal = {"campaign": REHEARSAL}
    definition = world.movement().model_copy(update={"code": REHEARSAL})
    facts = [e.model_copy(update=of_rehearsal) for e in (world.phase(world.Phase.RUNNING, 1), *world.taking_part(COMMUNE), *world.taking_part(OTHER))]
    await hear(desk.database, CampaignPublished(campaign=REHEARSAL, revision=1, definition=definition), *facts)
    await tick(desk.database, NOW)
    await samples(desk)


async def standing(desk: Desk) -> Counts:
    """What the alarm on silence before a deadline goes by: units on time, by campaign."""
    named = ("campaign", "round")
    return {tuple(s.labels[n] for n in named): s.value for s in await samples(desk) if s.name == "thidua_round_units" and s.labels["state"] == "on_time"}


async def test_a_rehearsals_reports_are_none_of_the_movements_in_any_figure(desk: Desk) -> None:
    """While a rehearsal runs, the movement's silence before a deadline is still silence."""
    await rehearse(desk)
    for changes in ({}, OF_OTHER):
        assert (await post(desk, body(campaign=REHEARSAL, **changes), clerk(OTHER if changes else COMMUNE))).status_code == 201
    assert await counts(desk) == {(REHEARSAL, "api", "on_time"): 2}
    assert await standing(desk) == {(REHEARSAL, "ky-1"): 2, (world.CODE, "ky-1"): 0}
    assert (await post(desk)).status_code == 201
    assert await standing(desk) == {(REHEARSAL, "ky-1"): 2, (world.CODE, "ky-1"): 1}

