"""From a figure, in two clicks, to the event that gave it: its partner, its receipt, its path, its trace."""

import json
import re
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
import pytest_asyncio
from sqlalchemy import text

from shared.database import Database, add
from shared.events.contract import inbound_types
from shared.events.registration import Role
from shared.events.reporting import ObservationAccepted, ReportAccepted, ReportSubmitted, WorkReported
from shared.inbox import inbox
from shared.migrations import migrate
from shared.outbox import outbox
from shared.testing.databases import fresh_url
from shared.web import paths
from tests.reporting import world
from tests.reporting.desk import Desk, desk_of
from tests.reporting.sending import KEY, STRUCTURED, admitted, post, sent, whole
from tests.reporting.test_kinds import report as handed_in
from tests.reporting.test_pages import typed
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
    assert "áp dụng: Sự kiện của hệ thống khác" in path
    assert "Dịch vụ báo cáo" in path
    assert "ghi: Nhận số liệu của hệ thống khác" in path
    assert ObservationAccepted.TYPE in path
    english = (await desk.see(AUDITOR, ways[1].removeprefix("/reporting"), "en")).text
    assert all(words in english for words in ("Reporting service", "Another system's event".replace("'", "&#39;"), "Another system&#39;s figure was taken"))
    [event] = links(path, "events/")
    assert "observation" in (await desk.see(AUDITOR, event)).text


async def test_the_sources_page_names_event_and_system_and_says_which_figure_is_in_force(desk: Desk) -> None:
    await sent(desk, json.dumps(whole("e-1", observed("30"))), content_type=STRUCTURED)
    await sent(desk, json.dumps(whole("e-2", observed("31"))), content_type=STRUCTURED)
    await desk.send(clerk(COMMUNE), "/rounds/ky-1", typed())
    page = (await desk.see(clerk(COMMUNE), f"/sources/{COMMUNE}/{DISBURSED}")).text
    rows = re.findall(r"<tr>.*?</tr>", page.partition("<tbody>")[2].partition("</tbody>")[0], re.DOTALL)
    newest, first = [row for row in rows if "Kho bạc" in row]
    assert ("e-2" in newest, "Đang dùng" in newest) == (True, True)
    assert ("e-1" in first, "Đã được thay" in first) == (True, True)
    [own] = [row for row in rows if "Kho bạc" not in row]
    assert "Đang dùng" in own


@pytest.mark.parametrize("more", [{}, {"day": "14/07/2023"}, {"note": "x" * 1999}])
async def test_a_proposal_leads_to_its_event_which_the_unit_that_is_to_confirm_it_may_read(desk: Desk, more: dict) -> None:
    work = {"campaign": world.CODE, "unit": {"scheme": "dinh-danh", "value": "H35.1.1"}, "work": "w-1", "status": "started", "day": "2023-07-14"} | more
    told = await sent(desk, json.dumps(whole("w-1", work, type=WorkReported.TYPE)), content_type=STRUCTURED)
    proposal = told["effect"].partition(":")[2]
    answers = {name: await desk.see(who, f"/proposals/{proposal}") for name, who in (("own", clerk(COMMUNE)), ("other", clerk(OTHER)))}
    assert {answer.status_code for answer in answers.values()} == {303}
    event = answers["own"].headers["location"].removeprefix("/reporting")
    assert [(await desk.see(who, event)).status_code for who in (clerk(COMMUNE), clerk(OTHER))] == [200, 403]
    assert (await desk.see(AUDITOR, "/proposals/x")).status_code == 404


async def test_a_report_that_a_partner_handed_in_leads_back_to_its_event(desk: Desk) -> None:
    await sent(desk, json.dumps(whole("r-1", handed_in(), type=ReportSubmitted.TYPE)), content_type=STRUCTURED)
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


async def test_the_people_whom_an_event_is_about_and_those_who_answer_for_the_system_read_it_and_no_others(desk: Desk) -> None:
    await sent(desk, json.dumps(whole("e-1", observed("30"))), content_type=STRUCTURED)
    await sent(desk, json.dumps(whole("e-2", observed("x"))), content_type=STRUCTURED)
    about, refused = reversed(links((await desk.see(AUDITOR, "/inbound")).text, "inbound/"))
    [own] = links((await desk.see(clerk(COMMUNE), f"/sources/{COMMUNE}/{DISBURSED}")).text, "inbound/")
    assert own == about
    allowed = {one: [(await desk.see(one, event)).status_code for event in (about, refused)] for one in (clerk(COMMUNE), clerk(DEPARTMENT), clerk(OTHER))}
    assert list(allowed.values()) == [[200, 403], [200, 200], [403, 403]]
    assert (await desk.see(clerk(OTHER), f"/sources/{COMMUNE}/{DISBURSED}")).status_code == 404
    for who, ways in ((clerk(COMMUNE), []), (clerk(DEPARTMENT), ["/partners/kho-bac"]), (AUDITOR, ["/inbound", "/partners/kho-bac"])):
        shown = (await desk.see(who, about)).text.split("<h1>", 1)
        leads = [way for way in links(shown[0].split("<main", 1)[1] + shown[1], "") if way in {"/inbound", "/partners/kho-bac"}]
        assert leads == ways, "nobody is led to what is closed to them"
    path = (await desk.see(clerk(COMMUNE), re.search(r"/fragments/path/[0-9a-f]{32}", (await desk.see(clerk(COMMUNE), about)).text)[0])).text
    assert (ObservationAccepted.TYPE in path, links(path, "events/")) == (True, [])
    assert (await desk.see(AUDITOR, "/fragments/path/x%25")).status_code == 404


async def test_from_a_units_own_report_the_sources_page_has_receipt_event_path_and_trace(desk: Desk) -> None:
    desk.service.settings = desk.service.settings.model_copy(update={"trace_page": "https://traces.example/{trace_id}"})
    sent_in = await desk.send(clerk(COMMUNE), "/rounds/ky-1", typed())
    report = sent_in.headers["location"].split("/")[3]
    receipt = (await desk.see(clerk(COMMUNE), f"/reports/{report}/receipt")).text
    assert f"/sources/{COMMUNE}/{DISBURSED}?campaign={world.CODE}" in links(receipt, "sources")
    page = (await desk.see(clerk(COMMUNE), f"/sources/{COMMUNE}/{DISBURSED}")).text
    assert links(page, f"reports/{report}/receipt")
    [event] = set(links((await desk.see(AUDITOR, f"/sources/{COMMUNE}/{DISBURSED}")).text, "events/"))
    assert report in (await desk.see(AUDITOR, event)).text
    [trace] = set(re.findall(r"https://traces.example/([0-9a-f]{32})", page))
    assert ReportAccepted.TYPE in (await desk.see(clerk(COMMUNE), f"/fragments/path/{trace}")).text
    assert page.count(f"/fragments/path/{trace}") == 4
    grid = (await desk.see(clerk(COMMUNE), "/rounds/ky-2")).text
    assert f"/sources/{COMMUNE}/{DISBURSED}?campaign={world.CODE}" in links(grid, "sources")


@pytest.mark.parametrize("database_kind", ["sqlite", "postgres"])
async def test_a_path_is_looked_up_by_an_index_in_both_databases(database_kind: str, tmp_path: Path) -> None:
    async with fresh_url(database_kind) as url:
        database = Database(url.replace("postgresql://", "postgresql+asyncpg://", 1) or f"sqlite+aiosqlite:///{tmp_path / 'reporting.sqlite'}", "reporting")
        await migrate(database)
        rows = [
            {"source": "s", "id": str(n), "type": "t", "applied": NOW, "recorded": None, "traceparent": f"00-{n:032x}-{n:016x}-01"} for n in range(2000)
        ]
        async with database.write() as session:
            await add(session, inbox, *rows)
            said = [{"id": f"e{n}", "type": "t", "subject": "s", "body": "{}", "time": NOW, "recorded": NOW, "traceparent": rows[n]["traceparent"]} for n in range(2000)]
            await add(session, outbox, *said)
        async with database.write() as session:
            await session.execute(text("ANALYZE"))
        explain = "EXPLAIN QUERY PLAN " if database_kind == "sqlite" else "EXPLAIN "
        async with database.read() as session:
            trace = f"{1234:032x}"
            assert [(step.event, step.said) for step in await paths.steps(session, trace)] == [("1234", False), ("e1234", True)]
            for query, index in ((paths.heard(trace), "inbox_trace"), (paths.said(trace), "outbox_trace")):
                compiled = query.compile(dialect=database.reader.dialect, compile_kwargs={"literal_binds": True})
                plan = str((await session.execute(text(explain + str(compiled).replace(":", "\\:")))).all())
                assert index in plan, plan
        await database.close()


async def test_of_a_long_path_the_first_steps_are_shown_and_that_there_are_more(desk: Desk) -> None:
    trace = f"{7:032x}"
    heard = [
        {"source": "s", "id": f"{n:03}", "type": f"t-{n:03}", "applied": NOW + timedelta(seconds=n), "recorded": None, "traceparent": f"00-{trace}-{7:016x}-01"}
        for n in reversed(range(paths.SHOWN + 1))
    ]
    async with desk.database.write() as session:
        await add(session, inbox, *heard[1:])
    page = (await desk.see(AUDITOR, f"/fragments/path/{trace}")).text
    assert [*dict.fromkeys(re.findall(r"t-(\d+)", page))] == [f"{n:03}" for n in range(paths.SHOWN)]
    assert "Chỉ hiện" not in page
    async with desk.database.write() as session:
        await add(session, inbox, heard[0])
    page = (await desk.see(AUDITOR, f"/fragments/path/{trace}")).text
    assert (re.findall(r"t-(\d+)", page)[-1], "Chỉ hiện 200 bước đầu." in page) == ("199", True)


async def test_a_refused_door_is_no_source(desk: Desk) -> None:
    assert (await post(desk, json.dumps(whole()), key="thidua.kho-bac.wrong", content_type=STRUCTURED)).status_code == 401
    assert "Chưa có số liệu nào." in (await desk.see(AUDITOR, f"/sources/{COMMUNE}/{DISBURSED}")).text
