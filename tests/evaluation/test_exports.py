"""The league as CSV: opens in a Vietnamese spreadsheet, holds what its reader may see and no more, and says by what it was made."""

import csv
import io
from decimal import Decimal

import pytest

from services.evaluation.league import WHOLE
from shared.clock import publish
from shared.events.campaign import Phase, UnitKind
from shared.events.registration import Role, UnitChanged, UnitVersion
from shared.spreadsheets import BOM, line
from tests.evaluation.conftest import ROUNDS_CLOSED, officer
from tests.evaluation.making import COMMUNES, DISTRICT, NOW, advanced, hear, unit
from tests.evaluation.test_pages import page, post
from tests.evaluation.test_rebuild import settled
from tests.evaluation.test_standings import populate

ONE, TWO, THREE, FOUR = COMMUNES
SECRETARY, CHAIR, CLERK = officer(Role.SECRETARY), officer(Role.CHAIR), officer(Role.CLERK, unit=ONE)
HEAD = officer(Role.HEAD, unit=DISTRICT)


async def exported(running, one=SECRETARY, query="", language="vi"):
    """The lines as a spreadsheet of that language reads them, by the names of their columns."""
    answer = await running.ask("GET", f"/league.csv?lang={language}{query}", one)
    assert answer.status_code == 200, answer.text[:500]
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"].endswith('.csv"')
    assert answer.content.startswith(b"\xef\xbb\xbf")
    delimiter = "," if language == "en" else ";"
    return list(csv.DictReader(io.StringIO(answer.text.removeprefix(BOM), newline=""), delimiter=delimiter))


async def test_the_file_has_the_places_of_the_page_and_says_of_what_when_and_by_which_rules(running):
    await publish(running.service.jetstream, NOW, simulated=True)
    await settled(running.service)
    rows = await exported(running)
    assert [(row["Cụm, khối"], row["Hạng"], row["Bằng điểm"], row["Mã đơn vị"]) for row in rows] == [
        ("communes", "1", "", f"code-{ONE}"), ("communes", "2", "có", f"code-{TWO}"), ("communes", "2", "có", f"code-{THREE}"),
        ("communes", "4", "", f"code-{FOUR}"), ("districts", "", "", f"code-{DISTRICT}"),
    ]  # fmt: skip
    told = {name: {row[name] for row in rows} for name in ("Phong trào", "Kỳ báo cáo", "Tính đến", "Kết quả", "Phiên bản quy tắc", "Mã kiểm tra (SHA-256)", "Dữ liệu")}
    assert told == {
        "Phong trào": {"movement"}, "Kỳ báo cáo": {"r1"}, "Tính đến": {"09:00 ngày 01/08/2023"}, "Kết quả": {"tạm thời, chưa chốt"},
        "Phiên bản quy tắc": told["Phiên bản quy tắc"], "Mã kiểm tra (SHA-256)": {""}, "Dữ liệu": {"mẫu"},
    }
    scores = (await running.ask("GET", "/api/league", SECRETARY)).json()["clusters"][0]["units"]
    assert [Decimal(row["Điểm"].replace(",", ".")) for row in rows[:4]] == [Decimal(one["score"]) for one in scores], "to the last digit"
    english = await exported(running, language="en")
    assert [row["Score"] for row in english] == [row["Điểm"].replace(",", ".") for row in rows]


async def test_who_asks_gets_what_the_page_shows_them_and_no_more(running):
    assert [row["Mã đơn vị"] for row in await exported(running, CLERK)] == [f"code-{ONE}"]
    assert {row["Mã đơn vị"] for row in await exported(running, HEAD)} == {f"code-{name}" for name in (DISTRICT, *COMMUNES)}
    assert len(await exported(running, officer(Role.CLUSTER_HEAD, unit=ONE))) == 4
    assert (await running.client.get("/evaluation/league.csv", headers={"accept": "application/json"})).status_code == 401
    worst = await exported(running, query="&order=worst&cluster=communes")
    assert [row["Mã đơn vị"] for row in worst] == [f"code-{name}" for name in (FOUR, THREE, TWO, ONE)]


async def test_a_frozen_ranking_is_exported_with_its_hash(running):
    await hear(running.service.database, *ROUNDS_CLOSED, advanced(Phase.CLOSED))
    assert (await post(running, "/council/freeze", CHAIR, confirmed="yes")).status_code == 303
    digest = (await running.ask("GET", "/api/rankings/current", SECRETARY)).json()["ranking_hash"]
    rows = await exported(running)
    assert {row["Mã kiểm tra (SHA-256)"] for row in rows} == {digest}
    assert {row["Kết quả"] for row in rows} == {"đã chốt"}
    printed = await page(running, "/league")
    assert digest in printed.split('class="printed"')[1].split("</p>")[0]
    assert "/evaluation/league.csv?" in await page(running, "/rankings")


async def test_a_cluster_of_many_pages_is_exported_whole_and_in_order(running):
    number = 2 * WHOLE
    await populate(running.service.database, [(Decimal(n % 90), False, "districts", "dvhc") for n in range(number)])
    rows = await exported(running, query="&cluster=districts")
    assert len(rows) == len({row["Mã đơn vị"] for row in rows}) == number + 1
    assert [int(row["Hạng"]) for row in rows] == sorted(int(row["Hạng"]) for row in rows)


async def test_a_name_that_looks_like_a_formula_is_text_in_a_spreadsheet(running):
    version = UnitVersion(valid_from=unit(ONE, UnitKind.COMMUNE, DISTRICT).versions[0].valid_from, name='=HYPERLINK("http://x")', kind=UnitKind.COMMUNE, parent=DISTRICT)
    known = unit(ONE, UnitKind.COMMUNE, DISTRICT, revision=2)
    await hear(running.service.database, UnitChanged(unit=ONE, revision=2, versions=(version,), identifiers=known.identifiers))
    assert (await exported(running, CLERK))[0]["Đơn vị"] == '\'=HYPERLINK("http://x")'


@pytest.mark.parametrize(("cell", "written"), [("=1", "'=1"), ("+1", "'+1"), ("@a", "'@a"), ("-a", "'-a"), ("-1,5", "-1,5"), (Decimal("-0.5"), "-0,5"), (Decimal("1E+2"), "100"), (None, ""), (3, "3")])
def test_a_cell_is_written_so_that_a_spreadsheet_reads_the_same(cell, written):
    assert line([cell]) == (written or '""') + "\r\n"


def test_a_cell_with_a_semicolon_or_a_line_end_stays_one_cell():
    assert next(csv.reader(io.StringIO(line(["a;b\nc", "d"]), newline=""), delimiter=";")) == ["a;b\nc", "d"]
