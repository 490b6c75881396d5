"""Whether a unit's own figure and a partner's for the same indicator and round agree, and what follows."""

from decimal import ROUND_HALF_UP, Decimal
from enum import StrEnum
from typing import NamedTuple


class Step(StrEnum):
    """What becomes of a pair of figures."""

    NOTHING = "nothing"
    OPEN = "open"
    MOVE = "move"
    AGREE = "agree"


class Last(NamedTuple):
    """The newest discrepancy about the pair: whether it still waits, and the figures it was about."""

    waiting: bool
    reported: Decimal
    observed: Decimal


def agree(reported: Decimal, observed: Decimal, decimals: int) -> bool:
    """Equal when both are rounded half up to the decimals of the unit of measure: 61.2 and 61.2034 agree with one decimal."""
    place = Decimal(1).scaleb(-decimals)
    return reported.quantize(place, ROUND_HALF_UP) == observed.quantize(place, ROUND_HALF_UP)


def decide(reported: Decimal, observed: Decimal, decimals: int, last: Last | None) -> Step:
    """Open once; move along when figures change but still differ; end when they agree; leave alone what a person has settled."""
    same = last is not None and (last.reported, last.observed) == (reported, observed)
    if agree(reported, observed, decimals):
        return Step.AGREE if last and last.waiting else Step.NOTHING
    if last is None or not last.waiting:
        return Step.NOTHING if same else Step.OPEN
    return Step.NOTHING if same else Step.MOVE
