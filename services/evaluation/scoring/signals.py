"""A unit at one glance: red, orange or green by its worst target, or not assessed; nothing is averaged, so that nothing red hides."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from services.evaluation.scoring.exact import HUNDRED, rounded
from services.evaluation.scoring.figures import Figure
from services.evaluation.scoring.pace import Outlook, Watch


class Colour(StrEnum):
    """Worst first. Red: a warning is open. Orange: some target will not quite be reached at the present pace. Green: none such.

    Unassessed: no target has a figure that counts, so that nothing can be said.
    """

    RED = "red"
    ORANGE = "orange"
    GREEN = "green"
    UNASSESSED = "unassessed"


@dataclass(frozen=True, slots=True)
class Signal:
    """A unit's colour and why: the indicator farthest from its target and what percent of it is to be expected (None: not known).

    `warnings` are open, `unexplained` are those of them whose figure was reported without a note; `unknown` targets have no figure.
    """

    colour: Colour
    indicator: str | None
    percent: Decimal | None
    warnings: int
    unexplained: int
    unknown: int


def signal_of(watched: Mapping[str, Watch], figures: Mapping[str, Sequence[Figure]]) -> Signal:
    """The signal of a unit from what is watched of each of its targets and the figures of each, by indicator."""
    known = {code: seen.latest for code, seen in watched.items() if seen.latest}
    warned = [code for code, seen in watched.items() if seen.raised]
    worst = min(warned or known, key=lambda code: (known[code].percent, code), default=None)
    return Signal(
        colour=_colour(known, warned),
        indicator=worst,
        percent=rounded(known[worst].percent) if worst else None,
        warnings=len(warned),
        unexplained=sum(not figures[code][-1].note.strip() for code in warned),
        unknown=len(watched) - len(known),
    )


def _colour(known: Mapping[str, Outlook], warned: Sequence[str]) -> Colour:
    if warned:
        return Colour.RED
    if any(outlook.percent < HUNDRED for outlook in known.values()):
        return Colour.ORANGE
    return Colour.GREEN if known else Colour.UNASSESSED
