"""Values that look like a slip of the decimal mark: ten times too big or too small. A flag asks for a note; it never blocks."""

from collections.abc import Sequence
from decimal import Decimal
from statistics import median

SLIP = Decimal(8)
"""A value this many times the last one (or this part of it) looks like a slip; a real tenfold slip on a moving figure gives 8 to 13."""
WITHOUT_HISTORY = Decimal("2.5")
"""In the first round there is only baseline and target to compare with: this many times the larger of them looks odd."""
ENOUGH = 4
"""Below this many values a median absolute deviation says nothing."""
DEVIATIONS = Decimal(8)
SCALE = Decimal("1.4826")
"""Makes the median absolute deviation comparable with a standard deviation (normal distribution)."""
LEAST_RATIO = Decimal(3)


def is_outlier(value: Decimal, history: Sequence[Decimal], baseline: Decimal | None, target: Decimal | None) -> bool:
    """Compare with the unit's own earlier values (oldest first); without any that are not zero, with baseline and target.

    With `ENOUGH` values the median absolute deviation decides too, guarded by a least ratio so that calm series raise nothing.
    """
    last = next((past for past in reversed(history) if past != 0), None)
    if last is None:
        ceiling = max((abs(v) for v in (baseline, target) if v is not None), default=Decimal(0))
        return ceiling > 0 and abs(value) > WITHOUT_HISTORY * ceiling
    if value == 0:
        return False
    ratio = max(abs(value / last), abs(last / value))
    return ratio >= SLIP or (ratio >= LEAST_RATIO and _strays(value, history))


def _strays(value: Decimal, history: Sequence[Decimal]) -> bool:
    if len(history) < ENOUGH:
        return False
    middle = median(history)
    spread = median([abs(past - middle) for past in history]) * SCALE
    return spread > 0 and abs(value - middle) > DEVIATIONS * spread
