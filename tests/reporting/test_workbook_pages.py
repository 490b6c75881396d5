"""A clerk's way by workbook: taken along, filled in, read into the form, noted, mended, handed in."""

import html
import re
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import httpx
import pytest
import pytest_asyncio

from shared.events.registration import Role
from shared.events.reporting import Channel, ReportAccepted
from shared.security import Officer
from tests.reporting import world
from tests.reporting.books import at, filled, opened
from tests.reporting.desk import Desk, desk_of
from tests.reporting.test_pages import typed
from tests.reporting.world import COMMUNE, DISTRICT, OPENED, OTHER, SECOND_OPENED, clerk, head, officer, said

NOW = OPENED + timedelta(days=2)
GOOD = {(0, "value"): 20.5, (1, "value"): "52,43", (1, "kind"): "Chính thức", (1, "note"): "=theo kho bạc"}
BAD = {(0, "value"): "1.234", (1, "value"): 130, (1, "as_of"): "31/02/2023"}


@pytest_asyncio.fixture
async def desk(app_of) -> AsyncIterator[Desk]:
    async with desk_of(app_of("reporting"), NOW) as found:
        await world.tick(found.database, NOW)
        yield found


async def taken(desk: Desk, who: Officer | None = None, round: str = "ky-1", lang: str = "vi") -> bytes:
    answer = await desk.see(who or clerk(), f"/rounds/{round}/workbook.xlsx", lang)
    assert answer.status_code == 200, answer.text
    return answer.content


async def sent(desk: Desk, content: bytes, who: Officer | None = None, round: str = "ky-1", **form: str) -> httpx.Response:
    """The upload, as a browser sends it."""
    who = who or clerk()
    fields = {"csrf": who.csrf} | form
    file = {"workbook": ("../../báo cáo.xlsx", content, "application/x-msdownload")}
    return await desk.client.post(f"/reporting/rounds/{round}/workbook", data=fields, files=file, headers=desk.cookie(who))


def fields(page: str) -> dict[str, str]:
    """What a browser would send from the grid of a page."""
    grid = page[page.index("data-grid") :]
    found = {name: html.unescape(value) for name, value in re.findall(r'<input type="text" id="[^"]+" name="([^"]+)" value="([^"]*)"', grid)}
    for name, options in re.findall(r'<select id="[^"]+" name="([^"]+)"[^>]*>(.*?)</select>', grid, re.DOTALL):
        found[name] = re.search(r'<option value="([^"]*)" selected', options)[1]
    return found


async def events(desk: Desk) -> list[Any]:
    return await said(desk.database, ReportAccepted)


async def test_a_clerk_reports_by_workbook_and_nothing_is_stored_before_the_form_is_handed_in(desk: Desk) -> None:
    page = (await desk.see(clerk(), "/rounds/ky-1")).text
    assert "/reporting/rounds/ky-1/workbook.xlsx" in page
    answer = await sent(desk, filled(await taken(desk), GOOD))
    assert answer.status_code == 200
    assert "chưa lưu gì" in answer.text
    assert "2 dòng mới, 0 dòng thay đổi, 0 dòng như đã nộp, 0 dòng cần xem lại" in answer.text
    assert await events(desk) == []
    form = fields(answer.text)
    assert (form["values.0.value"], form["values.1.value"], form["values.1.kind"]) == ("20,5", "52,43", "official")
    assert (await desk.send(clerk(), "/rounds/ky-1", form)).status_code == 303
    [event] = await events(desk)
    assert [(str(v.value), v.kind, v.note) for v in event.values] == [("20.5", "preliminary", ""), ("52.43", "official", "=theo kho bạc")]
    assert event.channel is Channel.PAGE


async def test_faults_stand_beside_their_fields_and_in_the_same_workbook_and_mended_there_it_is_taken(desk: Desk) -> None:
    answer = await sent(desk, filled(await taken(desk), BAD))
    assert answer.status_code == 422
    assert "có thể hiểu theo hai cách" in answer.text
    assert "2 dòng cần xem lại" in answer.text
    form = fields(answer.text)
    assert (form["values.0.value"], form["values.1.value"], form["values.1.as_of"]) == ("1.234", "130", "31/02/2023")
    noted = await desk.send(clerk(), "/rounds/ky-1/workbook/notes", form)
    sheet = opened(noted.content)
    told = {cell.coordinate: cell.comment.text for row in sheet.iter_rows() for cell in row if cell.comment}
    assert told.keys() == {"G11", "I12"}
    assert "hãy ghi 1234" in told["G11"]
    assert (at(sheet, 0, "value").value, at(sheet, 1, "value").value) == ("1.234", 130)
    assert await events(desk) == []
    mended = filled(noted.content, {(0, "value"): 20, (1, "value"): 30.25, (1, "as_of"): "14/07/2023"})
    assert (await desk.send(clerk(), "/rounds/ky-1", fields((await sent(desk, mended)).text))).status_code == 303
    assert [str(v.value) for v in (await events(desk))[0].values] == ["20", "30.25"]


@pytest.mark.parametrize("value", ["1.234", "1,234.5", "12 5", "abc", "52%", "", "1e3", "٣", "-1", "5001", "#REF!", "9" * 19])
async def test_a_cell_is_judged_by_the_very_rules_of_the_form(desk: Desk, value: str) -> None:
    by_form = await desk.send(clerk(), "/rounds/ky-1", typed(revenue=value))
    by_workbook = await sent(desk, filled(await taken(desk), {(0, "value"): value, (1, "value"): 30}))
    assert by_form.status_code == by_workbook.status_code == 422
    assert told_beside(by_workbook.text, "values.0.value") == told_beside(by_form.text, "values.0.value") != ""


def told_beside(page: str, name: str) -> str:
    _, found, rest = page.partition(f'id="{name}-fault">')
    return rest.partition("</p>")[0] if found else ""


async def test_an_odd_value_is_asked_about_and_a_kind_that_there_is_not_is_not_taken_for_another(desk: Desk) -> None:
    await desk.send(clerk(), "/rounds/ky-1", typed())
    desk.at(SECOND_OPENED + timedelta(days=1))
    content = await taken(desk, round="ky-2")
    odd = await sent(desk, filled(content, {(0, "value"): 215, (1, "value"): 31}), round="ky-2")
    assert 'name="values.0.confirmed"' in odd.text
    strange = await sent(desk, filled(content, {(0, "value"): 21, (1, "value"): 31, (1, "kind"): "gần đúng"}), round="ky-2")
    assert "Hãy dùng một trong: Ước tính, Sơ bộ, Chính thức." in strange.text
    assert fields(strange.text)["values.1.kind"] == ""


async def test_the_same_workbook_again_changes_nothing_and_says_so(desk: Desk) -> None:
    content = filled(await taken(desk), {(0, "value"): 20.5, (1, "value"): 30})
    await desk.send(clerk(), "/rounds/ky-1", fields((await sent(desk, content)).text))
    again = await sent(desk, content)
    assert "0 dòng mới, 0 dòng thay đổi, 2 dòng như đã nộp" in again.text
    assert "đã được nộp lại sau khi biểu mẫu này được tải về" in again.text
    corrected = await sent(desk, filled(await taken(desk), {(0, "value"): 21}))
    assert "0 dòng mới, 1 dòng thay đổi, 1 dòng như đã nộp" in corrected.text
    assert "đã được nộp lại" not in corrected.text


async def test_another_units_or_rounds_workbook_is_refused_with_a_sentence_that_says_so(desk: Desk) -> None:
    of_other = await sent(desk, await taken(desk, clerk(OTHER)))
    assert of_other.status_code == 422
    assert f"Biểu mẫu này của đơn vị khác (Đơn vị {world.CODES[OTHER]})" in of_other.text
    of_second = await sent(desk, await taken(desk, round="ky-2"))
    assert "Biểu mẫu này của kỳ khác (ky-2); trang này là ky-1" in of_second.text
    assert await events(desk) == []


async def test_a_file_that_is_no_workbook_is_refused_beside_its_field_and_the_form_stays(desk: Desk) -> None:
    for content, told in ((b"MZ\x90", "không phải tệp Excel"), (b"", "Chưa chọn tệp"), (bytes(1_000_001), "lớn hơn 1 MB")):
        answer = await sent(desk, content)
        assert answer.status_code == 422
        assert told in answer.text
        assert 'href="#workbook"' in answer.text
        assert fields(answer.text)["values.0.as_of"] == "14/07/2023"
    nothing = await desk.send(clerk(), "/rounds/ky-1/workbook", {"workbook": "text"})
    assert "Chưa chọn tệp" in nothing.text


async def test_lines_too_many_or_too_few_are_told_and_the_others_are_read(desk: Desk) -> None:
    content = filled(await taken(desk), {(0, "indicator"): "la", (0, "value"): 1, (1, "value"): 30})
    answer = await sent(desk, content)
    assert "Tệp có dòng “la” không giao cho đơn vị" in answer.text
    assert f"Tệp không có dòng {world.REVENUE}" in answer.text
    assert fields(answer.text)["values.1.value"] == "30"


async def test_what_a_workbook_says_is_shown_as_text(desk: Desk) -> None:
    answer = await sent(desk, filled(await taken(desk), {(0, "note"): "<script>alert(1)</script>", (0, "value"): "<b>"}))
    assert "<script>alert" not in answer.text
    assert fields(answer.text)["values.0.note"] == "<script>alert(1)</script>"


async def test_only_whoever_reports_for_the_unit_takes_and_sends_its_workbook(desk: Desk) -> None:
    content = await taken(desk)
    for who in (officer(COMMUNE, Role.CHAIR), officer(COMMUNE, Role.AUDITOR)):
        assert (await desk.see(who, "/rounds/ky-1/workbook.xlsx")).status_code == 403
        assert (await sent(desk, content, who)).status_code == 403
        assert (await desk.send(who, "/rounds/ky-1/workbook/notes", typed())).status_code == 403
    assert (await sent(desk, content, head(DISTRICT))).status_code == 422
    assert (await desk.see(clerk(), "/rounds/nowhere/workbook.xlsx")).status_code == 404
    assert (await sent(desk, content, round="nowhere")).status_code == 404


async def test_without_a_session_or_its_csrf_word_nothing_is_given_or_read(desk: Desk) -> None:
    content = await taken(desk)
    stranger = await desk.client.get("/reporting/rounds/ky-1/workbook.xlsx", headers={"accept": "text/html"})
    assert stranger.status_code == 303
    assert "sign-in" in stranger.headers["location"]
    assert (await sent(desk, content, csrf="another")).status_code == 403
    assert (await desk.send(clerk(), "/rounds/ky-1/workbook/notes", typed(), csrf="another")).status_code == 403


async def test_the_workbook_is_a_file_of_our_own_name_and_its_address_leads_back_to_the_form(desk: Desk) -> None:
    answer = await desk.see(clerk(), "/rounds/ky-1/workbook.xlsx")
    assert answer.headers["content-disposition"] == "attachment; filename*=UTF-8''bao-cao-thu-nghiem-ky-1.xlsx"
    assert answer.headers["content-type"].endswith("spreadsheetml.sheet")
    back = await desk.see(clerk(), "/rounds/ky-1/workbook?campaign=thu-nghiem")
    assert (back.status_code, back.headers["location"]) == (303, "/reporting/rounds/ky-1?campaign=thu-nghiem")


async def test_a_round_that_takes_no_reports_offers_no_workbook_to_send(desk: Desk) -> None:
    desk.at(world.local(3, 11))
    assert 'name="workbook"' not in (await desk.see(clerk(), "/rounds/ky-1")).text
