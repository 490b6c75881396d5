"""A round's workbook: a unit fills it in with Excel and hands it back; reading it fills the fields of the grid and stores nothing."""

import io
import zipfile
from collections.abc import Iterator, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any, NamedTuple

import openpyxl
from openpyxl import Workbook
from openpyxl.styles import Alignment, Protection
from openpyxl.worksheet.datavalidation import DataValidation

from services.reporting.sheets import Sheet
from shared import numbers
from shared.events.reporting import ValueKind
from shared.messages import LANGUAGES, Fault, Message, Refused
from shared.web import workbooks

HEAD = (
    Message("Mã"), Message("Chỉ tiêu"), Message("Đơn vị tính"), Message("Kỳ trước"), Message("Mục tiêu"), Message("Giá trị"),
    Message("Loại số liệu"), Message("Ngày số liệu"), Message("Ghi chú"),
)  # fmt: skip
WIDTHS = (10, 48, 14, 12, 12, 14, 16, 14, 48)
FILLED = {"value": 6, "kind": 7, "as_of": 8, "note": 9}
"""The columns to fill in, counted from one."""
FIRST_LINE = 4
UNPACKED = 10_000_000
"""A packed file may say so much, in bytes, when it is unpacked; ours says a hundredth of it."""
LINES = 500
HINT = Message("Chỉ điền các cột Giá trị, Loại số liệu, Ngày số liệu, Ghi chú. Ô trống nghĩa là chưa có số liệu. Gửi lại tệp ở trang nhập báo cáo.")


class Words(NamedTuple):
    """In which language, and what the kinds of figures are called."""

    language: str
    kinds: Mapping[ValueKind, Message]


def mark_of(sheet: Sheet, unit: str) -> str:
    """What stands in the first cell, hidden: whose workbook of which round this is."""
    return f"{sheet.campaign.code}|{sheet.round.code}|{unit}"


def write(sheet: Sheet, unit: str, typed: Mapping[int, Mapping[str, str]], words: Words) -> Workbook:
    """The workbook with the unit's indicators, last round and targets, and what stands in the fields now. Only what is to be filled in is open."""
    book = workbooks.empty()
    page = book.create_sheet(Message("Báo cáo").render(words.language))
    title = sheet.round.title.in_language(words.language)
    head: list[list[workbooks.Value]] = [[mark_of(sheet, unit), title], ["", HINT.render(words.language)], [h.render(words.language) for h in HEAD]]
    for line, values in enumerate([*head, *_rows(sheet, typed, words)], 1):
        for column, value in enumerate(values, 1):
            workbooks.put(page, line, column, value, bold=line in {1, FIRST_LINE - 1})
    for letter, width in zip("ABCDEFGHI", WIDTHS, strict=True):
        page.column_dimensions[letter].width = width
    page.column_dimensions["A"].hidden = True
    page.freeze_panes = f"C{FIRST_LINE}"
    choices = ",".join(kind.render(words.language) for kind in words.kinds.values())
    offered = DataValidation("list", formula1=f'"{choices}"', allow_blank=True)
    page.add_data_validation(offered)
    offered.add(f"G{FIRST_LINE}:G{FIRST_LINE + len(sheet.known)}")
    for cells in page.iter_rows(min_row=FIRST_LINE):
        for cell in cells:
            cell.alignment = Alignment(wrap_text=True, vertical="top")
            cell.protection = Protection(locked=cell.column not in FILLED.values())
    page.protection.sheet = True
    return book


def _rows(sheet: Sheet, typed: Mapping[int, Mapping[str, str]], words: Words) -> Iterator[list[workbooks.Value]]:
    for place, (code, known) in enumerate(sheet.known.items()):
        measure = sheet.campaign.unit_of_measure(known.indicator.unit_of_measure)
        before, fields = sheet.before.get(code), typed[place]
        yield [
            code, known.indicator.title.in_language(words.language), measure.title.in_language(words.language) if measure else "",
            before.value if before else None, known.target, numbers.parse(fields["value"]) if fields["value"] else None,
            words.kinds[ValueKind(fields["kind"])].render(words.language), fields["as_of"], fields["note"],
        ]  # fmt: skip


def read(content: bytes, sheet: Sheet, unit: str, kinds: Mapping[ValueKind, Message]) -> dict[str, dict[str, str]]:
    """What the fields shall say, by indicator. Raises `Refused` for what is not this unit's workbook of this round."""
    cells = _cells(content)
    if not cells or str(cells[0][0].value) != mark_of(sheet, unit):
        problem = Message("Tệp này không phải mẫu Excel của kỳ báo cáo và đơn vị này.")
        raise Refused(Fault("file", problem, Message("Hãy tải mẫu của kỳ này về rồi điền.")))
    named = {words.render(language).casefold(): kind.value for kind, words in kinds.items() for language in LANGUAGES}
    found = {}
    for line in cells[FIRST_LINE - 1 :]:
        said = {part: _text(line[column - 1]) for part, column in FILLED.items() if column <= len(line)}
        found[str(line[0].value)] = said | {"kind": named.get(said.get("kind", "").casefold(), said.get("kind", ""))}
    return found


def _cells(content: bytes) -> list[tuple[Any, ...]]:
    """The first sheet's cells, line by line."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as packed:
            size = sum(part.file_size for part in packed.infolist())
        book = openpyxl.load_workbook(io.BytesIO(content), read_only=True, data_only=True) if size <= UNPACKED else None
        cells = list(book.worksheets[0].iter_rows(max_row=LINES, max_col=len(HEAD))) if book else []
    except Exception as error:  # bytes from anywhere: whatever a parser stumbles over, they are no workbook, and nothing of ours ran
        cure = Message("Hãy tải mẫu của kỳ này về rồi điền; tệp .xls cũ thì lưu lại dạng .xlsx.")
        raise Refused(Fault("file", Message("Không đọc được tệp này như một tệp Excel (.xlsx)."), cure)) from error
    if book is None:
        raise Refused(Fault("file", Message("Tệp quá lớn."), Message("Hãy điền vào mẫu tải từ trang này.")))
    return cells


def _text(cell: Any) -> str:
    """A cell as somebody would have typed it. Excel keeps 95% as 0,95; here a percentage is written as 95."""
    value = cell.value
    if isinstance(value, datetime | date):
        return f"{value:%d/%m/%Y}"
    if isinstance(value, int | float) and not isinstance(value, bool):
        exact = Decimal(f"{value:.15g}")
        return numbers.write((exact * 100).normalize() if "%" in (cell.number_format or "") else exact)
    return "" if value is None else str(value).strip()
