"""What differs between two versions of a report."""

from collections.abc import Iterable
from typing import Any, NamedTuple

PARTS = ("value", "kind", "as_of", "note")


class Change(NamedTuple):
    """An indicator's figure before and after; None where it was not in the report."""

    indicator: str
    before: Any
    after: Any


def changes(before: Iterable[Any], after: Iterable[Any]) -> list[Change]:
    """The figures that differ, in the order of the newer version; figures are anything with an indicator and `PARTS`."""
    old = {figure.indicator: figure for figure in before}
    new = {figure.indicator: figure for figure in after}
    codes = [*new, *(code for code in old if code not in new)]
    return [Change(code, old.get(code), new.get(code)) for code in codes if _parts(old.get(code)) != _parts(new.get(code))]


def _parts(figure: Any) -> tuple[Any, ...] | None:
    return None if figure is None else tuple(getattr(figure, part) for part in PARTS)
