"""Workbooks as clerks and strangers make them."""

import io
import zipfile
from collections.abc import Mapping
from typing import Any

from openpyxl import Workbook, load_workbook

from services.reporting.pages.workbooks.layout import COLUMNS, FIRST_ROW, MARK, VERSION

EMPTY = ("", "", "", "")


def opened(content: bytes) -> Any:
    """The sheet of a workbook, by the library that others would use."""
    return load_workbook(io.BytesIO(content)).active


def at(sheet: Any, place: int, key: str) -> Any:
    """The cell of an indicator's line and a column's key."""
    return sheet.cell(FIRST_ROW + place, COLUMNS.index(key) + 1)


def filled(content: bytes, cells: Mapping[tuple[int, str], Any], formats: Mapping[tuple[int, str], str] | None = None) -> bytes:
    """The workbook with values in cells, as a clerk would leave it."""
    book = load_workbook(io.BytesIO(content))
    for place, value in cells.items():
        at(book.active, *place).value = value
    for place, format in (formats or {}).items():
        at(book.active, *place).number_format = format
    return saved(book)


def saved(book: Workbook) -> bytes:
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


def parts_of(content: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(content)) as package:
        return {name: package.read(name) for name in package.namelist()}


def packed(parts: Mapping[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as package:
        for name, part in parts.items():
            package.writestr(name, part)
    return file.getvalue()


def sheet_of(rows: list[list[Any]], identity: tuple[Any, ...] = ("thu-nghiem", "unit", "ky-1", "0"), head: tuple[Any, ...] | None = None) -> bytes:
    """A workbook with our mark and columns, written plainly."""
    book = Workbook()
    for row in ([MARK, VERSION, *identity], list(head or COLUMNS), ["x"], *rows):
        book.active.append(row)
    return saved(book)
