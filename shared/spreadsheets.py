"""CSV as spreadsheets open it here: a byte order mark, semicolons where the comma is the decimal sign, and no text that would be a formula."""

import csv
import io
import re
from collections.abc import Iterable
from decimal import Decimal

BOM = "\ufeff"
"""Begins the file: without it a spreadsheet takes Vietnamese for something else."""
FORMULA = re.compile(r"[=+@\t\r]|-(?![\d.,]+$)")

Cell = str | int | Decimal | None


def harmless(text: str) -> str:
    """Text that a spreadsheet would take for a formula begins with an apostrophe; a negative number stays one.

    >>> harmless("=1+1"), harmless("-12.5"), harmless("Xã Tà Tổng")
    ("'=1+1", '-12.5', 'Xã Tà Tổng')
    """
    return f"'{text}" if FORMULA.match(text) else text


def line(cells: Iterable[Cell], lang: str = "vi") -> str:
    r"""One line with its end, in the writing of a language: Vietnamese parts cells by semicolons and has decimal commas.

    >>> line(["Xã Tà Tổng", Decimal("81.25"), None])
    'Xã Tà Tổng;81,25;\r\n'
    """
    written = io.StringIO()
    csv.writer(written, delimiter="," if lang == "en" else ";").writerow([_written(cell, lang) for cell in cells])
    return written.getvalue()


def _written(cell: Cell, lang: str) -> str:
    if isinstance(cell, str):
        return harmless(cell)
    if isinstance(cell, Decimal):
        return f"{cell:f}" if lang == "en" else f"{cell:f}".replace(".", ",")
    return "" if cell is None else str(cell)
