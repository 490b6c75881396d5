"""How far a unit has come towards a target: higher or lower is better, with or without a way from a baseline."""

from decimal import Decimal

from services.evaluation.scoring.exact import Fraction
from services.evaluation.scoring.figures import Target
from shared.events.campaign import Indicator

Number = Decimal | Fraction


def attainment(indicator: Indicator, target: Target, value: Number) -> Fraction:
    """The part of the target attained: 1 is attained, above 1 is more, below 0 is worse than the start.

    - A stock or rate with a baseline on the right side of its target: the way gone of the way from baseline to target, in
      either direction (poverty from 20 % to 16 % stands at 17 %: 3/4).
    - A flow (cumulative, it starts from nothing each year) and anything without such a baseline: value over target where
      higher is better; `2 - value/target`, its mirror image, where lower is better, so that a tenth above costs what a tenth
      below earns and zero needs no division.
    """
    start, goal = target.baseline, target.target
    if indicator.nature != "flow" and start is not None and _leads_onward(indicator, start, goal):
        return (Fraction(value) - Fraction(start)) / (Fraction(goal) - Fraction(start))
    return share_of_target(indicator, target, value)


def share_of_target(indicator: Indicator, target: Target, value: Number) -> Fraction:
    """Value over target, or its mirror image where lower is better; a target of zero or less is attained or not (1 or 0)."""
    goal, reached = Fraction(target.target), Fraction(value)
    if goal <= 0:
        return Fraction(reached <= goal if lower_is_better(indicator) else reached >= goal)
    return 2 - reached / goal if lower_is_better(indicator) else reached / goal


def value_at(indicator: Indicator, target: Target, share: Fraction) -> Fraction | None:
    """The value at which `attainment` is `share`, its inverse; None where a target of zero or less knows only attained or not."""
    start, goal = target.baseline, Fraction(target.target)
    if indicator.nature != "flow" and start is not None and _leads_onward(indicator, start, target.target):
        return Fraction(start) + share * (goal - Fraction(start))
    if goal <= 0:
        return goal if share <= 1 else None
    return (2 - share) * goal if lower_is_better(indicator) else share * goal


def kept(indicator: Indicator, target: Target, value: Number) -> bool:
    """True when the value is not worse than the baseline (than the target, where no baseline is known)."""
    bound = target.target if target.baseline is None else target.baseline
    return Fraction(value) <= Fraction(bound) if lower_is_better(indicator) else Fraction(value) >= Fraction(bound)


def lower_is_better(indicator: Indicator) -> bool:
    """True for poverty, crime, arrears; an indicator that is only to be kept up counts as higher is better."""
    return indicator.direction == "lower"


def _leads_onward(indicator: Indicator, start: Decimal, goal: Decimal) -> bool:
    return goal < start if lower_is_better(indicator) else goal > start
