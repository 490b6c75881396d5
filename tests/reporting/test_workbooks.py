"""The round's workbook: what was filled in comes back into the grid, what is wrong is said, and nothing is stored before a person submits."""

import io
import re
import zipfile
from collections.abc import AsyncIterator, Mapping
from datetime import date, timedelta
from typing import Any

import openpyxl
import pytest
import pytest_asyncio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.reporting import workbooks
from services.reporting.pages import grid
from services.reporting.pages.words import KINDS
from services.reporting.sheets import Sheet
from services.reporting.workbooks import Words
from shared.events.reporting import ReportAccepted
from shared.messages import Refused
from tests.reporting import world
from tests.reporting.desk import Desk, desk_of
from tests.reporting.world import COMMUNE, OPENED, OTHER, clerk, said

NOW = OPENED + timedelta(days=2)
VALUE, KIND, DAY, NOTE = "F", "G", "H", "I"
LINE = workbooks.FIRST_LINE


@pytest_asyncio.fixture
async def desk(app_of) -> AsyncIterator[Desk]:
    async with desk_of(app_of("reporting"), NOW) as found:
        await world.tick(found.database, NOW)
        yield found


async def downloaded(desk: Desk, who=None) -> bytes:
    answer = await desk.see(who or clerk(), "/rounds/ky-1/workbook")
    assert answer.status_code == 200
    return answer.content


def filled(content: bytes, cells: Mapping[str, Any], formats: Mapping[str, str] | None = None) -> bytes:
    """The workbook after somebody wrote into its cells and saved it."""
    book = openpyxl.load_workbook(io.BytesIO(content))
    for place, value in cells.items():
        book.worksheets[0][place] = value
    for place, how in (formats or {}).items():
        book.worksheets[0][place].number_format = how
    saved = io.BytesIO()
    book.save(saved)
    return saved.getvalue()


async def uploaded(desk: Desk, content: bytes, who=None) -> Any:
    who = who or clerk()
    return await desk.client.post("/reporting/rounds/ky-1/filled", data={"csrf": who.csrf}, files={"file": ("bao-cao.xlsx", content)}, headers=desk._cookie(who))


def fields_of(page: str) -> dict[str, str]:
    return dict(re.findall(r'<input type="text" id="[^"]*" name="(values[^"]*)" value="([^"]*)"', page))


async def test_what_was_filled_in_stands_in_the_grid_and_counts_only_once_it_is_submitted(desk: Desk) -> None:
    content = filled(await downloaded(desk), {f"{VALUE}{LINE}": 20.5, f"{VALUE}{LINE + 1}": "30", f"{DAY}{LINE}": date(2023, 7, 13), f"{NOTE}{LINE}": "=1+1", f"{KIND}{LINE}": "Ước tính"})
    answer = await uploaded(desk, content)
    assert answer.status_code == 200
    assert "chưa nộp" in answer.text
    assert "data-fresh" in answer.text
    fields = fields_of(answer.text)
    assert fields["values.0.value"] == "20,5"
    assert fields["values.0.as_of"] == "13/07/2023"
    assert fields["values.1.value"] == "30"
    assert '<option value="estimate" selected>' in answer.text
    assert await said(desk.database, ReportAccepted) == []
    assert 'action="/reporting/rounds/ky-1?' in answer.text, "it is submitted where a typed report is"
    sent = await desk.send(clerk(), "/rounds/ky-1", fields | {"values.0.kind": "estimate", "values.1.kind": "preliminary", "revision": "0"})
    assert sent.status_code == 303
    assert len(await said(desk.database, ReportAccepted)) == 1


async def test_three_bad_cells_are_three_faults_and_nothing_is_stored(desk: Desk) -> None:
    content = filled(await downloaded(desk), {f"{VALUE}{LINE}": "chín", f"{VALUE}{LINE + 1}": 130, f"{DAY}{LINE}": "32/13/2023"})
    answer = await uploaded(desk, content)
    assert answer.status_code == 422
    assert "“chín” không phải là số" in answer.text
    for field in ("values.0.value", "values.1.value", "values.0.as_of"):
        assert f'id="{field}-fault"' in answer.text
    assert fields_of(answer.text)["values.0.value"] == "chín", "the file's words stay to be mended"
    assert await said(desk.database, ReportAccepted) == []


async def test_a_percentage_of_excel_is_read_as_people_say_it(desk: Desk) -> None:
    content = filled(await downloaded(desk), {f"{VALUE}{LINE}": 20, f"{VALUE}{LINE + 1}": 0.305}, {f"{VALUE}{LINE + 1}": "0.0%"})
    assert fields_of((await uploaded(desk, content)).text)["values.1.value"] == "30,5"


async def test_a_workbook_of_another_unit_or_round_or_no_workbook_is_refused_with_the_cure(desk: Desk) -> None:
    theirs = await uploaded(desk, await downloaded(desk), clerk(OTHER))
    assert theirs.status_code == 422
    assert "không phải mẫu Excel của kỳ báo cáo và đơn vị này" in theirs.text
    for junk in (b"", b"PK", b"Ch\xe1\xbb\x89 ti\xc3\xaau;12,5"):
        answer = await uploaded(desk, junk)
        assert answer.status_code == 422
        assert 'href="#file"' in answer.text


async def test_whoever_comes_back_to_the_address_of_the_upload_finds_the_grid(desk: Desk) -> None:
    answer = await desk.see(clerk(), "/rounds/ky-1/filled?campaign=x")
    assert answer.headers["location"] == "/reporting/rounds/ky-1?campaign=x"


async def test_only_what_is_to_be_filled_in_is_open_and_a_note_is_no_formula(desk: Desk) -> None:
    page = openpyxl.load_workbook(io.BytesIO(await downloaded(desk))).worksheets[0]
    assert page.protection.sheet
    assert [cell.protection.locked for cell in page[LINE]] == [True] * 5 + [False] * 4
    note = {"values.0.note": "=HYPERLINK(1)"}
    base = {f"values.{n}.{part}": value for n in (0, 1) for part, value in (("value", "20"), ("kind", "preliminary"), ("as_of", "14/07/2023"), ("note", ""))}
    assert (await desk.send(clerk(), "/rounds/ky-1", base | note)).status_code == 303
    again = openpyxl.load_workbook(io.BytesIO(await downloaded(desk))).worksheets[0]
    assert (again[f"{NOTE}{LINE}"].value, again[f"{NOTE}{LINE}"].data_type) == ("=HYPERLINK(1)", "s")
    assert again[f"{VALUE}{LINE}"].value == 20


@pytest_asyncio.fixture
async def sheet(desk: Desk) -> Sheet:
    async with desk.database.read() as session:
        return await grid.open_sheet(session, clerk(), "", "ky-1")


@pytest.fixture
def good(sheet: Sheet) -> bytes:
    saved = io.BytesIO()
    workbooks.write(sheet, COMMUNE, grid.given(sheet), Words("vi", KINDS)).save(saved)
    return saved.getvalue()


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(at=st.integers(0, 10_000), into=st.binary(min_size=1, max_size=40), cut=st.booleans())
def test_a_damaged_file_is_refused_or_read_and_never_more(sheet: Sheet, good: bytes, at: int, into: bytes, cut: bool) -> None:
    at %= len(good)
    damaged = good[:at] + into + (b"" if cut else good[at + len(into) :])
    try:
        found = workbooks.read(damaged, sheet, COMMUNE, KINDS)
    except Refused as refused:
        assert [fault.field for fault in refused.faults] == ["file"]
    else:
        assert isinstance(found, dict)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(part=st.sampled_from(["xl/worksheets/sheet1.xml", "xl/workbook.xml", "[Content_Types].xml", "xl/styles.xml", "xl/sharedStrings.xml"]), at=st.integers(0, 5000), into=st.text("<>/=\"' az09&;", max_size=12))
def test_a_file_packed_anew_with_damaged_parts_is_refused_or_read_and_never_more(sheet: Sheet, good: bytes, part: str, at: int, into: str) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(good)) as old, zipfile.ZipFile(packed, "w") as new:
        for name in old.namelist():
            body = old.read(name).decode()
            place = at % max(len(body), 1)
            new.writestr(name, body[:place] + into + body[place + len(into) :] if name == part else body)
    try:
        workbooks.read(packed.getvalue(), sheet, COMMUNE, KINDS)
    except Refused as refused:
        assert [fault.field for fault in refused.faults] == ["file"]


def test_a_file_that_unpacks_to_far_too_much_is_refused_unread(sheet: Sheet, good: bytes) -> None:
    packed = io.BytesIO(good)
    with zipfile.ZipFile(packed, "a", zipfile.ZIP_DEFLATED) as book:
        book.writestr("xl/worksheets/more.xml", b" " * (workbooks.UNPACKED + 1))
    assert len(packed.getvalue()) < 50_000
    with pytest.raises(Refused, match="quá lớn"):
        workbooks.read(packed.getvalue(), sheet, COMMUNE, KINDS)
