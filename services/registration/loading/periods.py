"""Stretches of days, both ends included, open at the end when it is null."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta


@dataclass(frozen=True)
class Period:
    """From a day to a day, both included."""

    first: date
    last: date | None = None

    def holds(self, day: date) -> bool:
        """Whether the day lies inside."""
        return self.first <= day and (self.last is None or day <= self.last)

    def overlaps(self, other: "Period") -> bool:
        """Whether some day lies in both."""
        return self.holds(other.first) or other.holds(self.first)


def covered(whole: Period, parts: Iterable[Period]) -> bool:
    """Whether every day of `whole` lies in one of `parts`."""
    day: date | None = whole.first
    for part in sorted(parts, key=lambda p: p.first):
        if day is None or not part.holds(day):
            continue
        day = part.last and part.last + timedelta(days=1)
    return day is None or (whole.last is not None and day > whole.last)
