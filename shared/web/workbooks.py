"""Excel workbooks as answers: tables that people hand on. A text is never taken for a formula."""

import io
from collections.abc import Iterable, Sequence
from datetime import date
from decimal import Decimal
from urllib.parse import quote

from fastapi import Response
from openpyxl import Workbook
from openpyxl.styles import Font
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.worksheet import Worksheet

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
TITLE_LIMIT = 31
"""So many letters has the name of a sheet at most."""

Value = str | int | Decimal | date | None


def put(sheet: Worksheet, line: int, column: int, value: Value, *, bold: bool = False) -> None:
    """A value as what it is; a text that begins like a formula stays a text."""
    cell = sheet.cell(line, column, value)
    if isinstance(value, str):
        cell.data_type = "s"
    if bold:
        cell.font = Font(bold=True)


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


def answer(book: Workbook, name: str) -> Response:
    """The workbook as a file to keep."""
    content = io.BytesIO()
    book.save(content)
    headers = {"content-disposition": f"attachment; filename*=UTF-8''{quote(name)}.xlsx"}
    return Response(content.getvalue(), media_type=XLSX, headers=headers)
