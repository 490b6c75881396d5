"""Excel workbooks as answers: tables that people hand on. A text is never taken for a formula."""

import io
import re
from collections.abc import Iterable, Sequence
from datetime import date
from decimal import Decimal
from urllib.parse import quote

from fastapi import Response
from openpyxl import Workbook
from openpyxl.cell.cell import Cell
from openpyxl.styles import Font
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.worksheet import Worksheet

from shared import numbers

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
TITLE_LIMIT = 31
"""So many letters has the name of a sheet at most."""
TEXT_LIMIT = 32_000
"""Characters: a cell holds 32,767."""
DIGITS = 15
"""Spreadsheets keep no more digits of a number; one with more goes out as text, exactly."""
FORMULA_SIGNS = ("=", "+", "-", "@")
_UNWRITABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
"""XML has no place for them."""
_ESCAPE = re.compile("_(?=x[0-9A-Fa-f]{4}_)")
"""A spreadsheet reads _x0041_ as the letter A; who typed that is to see it again."""

Value = str | int | Decimal | date | None


def put(sheet: Worksheet, line: int, column: int, value: Value, *, bold: bool = False, format: str = "General") -> Cell:
    """A value as what it is; a text that begins like a formula stays a text, also when somebody edits its cell."""
    cell = sheet.cell(line, column)
    assert isinstance(cell, Cell)
    if isinstance(value, Decimal) and len(value.as_tuple().digits) > DIGITS:
        value = numbers.write(value)
    if isinstance(value, str):
        value = _ESCAPE.sub("_x005F_", _UNWRITABLE.sub("\ufffd", value[:TEXT_LIMIT])) or None
    cell.value, cell.number_format = value, format
    if isinstance(value, str):
        cell.data_type, cell.quotePrefix = "s", value.startswith(FORMULA_SIGNS)
    if bold:
        cell.font = Font(bold=True)
    return cell


def table(book: Workbook, title: str, notes: Sequence[str], head: Sequence[str], rows: Iterable[Sequence[Value]]) -> Worksheet:
    """A sheet of its own with a table under some lines of notes; returns it."""
    name = "".join(letter for letter in title if letter not in "[]:*?/\\")
    sheet: Worksheet = book.create_sheet(f"{len(book.sheetnames) + 1}. {name}"[:TITLE_LIMIT])
    for line, values in enumerate([[title], *([note] for note in notes), [], head, *rows], 1):
        for column, value in enumerate(values, 1):
            put(sheet, line, column, value, bold=line in {1, len(notes) + 3})
    for column, words in enumerate(head, 1):
        sheet.column_dimensions[get_column_letter(column)].width = max(12, min(len(words) + 4, 40))
    return sheet


def empty() -> Workbook:
    """A workbook without the sheet that a new one has."""
    book = Workbook()
    book.remove(book.worksheets[0])
    return book


def packed(book: Workbook) -> bytes:
    """The workbook as a file's bytes."""
    content = io.BytesIO()
    book.properties.creator = "thidua"
    book.save(content)
    return content.getvalue()


def as_file(content: bytes, name: str) -> Response:
    """A workbook's bytes as a file to keep."""
    return Response(content, media_type=XLSX, headers={"content-disposition": f"attachment; filename*=UTF-8''{quote(name, safe='')}.xlsx"})


def answer(book: Workbook, name: str) -> Response:
    """The workbook as a file to keep."""
    return as_file(packed(book), name)
