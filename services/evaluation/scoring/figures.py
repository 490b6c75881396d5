"""Figures and targets: which figure of an indicator counts, and which target it is read against."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import NamedTuple


class Target(NamedTuple):
    """One version of a commitment, in the indicator's unit of measure, in force from `effective_from` on."""

    revision: int
    baseline: Decimal | None
    target: Decimal
    effective_from: date


class Figure(NamedTuple):
    """A known figure of a round: estimate, preliminary or official, as of a day, from this revision of the report, with the unit's note."""

    round: str
    value: Decimal
    kind: str
    as_of: date
    revision: int
    note: str = ""


def in_force(targets: Sequence[Target], on: date) -> Target:
    """The target that counted on a day: the highest version whose effective date had come.

    Targets change lawfully during a movement, and an amendment may reach back: so the version, not the date, decides between
    two that are in force. A figure older than every version is read against the first one. `targets` must not be empty.
    """
    begun = [target for target in targets if target.effective_from <= on]
    return max(begun, key=_revision) if begun else min(targets, key=_revision)


def _revision(target: Target) -> int:
    return target.revision


def counting(figures: Sequence[Figure]) -> Figure | None:
    """The figure that counts now: that of the latest round with a known value, in the newest revision of its report.

    `figures` come in the campaign's order of rounds, one per round. A value reported as not known is no figure, and the last
    known one goes on counting, with its own as-of day shown: null is not zero, and not news either.
    """
    return figures[-1] if figures else None
