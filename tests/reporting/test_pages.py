"""The pages of a running reporting service."""

import re
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
import pytest_asyncio

from shared.events.campaign import Phase
from shared.events.registration import Role
from shared.events.reporting import Channel, DiscrepancyResolved, ReportAccepted, ReportReturned
from shared.messages import translate
from tests.reporting import world
from tests.reporting.desk import Desk, desk_of
from tests.reporting.world import (
    COMMUNE,
    DEADLINE,
    DISTRICT,
    OPENED,
    OTHER,
    SECOND_OPENED,
    binary,
    clerk,
    head,
    observed,
    officer,
    said,
    secretary,
)

NOW = OPENED + timedelta(days=2)


@pytest_asyncio.fixture
async def desk(app_of) -> AsyncIterator[Desk]:
    async with desk_of(app_of("reporting"), NOW) as found:
        await world.tick(found.database, NOW)
        yield found


def typed(revenue: str = "20,5", disbursed: str = "30", day: str = "14/07/2023", **more: str) -> dict[str, str]:
    form = {}
    for place, value in enumerate((revenue, disbursed)):
        form |= {f"values.{place}.value": value, f"values.{place}.kind": "preliminary", f"values.{place}.as_of": day, f"values.{place}.note": ""}
    return form | {name.replace("_at_", "."): value for name, value in more.items()}


async def submit(desk: Desk, round: str = "ky-1", who=None, **form: str) -> Any:
    return await desk.send(who or clerk(), f"/rounds/{round}", typed(**form))


async def report_of(desk: Desk) -> str:
    return (await said(desk.database, ReportAccepted))[-1].report


def revision_of(page: str) -> str:
    found = re.search(r'name="revision" value="(\d+)"', page)
    assert found
    return found[1]


async def test_what_is_due_comes_first_with_its_deadline(desk: Desk) -> None:
    page = (await desk.see(clerk(), "/due")).text
    assert "17:00 ngày 24/07/2023" in page
    assert "còn 7 ngày" in page
    assert "/reporting/rounds/ky-1" in page
    assert "Số liệu mẫu" in page


async def test_the_grid_takes_a_report_and_gives_a_receipt(desk: Desk) -> None:
    grid = (await desk.see(clerk(), "/rounds/ky-1")).text
    assert 'name="values.0.value"' in grid
    assert 'value="14/07/2023"' in grid
    response = await submit(desk)
    assert response.status_code == 303
    receipt = (await desk.see(clerk(), response.headers["location"].removeprefix("/reporting"))).text
    assert "Đúng hạn" in receipt
    assert f"/evaluation/units/{COMMUNE}" in receipt
    assert "(tỷ đồng)" in receipt, "a figure is proof only with its unit of measure"
    assert "Không còn việc nào đến hạn" in receipt
    [event] = await said(desk.database, ReportAccepted)
    assert (event.channel, str(event.values[0].value)) == (Channel.PAGE, "20.5")
    assert "20,5" in (await desk.see(clerk(), "/rounds/ky-1")).text
    assert "Không còn việc nào đến hạn" in (await desk.see(clerk(), "/due")).text


async def test_the_receipt_says_what_remains(desk: Desk) -> None:
    desk.at(SECOND_OPENED + timedelta(days=1))
    response = await submit(desk, "ky-2", day="14/08/2023")
    receipt = (await desk.see(clerk(), response.headers["location"].removeprefix("/reporting"))).text
    assert "Còn phải làm:" in receipt
    assert 'href="/reporting/rounds/ky-1?' in receipt
    assert "Còn phải làm:" not in (await desk.see(head(), response.headers["location"].removeprefix("/reporting"))).text


async def test_an_open_page_learns_what_the_deadline_leaves(desk: Desk) -> None:
    assert 'hx-get="/reporting/fragments/left/ky-1?' in (await desk.see(clerk(), "/rounds/ky-1")).text
    desk.at(DEADLINE - timedelta(minutes=5))
    assert (await desk.see(clerk(), "/fragments/left/ky-1")).text.strip() == "còn 5 phút"
    desk.at(DEADLINE + timedelta(minutes=5))
    assert "vẫn được nhận và ghi là nộp muộn" in (await desk.see(clerk(), "/fragments/left/ky-1")).text


async def test_nobody_replaces_a_report_that_they_have_not_seen(desk: Desk) -> None:
    open_in_two_windows = revision_of((await desk.see(clerk(), "/rounds/ky-1")).text)
    assert (await submit(desk, who=head(COMMUNE), revision=open_in_two_windows)).status_code == 303
    response = await submit(desk, revenue="21", revision=open_in_two_windows)
    assert response.status_code == 409
    assert "Báo cáo đã được nhận lúc" in response.text
    assert 'value="21"' in response.text, "what was typed stays"
    assert "Đã nhận: 20,5" in response.text
    assert len(await said(desk.database, ReportAccepted)) == 1
    assert (await submit(desk, revenue="21", revision=revision_of(response.text))).status_code == 303, "having seen it, one may"
    assert len(await said(desk.database, ReportAccepted)) == 2


async def test_a_sending_repeated_because_no_answer_came_leads_to_the_receipt_and_is_no_correction(desk: Desk) -> None:
    seen = revision_of((await desk.see(clerk(), "/rounds/ky-1")).text)
    first, again = await submit(desk, revision=seen), await submit(desk, revision=seen)
    assert again.status_code == 303
    assert again.headers["location"] == first.headers["location"]
    assert len(await said(desk.database, ReportAccepted)) == 1


async def test_a_report_returned_meanwhile_is_said_to_be_returned(desk: Desk) -> None:
    await submit(desk)
    seen = revision_of((await desk.see(clerk(), "/rounds/ky-1")).text)
    await desk.send(head(DISTRICT), f"/reports/{await report_of(desk)}/return", {"reason": "Thiếu minh chứng"})
    response = await submit(desk, revision=seen)
    assert response.status_code == 409
    assert "đã bị trả lại sau khi" in response.text
    assert "Thiếu minh chứng" in response.text


async def test_faults_are_told_on_top_and_beside_the_field_and_what_was_typed_stays(desk: Desk) -> None:
    response = await submit(desk, revenue="1.234", disbursed="130", values_at_0_at_note="<b>ghi chú</b>")
    assert response.status_code == 422
    page = response.text
    assert 'href="#values.0.value"' in page
    assert 'href="#values.1.value"' in page
    assert page.count("có thể hiểu theo hai cách") == 2
    assert f"{world.REVENUE}: “1.234”" in page
    assert 'value="1.234"' in page
    assert "&lt;b&gt;ghi chú&lt;/b&gt;" in page
    assert "<b>ghi" not in page
    assert await said(desk.database, ReportAccepted) == []


async def test_an_odd_value_is_asked_about_beside_its_field_and_taken_once_confirmed(desk: Desk) -> None:
    await submit(desk)
    desk.at(SECOND_OPENED + timedelta(days=1))
    odd = {"round": "ky-2", "revenue": "215", "disbursed": "31", "day": "14/08/2023"}
    response = await submit(desk, **odd)
    assert response.status_code == 422
    assert 'name="values.0.confirmed"' in response.text
    assert 'name="values.1.confirmed"' not in response.text
    response = await submit(desk, **odd, values_at_0_at_confirmed="1")
    assert response.status_code == 303
    receipt = (await desk.see(clerk(), response.headers["location"].removeprefix("/reporting"))).text
    assert "bất thường" in receipt


async def test_nothing_changed_takes_the_last_rounds_value(desk: Desk) -> None:
    await submit(desk)
    desk.at(SECOND_OPENED + timedelta(days=1))
    grid = (await desk.see(clerk(), "/rounds/ky-2")).text
    assert re.search(r">20,5</a></td>", grid)
    form = {"revenue": "", "disbursed": "", "day": "14/08/2023", "values_at_0_at_unchanged": "1", "values_at_1_at_unchanged": "1"}
    assert (await submit(desk, "ky-2", **form)).status_code == 303
    values = (await said(desk.database, ReportAccepted))[-1].values
    assert [str(v.value) for v in values] == ["20.5", "30"]
    assert values[0].note == "Không thay đổi so với kỳ trước"


async def test_a_returned_report_stands_on_top_with_its_reason(desk: Desk) -> None:
    await submit(desk)
    report = await report_of(desk)
    page = (await desk.see(head(), f"/reports/{report}")).text
    assert 'name="reason"' in page
    assert 'name="reason"' not in (await desk.see(clerk(), f"/reports/{report}")).text
    empty = await desk.send(head(), f"/reports/{report}/return", {"reason": " "})
    assert empty.status_code == 422
    answer = await desk.send(head(), f"/reports/{report}/return", {"reason": "Thu gấp mười", f"notes.{world.REVENUE}": "Xem lại"})
    assert answer.status_code == 303
    [event] = await said(desk.database, ReportReturned)
    assert event.notes == (f"{world.REVENUE}: Xem lại",)
    due = (await desk.see(clerk(), "/due")).text
    assert "Thu gấp mười" in due
    assert "Sửa và nộp lại" in due
    assert "Xem lại" in (await desk.see(clerk(), "/rounds/ky-1")).text
    await submit(desk, revenue="2,05")
    history = (await desk.see(clerk(), f"/reports/{report}")).text
    assert re.search(r"<del><a [^>]*>20,5</a>.*</del>", history)
    assert re.search(r"<ins><a [^>]*>2,05</a>.*</ins>", history)


async def test_a_locked_round_says_why_and_who_can_open_it(desk: Desk) -> None:
    early = (await desk.see(clerk(), "/rounds/ky-2")).text
    assert "Kỳ ky-2 chưa mở" in early
    assert "00:00 15/08/2023" in early
    await world.hear(desk.database, world.phase(Phase.REVIEWING, 5))
    page = (await desk.see(clerk(), "/rounds/ky-1")).text
    assert "xét duyệt" in page
    assert "<button disabled>" in page
    assert (await submit(desk)).status_code == 422
    opening = {"unit": COMMUNE, "round": "ky-1", "until": "18/07/2023", "reason": "Lũ quét"}
    assert (await desk.send(clerk(), "/openings", opening)).status_code == 403
    assert (await desk.send(secretary(), "/openings", opening | {"until": "2/2023"})).status_code == 422
    assert "Thiếu trường này" in (await desk.send(secretary(), "/openings", opening | {"unit": ""})).text
    assert (await desk.send(secretary(), "/openings", opening)).status_code == 303
    assert "Lũ quét" in (await desk.see(secretary(), "/openings")).text
    assert (await submit(desk)).status_code == 303


async def test_completeness_draws_and_lists_whom_one_may_see(desk: Desk) -> None:
    await submit(desk)
    page = (await desk.see(secretary(), "/completeness?round=ky-1")).text
    assert "<svg" in page
    assert "Đúng hạn" in page
    assert page.count(f"/evaluation/units/{OTHER}") == 1
    mine = (await desk.see(clerk(), "/completeness?round=ky-1")).text
    assert f"/evaluation/units/{OTHER}" not in mine
    filtered = (await desk.see(secretary(), "/completeness?round=ky-1&standing=waiting&by=kind&search=don+vi+h35.1.2")).text
    assert f"/evaluation/units/{OTHER}" in filtered
    assert f"/evaluation/units/{DISTRICT}" not in filtered


async def test_the_secretary_decides_a_discrepancy_in_place(desk: Desk) -> None:
    await submit(desk)
    await world.arrive(desk.database, binary(observed("35.2")), NOW)
    page = (await desk.see(secretary(), "/discrepancies")).text
    assert "35,2" in page
    assert "-5,2" in page
    assert "Chỉnh sửa báo cáo" in (await desk.see(clerk(), "/discrepancies")).text
    assert "Số liệu lệch với hệ thống khác" in (await desk.see(clerk(), "/due")).text
    path = re.findall(r'action="/reporting(/discrepancies/[^"]+)"', page)[0]
    assert (await desk.send(secretary(), path, {"kept": "partner", "reason": ""})).status_code == 422
    assert (await desk.send(clerk(), path, {"kept": "unit", "reason": "x"})).status_code == 403
    assert (await desk.send(secretary(), path, {"kept": "partner", "reason": "Theo Kho bạc"})).status_code == 303
    assert [event.kept for event in await said(desk.database, DiscrepancyResolved)] == ["partner"]


async def test_partners_events_are_shown_with_their_faults_in_the_readers_language(desk: Desk) -> None:
    await world.arrive(desk.database, binary(observed("chín")), NOW)
    page = (await desk.see(secretary(), "/inbound")).text
    assert "“chín” không phải là số" in page
    english = (await desk.see(secretary(), "/inbound", lang="en")).text
    assert "“chín” không phải là số" not in english
    one = re.findall(r'href="/reporting(/inbound/[^"]+)"', page)[0]
    assert "chín" in (await desk.see(secretary(), one)).text
    assert (await desk.see(clerk(), "/inbound")).status_code == 403
    assert (await desk.see(clerk(), one)).status_code == 403


async def test_the_unit_page_gets_its_fragment_only_for_those_who_may_see(desk: Desk) -> None:
    await submit(desk)
    await world.arrive(desk.database, binary(observed("35.2")), NOW)
    part = await desk.see(head(), f"/fragments/units/{COMMUNE}")
    assert part.status_code == 200
    assert "<html" not in part.text
    assert "35,2" in part.text
    assert (await desk.see(clerk(OTHER), f"/fragments/units/{COMMUNE}")).status_code == 404


@pytest.mark.parametrize("path", ["/due", "/rounds/ky-1", "/completeness", "/discrepancies", "/inbound", "/openings"])
async def test_every_page_asks_for_a_session(desk: Desk, path: str) -> None:
    response = await desk.client.get(f"/reporting{path}", headers={"accept": "text/html"})
    assert (response.status_code, response.headers["location"].split("?")[0]) == (303, "/registration/sign-in")


async def test_a_form_without_the_sessions_word_changes_nothing(desk: Desk) -> None:
    assert (await desk.send(clerk(), "/rounds/ky-1", typed(), csrf="other")).status_code == 403
    assert await said(desk.database, ReportAccepted) == []


async def test_who_may_not_write_gets_no_grid(desk: Desk) -> None:
    assert (await desk.see(officer(COMMUNE, Role.AUDITOR), "/rounds/ky-1")).status_code == 403


async def test_who_may_not_write_sends_no_grid_either(desk: Desk) -> None:
    assert (await desk.send(officer(COMMUNE, Role.AUDITOR), "/rounds/ky-1", typed())).status_code == 403
    assert await said(desk.database, ReportAccepted) == []


async def test_openings_are_the_councils_to_read(desk: Desk) -> None:
    assert [(await desk.see(who, "/openings")).status_code for who in (secretary(), head(), clerk())] == [200, 403, 403]


async def test_a_report_of_another_unit_is_as_if_it_were_not(desk: Desk) -> None:
    await submit(desk)
    report = await report_of(desk)
    absent = await desk.see(clerk(OTHER), "/reports/00000000-0000-7000-8000-000000000099")
    foreign = await desk.see(clerk(OTHER), f"/reports/{report}")
    receipt = await desk.see(clerk(OTHER), f"/reports/{report}/receipt")
    assert (absent.status_code, foreign.status_code, receipt.status_code) == (404, 404, 404)


async def test_the_pages_speak_english_too(desk: Desk) -> None:
    await submit(desk)
    report = await report_of(desk)
    desk.at(DEADLINE)
    for path in ("/due", "/rounds/ky-1", f"/reports/{report}", f"/reports/{report}/receipt", "/completeness"):
        page = (await desk.see(clerk(), path, lang="en")).text
        assert '<html lang="en">' in page
        for word in ("Đúng hạn", "Hạn nộp", "Nộp lần đầu"):
            assert translate(word, "en") != word
            assert word not in page
