"""What would raise a score: for each line of the sheet the least change that gives the points that are missing, tried out on the sheet itself."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal
from math import ceil, floor
from typing import NamedTuple

from services.evaluation.scoring.attainment import attainment, lower_is_better, value_at
from services.evaluation.scoring.criteria import clamp
from services.evaluation.scoring.exact import HUNDRED, Fraction
from services.evaluation.scoring.facts import Facts, WorksBelow
from services.evaluation.scoring.figures import Figure, Target, counting, in_force
from services.evaluation.scoring.sheet import assess
from shared.events.campaign import Campaign, Criterion, Indicator, ScoreSheet

ALTERNATIVES = 3
Sheet = tuple[ScoreSheet, Campaign]


class Chance(NamedTuple):
    """The round in which figures can still change: as of its cut-off. `punctual`: a report in time is still to be earned there."""

    round: str
    as_of: date
    punctual: bool


class Step(NamedTuple):
    """One change and the exact points by which it alone raises the score.

    `value`: the figure to reach (None: works, a report in time); `change`: what that is more than now, negative for less, in the unit of
    measure, in works or in reports (None: no figure is known now). `effort`: the part of the whole target that has to be gone; 0 for a report.
    """

    criterion: Criterion
    value: Decimal | None
    change: Decimal | None
    gain: Fraction
    effort: Fraction


class Way(NamedTuple):
    """How to gain what is `missing`: by any one of `alone`, the least effort first; else by all of `together`, which give `gain`.

    Where `gain` is less than what is missing, everything that can still be won is not enough.
    """

    missing: Fraction
    alone: tuple[Step, ...]
    together: tuple[Step, ...]
    gain: Fraction

    @property
    def reaches(self) -> bool:
        """True when the goal can still be reached."""
        return self.gain >= self.missing


def way(sheet: Sheet, facts: Facts, chance: Chance | None, goal: Fraction) -> Way:
    """How a score gets to `goal`, which is above it, if all else stays. What people enter (rubric, bonus, penalty) is nobody's own step,
    nor is what cannot be any more: a count that fell, a round that passed, a value out of range. Without a chance only works are left.
    """
    missing = goal - assess(sheet[0], facts, sheet[1]).score
    found = steps(sheet, facts, chance, missing)
    alone = sorted((step for step in found if step.gain >= missing), key=lambda step: (step.effort, -step.gain))
    if alone:
        return Way(missing, tuple(alone[:ALTERNATIVES]), (), alone[0].gain)
    return _all_of(sheet, facts, chance, missing, sorted(found, key=lambda step: (step.effort > 0, -step.gain / (step.effort or 1))))


def _all_of(sheet: Sheet, facts: Facts, chance: Chance | None, missing: Fraction, found: Sequence[Step]) -> Way:
    """One step after another, each no greater than is still needed, until there is enough or nothing more."""
    together, gain, after = list[Step](), Fraction(0), facts
    for line in found:
        if gain >= missing:
            break
        if step := _least(sheet, after, chance, line.criterion, missing - gain):
            together.append(step._replace(gain=_gains(sheet, facts, taken(sheet[1], facts, chance, [step]))[0]))
            after = taken(sheet[1], after, chance, [step])
            gain = _gains(sheet, facts, after)[0]
    return Way(missing, (), tuple(together), gain)


def steps(sheet: Sheet, facts: Facts, chance: Chance | None, missing: Fraction) -> list[Step]:
    """For each line that can be raised its least step that gives the missing points or, where none does, the one that gives most."""
    found = (_least(sheet, facts, chance, criterion, missing) for criterion in sheet[0].criteria)
    return [step for step in found if step]


def _least(sheet: Sheet, facts: Facts, chance: Chance | None, criterion: Criterion, missing: Fraction) -> Step | None:
    best, most = None, Fraction(0)
    for step in _steps(sheet, facts, chance, criterion, missing):
        gain, before_caps = _gains(sheet, facts, taken(sheet[1], facts, chance, [step]))
        if before_caps > most:
            best, most = step._replace(gain=gain), before_caps
        if gain >= missing:
            break
    return best


def _gains(sheet: Sheet, before: Facts, after: Facts) -> tuple[Fraction, Fraction]:
    """(by what the score rises, by what its lines do before caps): where a penalty outweighs everything, only several steps show at all."""
    old, new = assess(sheet[0], before, sheet[1]), assess(sheet[0], after, sheet[1])
    return new.score - old.score, sum(new.contributions, Fraction(0)) - sum(old.contributions, Fraction(0))


def taken(campaign: Campaign, facts: Facts, chance: Chance | None, among: Iterable[Step]) -> Facts:
    """What would be known of the unit once these steps were taken."""
    for step in among:
        if step.criterion.method == "works":
            facts = _with_works(facts, step.criterion, int(step.change or 0))
        elif step.criterion.method == "timeliness":
            facts = replace(facts, punctuality=replace(facts.punctuality, on_time=facts.punctuality.on_time + 1))
        elif step.value is not None and chance:
            facts = _with_figure(campaign, facts, step.criterion.indicator or "", Figure(chance.round, step.value, "estimate", chance.as_of, 0))
    return facts


def _with_figure(campaign: Campaign, facts: Facts, indicator: str, figure: Figure) -> Facts:
    order = [r.code for r in campaign.rounds]
    kept = [one for one in facts.figures.get(indicator, ()) if one.round != figure.round]
    known = sorted([*kept, figure], key=lambda one: order.index(one.round))
    return replace(facts, figures={**facts.figures, indicator: known})


def _with_works(facts: Facts, criterion: Criterion, more: int) -> Facts:
    """The unit's own works first, then those of the units below."""
    own = min(more, max(0, criterion.required - facts.works_done))
    left, below = more - own, list[WorksBelow]()
    for one in facts.works_below:
        now = min(left, max(0, one.required - one.done)) if criterion.of_descendants else 0
        left -= now
        below.append(replace(one, done=one.done + now))
    return replace(facts, works_done=facts.works_done + own, works_below=below)


def _steps(sheet: Sheet, facts: Facts, chance: Chance | None, criterion: Criterion, missing: Fraction) -> Iterator[Step]:
    """The steps of a line that are worth trying, the least first; what they gain is not known yet."""
    if criterion.method == "works":
        yield from _works(sheet, facts, criterion, missing)
    elif criterion.method == "timeliness" and chance and chance.punctual:
        yield Step(criterion, None, Decimal(1), Fraction(0), Fraction(0))
    elif criterion.method in _SHARES and chance:
        yield from _figures(sheet, facts, chance, criterion, missing)


def _works(sheet: Sheet, facts: Facts, criterion: Criterion, missing: Fraction) -> Iterator[Step]:
    below = facts.works_below if criterion.of_descendants else ()
    required = criterion.required + sum(one.required for one in below)
    open_ = max(0, criterion.required - facts.works_done) + sum(max(0, one.required - one.done) for one in below)
    each = Fraction(criterion.max_points) * _worth(sheet, facts) / (required or 1)
    for more in sorted({min(open_, max(1, ceil(missing / each))), open_} if each > 0 else {0}):
        if more:
            yield Step(criterion, None, Decimal(more), Fraction(0), Fraction(more, required))


def _figures(sheet: Sheet, facts: Facts, chance: Chance, criterion: Criterion, missing: Fraction) -> Iterator[Step]:
    indicator = sheet[1].indicator(criterion.indicator or "")
    targets = facts.targets.get(criterion.indicator or "", ())
    if indicator is None or not targets:
        return
    target, now = in_force(targets, chance.as_of), counting(facts.figures.get(indicator.code, ()))
    reached = attainment(indicator, target, now.value) if now else None
    needed = missing / (Fraction(criterion.max_points) * _worth(sheet, facts))
    for share in _SHARES[criterion.method](criterion, indicator, target, reached, needed):
        value = _reportable(sheet[1], indicator, value_at(indicator, target, share))
        if value is not None and _may_come(indicator, now, value):
            effort = max(Fraction(0), attainment(indicator, target, value) - (reached or 0))
            yield Step(criterion, value, value - now.value if now else None, Fraction(0), effort)


def _worth(sheet: Sheet, facts: Facts) -> Fraction:
    """What a point of the sheet is worth in the score: 100 over what is assigned."""
    lines = assess(sheet[0], facts, sheet[1]).lines
    assigned = sum((Fraction(x.criterion.max_points) for x in lines if x.assigned and x.criterion.method not in {"bonus", "penalty"}), Fraction(0))
    return HUNDRED / assigned if assigned else Fraction(0)


Shares = Callable[[Criterion, Indicator, Target, Fraction | None, Fraction], Sequence[Fraction]]


def _in_proportion(_: Criterion, __: Indicator, ___: Target, reached: Fraction | None, needed: Fraction) -> Sequence[Fraction]:
    return sorted({clamp(clamp(reached or Fraction(0)) + needed), Fraction(1)})


def _bands(criterion: Criterion, _: Indicator, __: Target, reached: Fraction | None, ___: Fraction) -> Sequence[Fraction]:
    ahead = (Fraction(band.at_least) / HUNDRED for band in criterion.bands)
    return sorted(share for share in ahead if reached is None or share > reached)


def _kept(_: Criterion, indicator: Indicator, target: Target, __: Fraction | None, ___: Fraction) -> Sequence[Fraction]:
    """The attainment at the level that is to be kept."""
    return [attainment(indicator, target, target.target if target.baseline is None else target.baseline)]


_SHARES: dict[str, Shares] = {"attainment": _in_proportion, "bands": _bands, "keep": _kept}


def _reportable(campaign: Campaign, indicator: Indicator, value: Fraction | None) -> Decimal | None:
    """A value with no more decimals than its unit of measure has, rounded to the better side and within the indicator's range."""
    if value is None:
        return None
    measure = campaign.unit_of_measure(indicator.unit_of_measure)
    scale: int = 10 ** (measure.decimals if measure else 2)
    whole = floor(value * scale) if lower_is_better(indicator) else ceil(value * scale)
    found = Decimal(whole) / scale
    found = found if indicator.upper is None else min(found, indicator.upper)
    return found if indicator.lower is None else max(found, indicator.lower)


def _may_come(indicator: Indicator, now: Figure | None, value: Decimal) -> bool:
    """A step leads onward; what is counted through the year never falls."""
    if now is None:
        return True
    if lower_is_better(indicator):
        return value < now.value and indicator.nature != "flow"
    return value > now.value
