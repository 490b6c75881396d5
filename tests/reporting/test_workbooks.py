"""The reading and making of reports' workbooks: what stands in a cell is what the form would have been typed, and bad files cost little."""

import io
import subprocess
import sys
import unicodedata
import zipfile
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from openpyxl import Workbook, load_workbook

from services.reporting.pages.workbooks import packages, reading, writing
from services.reporting.pages.workbooks.layout import COLUMNS, FILLED, FIRST_ROW, Identity
from services.reporting.pages.workbooks.reading import Filled
from services.reporting.pages.workbooks.writing import Draft
from services.reporting.rules.figures import Known
from services.reporting.sheets import Sheet
from shared import numbers
from shared.messages import Fault, Message, Refused
from tests.reporting import world
from tests.reporting.books import at, filled, opened, packed, parts_of, saved, sheet_of

SECOND = 1.0
MEMORY = 100 * 2**20
EMPTY = {"value": "", "kind": "preliminary", "as_of": "14/07/2023", "note": ""}


def sheet() -> Sheet:
    campaign = world.movement()
    indicators = {indicator.code: indicator for indicator in campaign.indicators}
    known = {
        world.REVENUE: Known(indicators[world.REVENUE], 3, None, Decimal(100)),
        world.DISBURSED: Known(indicators[world.DISBURSED], 2, Decimal(40), Decimal(95)),
        world.JOBS: Known(indicators[world.JOBS], 0, None, Decimal(1200)),
    }
    return Sheet(campaign, campaign.rounds[0], known, {}, {})


def draft(*typed: dict[str, str], faults: tuple[Fault, ...] = (), language: str = "vi", revision: int = 0) -> Draft:
    rows = {place: EMPTY | (typed[place] if place < len(typed) else {}) for place in range(3)}
    return Draft(Identity(world.CODE, world.COMMUNE, "ky-1", revision), "Xã Tà Tổng", sheet(), rows, faults, language)


def made(*typed: dict[str, str], **more) -> bytes:
    return writing.made(draft(*typed, **more))


def read(content: bytes) -> Filled:
    return reading.read(content)


def value_in(content: bytes) -> str:
    return read(content).typed[world.REVENUE]["value"]


def refused(content: bytes) -> str:
    with pytest.raises(Refused) as caught:
        read(content)
    [fault] = caught.value.faults
    assert fault.field == packages.FIELD
    return fault.render("vi")


def test_a_workbook_that_was_just_made_says_whose_it_is_and_what_the_fields_say():
    row = {"value": "1234,5", "kind": "official", "as_of": "01/07/2023", "note": "Số của kho bạc"}
    found = read(made(row, revision=7))
    assert found.identity == (world.CODE, world.COMMUNE, "ky-1", 7)
    assert found.typed == {world.REVENUE: row, world.DISBURSED: EMPTY, world.JOBS: EMPTY}


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(value=st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**12), max_value=10**12, places=3))
@example(Decimal("1.234"))
@example(Decimal("0.001"))
@example(Decimal(0))
def test_a_number_goes_out_and_comes_back_as_the_same_number(value):
    written = numbers.write(value)
    assert numbers.parse(value_in(made({"value": written}))) == numbers.parse(written)


def test_a_number_of_more_digits_than_a_spreadsheet_keeps_goes_out_as_text():
    assert value_in(made({"value": "123456789012345678"})) == "123456789012345678"


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"], exclude_characters="\ufffe\uffff"), max_size=40))
@example("=1+1")
@example('=HYPERLINK("http://x","y")')
@example("+84 213")
@example("-")
@example("@lệnh")
@example("_x0041_")
@example("<b>&amp;</b>")
def test_a_text_goes_out_and_comes_back_as_the_same_text_whatever_it_begins_with(text):
    content = made({"note": text})
    cell = at(opened(content), 0, "note")
    assert cell.data_type != "f"
    assert read(content).typed[world.REVENUE]["note"] == unicodedata.normalize("NFC", text).strip()


def test_a_text_that_a_spreadsheet_could_take_for_a_formula_stays_a_text_when_somebody_edits_its_cell():
    assert at(opened(made({"note": "=1+1"})), 0, "note").quotePrefix
    assert not at(opened(made({"note": "1+1"})), 0, "note").quotePrefix


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        (20.5, "20,5"), (0, "0"), (1234, "1234"), (1.234, "1,2340"), (-3.25, "-3,25"), (0.1 + 0.2, "0,3"), (1e-7, "0,0000001"), (10**15, "1000000000000000"),
        (1e300, "1e+300"), ("1.234,5", "1.234,5"), ("12,5", "12,5"), ("12.5", "12.5"), ("1.234", "1.234"), ("1,234.5", "1,234.5"), (" 12,5 ", "12,5"),
        (date(2023, 5, 12), "12/05/2023"), (datetime.fromisoformat("2023-05-12T08:30"), "12/05/2023"), (True, "TRUE"), ("#REF!", "#REF!"), ("#DIV/0!", "#DIV/0!"),
        ("chưa có", "chưa có"), (None, ""), ("", ""),
    ],
)  # fmt: skip
def test_what_stands_in_a_cell_is_read_as_it_would_be_typed(cell, text):
    assert value_in(filled(made(), {(0, "value"): cell})) == text


@pytest.mark.parametrize(
    ("format", "text"),
    [("0.00%", "52,43%"), ("0%", "52,43%"), ('0.00"%"', "0,5243"), (r"0.00\%", "0,5243"), ("#,##0.00", "0,5243"), ("General", "0,5243")],
)
def test_a_cell_in_percent_is_read_with_its_sign_so_that_nobody_guesses_which_number_was_meant(format, text):
    assert value_in(filled(made(), {(0, "value"): 0.5243}, {(0, "value"): format})) == text


def test_the_last_digits_of_a_binary_fraction_are_no_part_of_the_number():
    content = filled(made(), {(0, "value"): 52.43})
    parts = parts_of(content)
    parts["xl/worksheets/sheet1.xml"] = parts["xl/worksheets/sheet1.xml"].replace(b"52.43<", b"52.429999999999993<")
    assert value_in(packed(parts)) == "52,43"


def with_cell(xml: str) -> bytes:
    """A workbook whose first value is this cell, however odd."""
    parts = parts_of(sheet_of([[world.REVENUE, *[None] * (len(COLUMNS) - 1)]]))
    place = f'<c r="G4"{xml}</c></row>'
    parts["xl/worksheets/sheet1.xml"] = parts["xl/worksheets/sheet1.xml"].replace(b"</row></sheetData>", place.encode() + b"</sheetData>")
    return packed(parts)


@pytest.mark.parametrize(
    ("xml", "text"),
    [
        ("><f>1+1</f><v>2</v>", "2"),
        ("><f>'[1]Khác'!A1</f><v>2</v>", "2"),
        ("><f>SUM(A1:A9)</f>", "=SUM(A1:A9)"),
        ("><f>SUM(A1:A9)</f><v/>", "=SUM(A1:A9)"),
        ('><f t="shared" si="0"/>', "="),
        (' t="str"><f>A1&amp;B1</f><v>1234,5</v>', "1234,5"),
        (' t="str"><f>""</f><v></v>', ""),
        (' t="e"><f>1/0</f><v>#DIV/0!</v>', "#DIV/0!"),
        (' t="inlineStr"><is><r><t>12</t></r><r><t>,5</t></r></is>', "12,5"),
        (' t="d"><v>2023-05-12T00:00:00</v>', "12/05/2023"),
        (' t="b"><v>1</v>', "TRUE"),
        ("><v>  </v>", ""),
        (' t="str"><v>a\nb</v>', "a b"),
    ],
)
def test_a_formula_counts_by_its_result_and_without_one_is_told_and_not_taken_for_an_empty_cell(xml, text):
    assert value_in(with_cell(xml)) == text


def test_a_workbook_that_another_program_saved_says_the_same():
    """LibreOffice shares strings, numbers styles anew and writes its own formats; Excel does the like."""
    found = read((Path(__file__).parent / "libreoffice.xlsx").read_bytes())
    assert found.identity == (world.CODE, world.COMMUNE, "ky-1", 0)
    assert found.typed == {
        world.REVENUE: EMPTY | {"value": "12/05/2023", "note": "=1+1"},
        world.DISBURSED: EMPTY | {"value": "52,43", "kind": "official"},
        world.JOBS: EMPTY | {"value": "123456789012345678", "as_of": "31/02/2023", "note": "dòng một dòng hai"},
    }


def test_columns_are_found_by_their_keys_and_lines_by_their_indicators():
    head = ("note", "value", "x", "indicator", "as_of", "kind")
    rows = [["ghi", 5, None, world.DISBURSED, "14/07/2023", "Chính thức"], ["chú", "7", None, world.REVENUE, date(2023, 7, 14), "estimate"]]
    found = read(sheet_of(rows, head=head)).typed
    assert found[world.REVENUE] == {"value": "7", "kind": "estimate", "as_of": "14/07/2023", "note": "chú"}
    assert found[world.DISBURSED] == {"value": "5", "kind": "official", "as_of": "14/07/2023", "note": "ghi"}


@pytest.mark.parametrize("word", ["Ước tính", "ƯỚC TÍNH", "Ước tính", "Estimate", "estimate"])
def test_the_kind_of_a_figure_may_stand_there_in_either_language(word):
    assert read(filled(made(), {(0, "kind"): word})).typed[world.REVENUE]["kind"] == "estimate"
    assert read(filled(made(), {(0, "kind"): "gì đó"})).typed[world.REVENUE]["kind"] == "gì đó"


def test_only_the_cells_to_fill_in_are_open():
    found = opened(made())
    assert found.protection.sheet
    assert {key for place in range(3) for key in COLUMNS if not at(found, place, key).protection.locked} == set(FILLED)
    assert all(cell.protection.locked for row in found.iter_rows(max_row=FIRST_ROW - 1) for cell in row)
    assert found.row_dimensions[1].hidden


def test_the_workbook_says_what_the_form_says_of_each_indicator():
    found = opened(made(language="en"))
    assert at(found, 1, "title").value == f"{world.DISBURSED} (en)"
    assert (at(found, 1, "target").value, at(found, 1, "target").number_format) == (95, "#,##0.00")
    assert (at(found, 2, "target").value, at(found, 2, "target").number_format) == (1200, "#,##0")
    text = [cell.value for row in found.iter_rows(max_row=8) for cell in row if cell.value]
    assert "Xã Tà Tổng" in text
    assert "17:00, 24 Jul 2023" in text


def test_the_spreadsheet_refuses_what_the_rules_would():
    checks = {str(check.sqref): check for check in opened(made()).data_validations.dataValidation}
    revenue, disbursed, jobs, kind, day, note = checks.values()
    assert (disbursed.type, disbursed.formula1, disbursed.formula2, disbursed.error) == ("decimal", "0", "100", "Hãy ghi số từ 0 đến 100.")
    assert (revenue.type, jobs.type) == ("decimal", "whole")
    assert kind.formula1 == '"Ước tính,Sơ bộ,Chính thức"'
    assert (day.formula1, day.formula2) == ("45076", "45121")
    assert note.formula1 == "2000"
    assert all(check.showErrorMessage and check.allowBlank for check in checks.values())


def test_each_bad_cell_has_a_colour_and_says_problem_and_cure_and_good_cells_stay():
    faults = (
        Fault("values.0.value", Message("Chưa có giá trị."), Message("Hãy ghi giá trị.")),
        Fault("values.0.value", Message("Giá trị nằm ngoài khoảng cho phép.")),
        Fault("values.2.as_of", Message("Ngày số liệu ở tương lai.")),
        Fault("", Message("Kỳ này không nhận báo cáo.")),
    )
    found = opened(made({"value": "1.234"}, {"value": "52,43"}, {"as_of": "31/02/2023"}, faults=faults))
    told = {cell.coordinate: cell.comment.text for row in found.iter_rows() for cell in row if cell.comment}
    assert told == {"G11": "Chưa có giá trị. Hãy ghi giá trị.\nGiá trị nằm ngoài khoảng cho phép.", "I13": "Ngày số liệu ở tương lai."}
    assert at(found, 0, "value").fill.fgColor.rgb != at(found, 1, "value").fill.fgColor.rgb
    assert [at(found, 0, "value").value, at(found, 1, "value").value, at(found, 2, "as_of").value] == ["1.234", 52.43, "31/02/2023"]


# What is no workbook of ours

HTML = b"<html><script>alert(1)</script></html>"
OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "Chưa chọn tệp"), (b"MZ\x90\x00" + bytes(100), "không phải tệp Excel"), (HTML, "không phải tệp Excel"), (OLE, "kiểu cũ"),
        (b"PK\x03\x04", "Không đọc được"), (b"MZ" + packed({"xl/workbook.xml": b"<x/>"}), "không phải tệp Excel"),
        (packed({"word/document.xml": b"<x/>"}), "không phải tệp Excel"), (bytes(1_000_001), "lớn hơn 1 MB"),
        (packed({"xl/workbook.xml": b"<x/>"}), "không phải biểu mẫu"), (packed({"xl/workbook.xml": b"", "xl/vbaProject.bin": b"x"}), "macro"),
        (packed({"xl/workbook.xml": b"<x/>", "../../x": b"x", "x" * 300: b"x"}), "không phải biểu mẫu"),
        (packed({"xl/workbook.xml": b"<x/>"}, zipfile.ZIP_LZMA), "Không đọc được"),
        (packed({f"xl/{n}": b"" for n in range(201)}), "lớn bất thường"),
        (saved(Workbook()), "không phải biểu mẫu"),
    ],
)  # fmt: skip
def test_a_file_that_is_no_workbook_of_ours_is_refused_with_the_cure(content, told):
    sentence = refused(content)
    assert told in sentence
    assert "Hãy" in sentence


def changed(name: str, part: bytes) -> bytes:
    return packed(parts_of(made()) | {name: part})


ENTITY = b'<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><sst><si><t>&a;</t></si></sst>'
LAUGHS = b'<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;">]><sst><si><t>&b;</t></si></sst>'


@pytest.mark.parametrize(
    "part", [b"", b"<sst>", ENTITY, LAUGHS, ENTITY.decode().encode("utf-16"), b"\xff\xfe\x00", b"<a>" * 100_000]
)
def test_a_workbook_that_breaks_the_standard_or_reaches_outside_is_refused_as_one(part):
    assert "Không đọc được" in refused(changed("xl/sharedStrings.xml", part))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.integers(0, 2**32), st.binary(max_size=12))
def test_a_workbook_with_bytes_overwritten_is_read_or_refused_and_nothing_else(seed, noise):
    content = MADE
    start = seed % len(content)
    try:
        read(content[:start] + noise + content[start + len(noise) :])
    except Refused as refusal:
        assert refusal.faults


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.integers(0, 2**32), st.binary(max_size=12))
def test_a_sheet_with_bytes_overwritten_is_read_or_refused_and_nothing_else(seed, noise):
    parts = dict(PARTS)
    name = sorted(n for n in parts if n.startswith(("xl/worksheets/sheet", "xl/styles")))[seed % 2]
    start = seed % len(parts[name])
    parts[name] = parts[name][:start] + noise + parts[name][start + len(noise) :]
    try:
        read(packed(parts, zipfile.ZIP_STORED))
    except Refused as refusal:
        assert refusal.faults


MADE = made({"value": "20,5", "note": "ghi chú"})
PARTS = parts_of(MADE)


def test_a_workbook_of_an_older_layout_a_doubled_line_or_sheet_or_a_lost_column_is_refused_with_what_to_do():
    book = load_workbook(io.BytesIO(MADE))
    book.copy_worksheet(book.active)
    assert "hơn một trang báo cáo" in refused(saved(book))
    line = [world.REVENUE, *[None] * 5, 5]
    assert "có ở hai dòng" in refused(sheet_of([line, line]))
    assert "thiếu cột" in refused(sheet_of([line], head=("indicator", "value")))
    assert "phiên bản cũ" in refused(filled_first(MADE, "0"))


def filled_first(content: bytes, version: str) -> bytes:
    book = load_workbook(io.BytesIO(content))
    book.active.cell(1, 2).value = version
    return saved(book)


SPREADSHEET = b'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
FULL = packages.UNPACKED_LIMIT - 60_000
BOMBS = {
    "zeros": {"xl/media/x.png": bytes(60_000_000)},
    "strings": {"xl/sharedStrings.xml": b"<sst " + SPREADSHEET + b">" + b"<si><t>a</t></si>" * 1_000_000 + b"</sst>"},
    "as many as pass": {"xl/sharedStrings.xml": b"<sst " + SPREADSHEET + b">" + b"<si/>" * (FULL // 5) + b"</sst>"},
    "rows": {"xl/worksheets/sheet1.xml": b"<worksheet><sheetData>" + b"<row/>" * (FULL // 6) + b"</sheetData></worksheet>"},
    "cells": {"xl/worksheets/sheet1.xml": b"<worksheet><sheetData><row>" + b"<c/>" * (FULL // 4) + b"</row></sheetData></worksheet>"},
    "styles": {"xl/styles.xml": b"<styleSheet><cellXfs>" + b"<xf/>" * (FULL // 5) + b"</cellXfs></styleSheet>"},
    "depth": {"xl/sharedStrings.xml": b"<sst>" + b"<r>" * (FULL // 7) + b"</r>" * (FULL // 7) + b"</sst>"},
    "names": {"xl/sharedStrings.xml": b"<sst" + b"".join(b" a%d=''" % n for n in range(FULL // 12)) + b"/>"},
}  # fmt: skip


def lying(content: bytes, name: str, size: int) -> bytes:
    """The file with another unpacked size of a part in its directory."""
    place = content.rindex(b"PK\x01\x02", 0, content.rindex(name.encode()))
    return content[: place + 24] + size.to_bytes(4, "little") + content[place + 28 :]


def test_bombs_are_answered_within_a_second_and_a_hundred_mebibytes_each(tmp_path):
    for name, parts in BOMBS.items():
        (tmp_path / name).write_bytes(packed(PARTS | parts))
    (tmp_path / "small by its own word").write_bytes(lying(packed(PARTS | BOMBS["zeros"]), "xl/media/x.png", 10))
    (tmp_path / "small sheet by its own word").write_bytes(lying(packed(PARTS | BOMBS["strings"]), "xl/sharedStrings.xml", 10))
    (tmp_path / "large by its own word").write_bytes(lying(packed(PARTS), "xl/styles.xml", 4_000_000_000))
    measured = subprocess.run([sys.executable, "-c", MEASURE, tmp_path], capture_output=True, text=True, check=True)
    found = {name: (float(seconds), float(grown)) for name, seconds, grown in (line.split("|") for line in measured.stdout.splitlines())}
    assert found.keys() == {path.name for path in tmp_path.iterdir()}
    assert {name: cost for name, cost in found.items() if cost[0] > SECOND or cost[1] > MEMORY} == {}


MEASURE = """
import os, resource, sys, time
from contextlib import suppress
from pathlib import Path
from services.reporting.pages.workbooks import reading
from shared.messages import Refused
for path in Path(sys.argv[1]).iterdir():  # each in a process of its own: the most memory that one ever had is never taken back
    if os.fork():
        os.wait()
        continue
    content = path.read_bytes()
    before, start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    with suppress(Refused):
        reading.read(content)
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024
    print(path.name, time.process_time() - start, grown, sep="|", flush=True)
    os._exit(0)
"""
