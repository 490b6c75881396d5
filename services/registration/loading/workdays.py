"""Working days: Monday to Friday without the days off that a campaign's file lists."""

from collections.abc import Collection
from datetime import date, timedelta

_SATURDAY = 5


def working_days_between(earlier: date, later: date, days_off: Collection[date]) -> int:
    """How many working days lie after `earlier` and before `later`, neither counted."""
    between = (earlier + timedelta(days=n) for n in range(1, (later - earlier).days))
    return sum(day.weekday() < _SATURDAY and day not in days_off for day in between)
