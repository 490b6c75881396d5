"""The order of scores as text and numbers that a database can sort and count by: ascending is best first."""

from decimal import Context, Decimal
from math import floor

from services.evaluation.scoring.exact import PLACES

CEILING = 10**9
"""No score is as high, and none as low as its negative."""
KEY_LENGTH = PLACES + 10
BUCKETS_PER_POINT = 10
"""A bucket is a tenth of a point: some 400 rows for a cluster, and in one of 30,000 units some 75 units in each."""
_WIDE = Context(prec=2 * KEY_LENGTH)


def key_of(score: Decimal) -> str:
    """A score's distance from the ceiling, in units of the last place, as `KEY_LENGTH` digits: equal for equal scores, less for higher ones.

    >>> key_of(Decimal("97.5")) < key_of(Decimal("97.49")) < key_of(Decimal(-3))
    True
    """
    distance = _WIDE.subtract(Decimal(CEILING), score)
    return f"{int(distance.scaleb(PLACES, _WIDE)):0{KEY_LENGTH}d}"


def bucket_of(score: Decimal) -> int:
    """The bucket of a score, less for higher ones.

    >>> bucket_of(Decimal("97.59")), bucket_of(Decimal("97.5")), bucket_of(Decimal("97.49"))
    (-975, -975, -974)
    """
    return -floor(_WIDE.multiply(score, Decimal(BUCKETS_PER_POINT)))
