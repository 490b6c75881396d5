"""How a number of a cell is written: as the form writes it, whatever the cell's format makes of it on a screen."""

import re
from datetime import datetime
from decimal import Context, Decimal

from openpyxl.styles.numbers import is_date_format
from openpyxl.utils.datetime import from_excel

from shared import numbers
from shared.web.workbooks import DIGITS

EXACT = Context(prec=DIGITS)
"""A workbook keeps binary fractions and shows no more digits of them: 0.1 + 0.2 is 0,3 there as well."""
LARGEST = 30
_LITERAL = re.compile(r'"[^"]*"|\\.|\[[^\]]*\]')


def shown(raw: str, format: str) -> str:
    """A number of a cell as the form writes it: a day where the cell shows one, with a percent sign where the cell shows that.

    >>> shown("52.429999999999993", "0.00"), shown("0.5243", "0.00%"), shown("45121", "dd/mm/yyyy")
    ('52,43', '52,43%', '14/07/2023')
    """
    value = Decimal(raw)
    if not value.is_finite() or abs(value.adjusted()) > LARGEST:
        return raw
    day = _day(float(value)) if is_date_format(format) else ""
    if day:
        return day
    percent = "%" in _LITERAL.sub("", format)
    exact = EXACT.create_decimal(value * 100 if percent else value).normalize()
    return numbers.write(exact) + "%" * percent


def _day(serial: float) -> str:
    """Empty where the number is no day."""
    try:
        found = from_excel(serial)
    except (OverflowError, ValueError):
        return ""
    return f"{found:%d/%m/%Y}" if isinstance(found, datetime) else ""
