"""From a figure, in two clicks, to the event that gave it: its partner, its receipt, its path, its trace."""

import json
import re
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest_asyncio

from shared.events.contract import inbound_types
from shared.events.registration import Role
from shared.events.reporting import ObservationAccepted, ReportAccepted, ReportSubmitted
from tests.reporting import world
from tests.reporting.desk import Desk, desk_of
from tests.reporting.test_door import KEY, STRUCTURED, admitted, post, sent, whole
from tests.reporting.test_kinds import report
from tests.reporting.world import COMMUNE, DEPARTMENT, DISBURSED, OPENED, OTHER, clerk, hear, observed, officer

NOW = OPENED + timedelta(days=2, hours=9)
AUDITOR = officer(DEPARTMENT, Role.AUDITOR)


@pytest_asyncio.fixture
async def desk(app_of) -> AsyncIterator[Desk]:
    async with desk_of(app_of("reporting"), NOW, ("kho-bac",)) as found:
        facts = {"revision": 2, "types": inbound_types(), "indicators": (world.REVENUE, world.DISBURSED)}
        await hear(found.database, admitted("kho-bac", KEY), world.treasury(**facts))
        yield found


def links(page: str, start: str) -> list[str]:
    return [path.removeprefix("/reporting") for path in re.findall(rf'href="(/reporting/{start}[^"]*)"', page)]


async def test_from_a_units_figures_two_clicks_lead_to_the_event_its_partner_receipt_and_path(desk: Desk) -> None:
    await sent(desk, json.dumps(whole("e-1", observed("30"))), content_type=STRUCTURED)
    await sent(desk, json.dumps(whole("e-2", observed("31"), time="2023-07-17T01:00:00Z")), content_type=STRUCTURED)
    unit = (await desk.see(AUDITOR, f"/fragments/units/{COMMUNE}")).text
    [first] = links(unit, "sources")
    sources = (await desk.see(AUDITOR, first)).text
    assert "INBOUND_kho-bac:1" in sources
    newest, _ = links(sources, "inbound/")
    page = (await desk.see(AUDITOR, newest)).text
    for words in ("INBOUND_kho-bac:2", "/reporting/partners/kho-bac", "e-2", "Đường đi qua các dịch vụ"):
        assert words in page
    ways = re.findall(r'hx-get="(/\w+/fragments/path/[0-9a-f]{32})"', page)
    assert [way.split("/")[1] for way in ways] == ["registration", "reporting", "evaluation", "notification"]
    path = (await desk.see(AUDITOR, ways[1].removeprefix("/reporting"))).text
    assert "inbound" in path
    assert ObservationAccepted.TYPE in path
    [event] = links(path, "events/")
    assert "observation" in (await desk.see(AUDITOR, event)).text


async def test_a_report_that_a_partner_handed_in_leads_back_to_its_event(desk: Desk) -> None:
    await sent(desk, json.dumps(whole("r-1", report(), type=ReportSubmitted.TYPE)), content_type=STRUCTURED)
    sources = (await desk.see(AUDITOR, f"/sources/{COMMUNE}/{DISBURSED}")).text
    [shown] = links(sources, "reports")
    assert links((await desk.see(AUDITOR, shown)).text, "sources")
    [event] = links(sources, "inbound/")
    page = (await desk.see(AUDITOR, event)).text
    trace = re.search(r"fragments/path/([0-9a-f]{32})", page)[1]
    assert ReportAccepted.TYPE in (await desk.see(AUDITOR, f"/fragments/path/{trace}")).text


async def test_a_trace_page_is_linked_where_one_is_configured(desk: Desk) -> None:
    desk.service.settings = desk.service.settings.model_copy(update={"trace_page": "https://traces.example/{trace_id}"})
    await sent(desk, json.dumps(whole("e-1", observed("30"))), content_type=STRUCTURED)
    [event] = links((await desk.see(AUDITOR, "/inbound")).text, "inbound/")
    assert re.search(r'href="https://traces.example/[0-9a-f]{32}"', (await desk.see(AUDITOR, event)).text)


async def test_a_unit_sees_the_sources_of_its_own_figures_but_not_the_events_nor_other_units(desk: Desk) -> None:
    await sent(desk, json.dumps(whole("e-1", observed("30"))), content_type=STRUCTURED)
    own = (await desk.see(clerk(COMMUNE), f"/sources/{COMMUNE}/{DISBURSED}")).text
    assert "kho-bac" in own
    assert links(own, "inbound/") == []
    assert (await desk.see(clerk(OTHER), f"/sources/{COMMUNE}/{DISBURSED}")).status_code == 404
    assert (await desk.see(clerk(COMMUNE), f"/fragments/path/{'0' * 32}")).status_code == 403
    assert (await desk.see(AUDITOR, "/fragments/path/x%25")).status_code == 404


async def test_a_refused_door_is_no_source(desk: Desk) -> None:
    assert (await post(desk, json.dumps(whole()), key="thidua.kho-bac.wrong", content_type=STRUCTURED)).status_code == 401
    assert "Chưa có số liệu nào." in (await desk.see(AUDITOR, f"/sources/{COMMUNE}/{DISBURSED}")).text
