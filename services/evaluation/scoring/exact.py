"""Exact arithmetic: rationals inside, one fixed way to write them as decimals outside."""

from decimal import ROUND_HALF_EVEN, Context, Decimal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fractions import Fraction as Fraction
else:
    from quicktions import Fraction  # the same type compiled: a unit's score is some two hundred operations

DIGITS = 50
PLACES = 40
_CONTEXT = Context(prec=DIGITS, rounding=ROUND_HALF_EVEN)
_LAST_PLACE = Decimal(1).scaleb(-PLACES)

HUNDRED = Fraction(100)


def decimal(value: Fraction) -> Decimal:
    """A rational as a decimal of at most 50 digits and 40 places, half to even.

    Equal rationals give equal decimals, whatever the order in which they were summed, so ties between scores are exact;
    two different scores would have to agree to 40 places to be taken for a tie.
    """
    return Decimal(written(value))


def written(value: Fraction) -> str:
    """The same decimal as canonical text."""
    if value.denominator == 1:
        return str(value.numerator)
    quotient = _CONTEXT.divide(Decimal(value.numerator), Decimal(value.denominator))
    if int(quotient.as_tuple().exponent) < -PLACES:
        quotient = quotient.quantize(_LAST_PLACE, context=_CONTEXT)
    return canonical(quotient)


def canonical(value: Decimal) -> str:
    """The one way to write a decimal: plain, no exponent, no trailing zeros, no minus before zero.

    >>> canonical(Decimal("97.5000")), canonical(Decimal("-0.0")), canonical(Decimal("1E+2"))
    ('97.5', '0', '100')
    """
    text = format(value, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text in {"-0", ""} else text


def rounded(value: Fraction, places: int = 4) -> Decimal:
    """A rational for people to read; nothing is decided by it."""
    return Decimal(canonical(Decimal(round(value * 10**places)).scaleb(-places)))
