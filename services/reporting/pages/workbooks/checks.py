"""What a spreadsheet itself refuses while it is typed in. A convenience: pasting goes around it, and the form's rules alone decide."""

from collections.abc import Iterator
from datetime import date

from openpyxl.utils import get_column_letter
from openpyxl.worksheet.datavalidation import DataValidation

from services.reporting.pages.words import KINDS
from services.reporting.pages.workbooks.layout import COLUMNS, FIRST_ROW, HEADINGS
from services.reporting.rules.figures import NOTE_LIMIT, Known, range_of, window_of
from services.reporting.sheets import Sheet
from shared.messages import Message

ANY_NUMBER = 10**15
DAY_ZERO = date(1899, 12, 30)
"""Spreadsheets count days from here, because one of old took 1900 for a leap year."""


def of(sheet: Sheet, language: str) -> Iterator[DataValidation]:
    """The checks of a workbook's cells: each value by its indicator's range, the other columns as a whole."""
    for place, known in enumerate(sheet.known.values()):
        yield _told(_value(known), "value", (place, place), language, range_of(known.indicator.lower, known.indicator.upper))
    whole = (0, max(len(sheet.known) - 1, 0))
    words = [title.render(language) for title in KINDS.values()]
    kinds = DataValidation("list", f'"{",".join(words)}"')
    yield _told(kinds, "kind", whole, language, Message("Hãy dùng một trong: {choices}.", choices=", ".join(words)))
    days = DataValidation("date", _serial(sheet.round.window_start), _serial(sheet.round.cutoff), operator="between")
    yield _told(days, "as_of", whole, language, window_of(sheet.round))
    short = DataValidation("textLength", str(NOTE_LIMIT), operator="lessThanOrEqual")
    yield _told(short, "note", whole, language, Message("Ghi chú dài hơn {limit} ký tự.", limit=NOTE_LIMIT))


def _value(known: Known) -> DataValidation:
    low, high = known.indicator.lower, known.indicator.upper
    ends = str(-ANY_NUMBER if low is None else low), str(ANY_NUMBER if high is None else high)
    return DataValidation("decimal" if known.decimals else "whole", *ends, operator="between")


def _told(check: DataValidation, key: str, places: tuple[int, int], language: str, cure: Message) -> DataValidation:
    """The check on a column's cells from one place to another, with its words for who typed something else."""
    column = get_column_letter(COLUMNS.index(key) + 1)
    check.add(f"{column}{FIRST_ROW + places[0]}:{column}{FIRST_ROW + places[1]}")
    check.errorTitle, check.error = HEADINGS[key].render(language), cure.render(language)
    check.showErrorMessage = check.allowBlank = True
    return check


def _serial(day: date) -> str:
    return str((day - DAY_ZERO).days)
