"""Excel workbooks as answers: tables that people hand on. A text is never taken for a formula."""

import io
import re
from datetime import date
from decimal import Decimal
from urllib.parse import quote

from fastapi import Response
from openpyxl import Workbook
from openpyxl.cell.cell import Cell
from openpyxl.styles import Font
from openpyxl.worksheet.worksheet import Worksheet

from shared import numbers

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
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


def packed(book: Workbook) -> bytes:
    """The workbook as a file's bytes."""
    content = io.BytesIO()
    book.properties.creator = "thidua"
    book.save(content)
    return content.getvalue()


def as_file(content: bytes, name: str) -> Response:
    """A workbook's bytes as a file to keep."""
    return Response(content, media_type=XLSX, headers={"content-disposition": f"attachment; filename*=UTF-8''{quote(name, safe='')}.xlsx"})
