"""One function per method of a score sheet: criterion and facts in, a line of the score out."""

from collections.abc import Callable
from dataclasses import dataclass, field

from services.evaluation.scoring.attainment import attainment, kept
from services.evaluation.scoring.exact import HUNDRED, Fraction, canonical, rounded
from services.evaluation.scoring.facts import Facts
from services.evaluation.scoring.figures import Figure, Target, counting, in_force
from shared.events.campaign import Campaign, Criterion, Indicator


@dataclass(frozen=True, slots=True)
class Line:
    """A criterion's points, from 0 to `max_points` (a penalty's are negative).

    Not `assigned`: outside the denominator. Assigned with `points` null: nothing is known yet; it adds nothing to the sum, stays
    in the denominator and is shown as not known, for a score must not rise by silence. `evidence` says why, in plain strings.
    """

    criterion: Criterion
    assigned: bool
    points: Fraction | None
    evidence: dict[str, str] = field(default_factory=dict)


Method = Callable[[Criterion, Facts, Campaign], Line]


def line_of(criterion: Criterion, facts: Facts, campaign: Campaign) -> Line:
    """The line of a criterion by its method."""
    return _METHODS[criterion.method](criterion, facts, campaign)


def _measured(share: Callable[[Criterion, Indicator, Target, Figure], Fraction]) -> Method:
    """A method that looks at the counting figure against the target in force on the figure's own day."""

    def line(criterion: Criterion, facts: Facts, campaign: Campaign) -> Line:
        indicator = campaign.indicator(criterion.indicator or "")
        targets = facts.targets.get(criterion.indicator or "", ())
        if indicator is None or not targets:
            return Line(criterion, assigned=False, points=None)
        figure = counting(facts.figures.get(indicator.code, ()))
        if figure is None:
            newest = max(targets, key=lambda t: t.revision)
            return Line(criterion, assigned=True, points=None, evidence=_of_target(newest))
        target = in_force(targets, figure.as_of)
        points = share(criterion, indicator, target, figure) * Fraction(criterion.max_points)
        return Line(criterion, True, points, _of_figure(indicator, target, figure))

    return line


def _of_target(target: Target) -> dict[str, str]:
    told = {"target": canonical(target.target), "target_version": str(target.revision)}
    return told if target.baseline is None else told | {"baseline": canonical(target.baseline)}


def _of_figure(indicator: Indicator, target: Target, figure: Figure) -> dict[str, str]:
    return _of_target(target) | {
        "value": canonical(figure.value),
        "kind": figure.kind,
        "as_of": figure.as_of.isoformat(),
        "round": figure.round,
        "percent": canonical(rounded(attainment(indicator, target, figure.value) * HUNDRED)),
    }


def _in_proportion(_: Criterion, indicator: Indicator, target: Target, figure: Figure) -> Fraction:
    return clamp(attainment(indicator, target, figure.value))


def _by_band(criterion: Criterion, indicator: Indicator, target: Target, figure: Figure) -> Fraction:
    percent = attainment(indicator, target, figure.value) * HUNDRED
    reached = [band for band in criterion.bands if percent >= Fraction(band.at_least)]
    return Fraction(max(reached, key=lambda b: b.at_least).share) if reached else Fraction(0)


def _all_or_nothing(_: Criterion, indicator: Indicator, target: Target, figure: Figure) -> Fraction:
    return Fraction(kept(indicator, target, figure.value))


def _works(criterion: Criterion, facts: Facts, _: Campaign) -> Line:
    """Each unit's works count up to its own duty: a district with five works does not stand in for four communes."""
    below = facts.works_below if criterion.of_descendants else ()
    required = criterion.required + sum(unit.required for unit in below)
    done = min(facts.works_done, criterion.required) + sum(min(unit.done, unit.required) for unit in below)
    evidence = {"done": str(done), "required": str(required)}
    return Line(criterion, required > 0, Fraction(done, required or 1) * Fraction(criterion.max_points), evidence)


def _timeliness(criterion: Criterion, facts: Facts, _: Campaign) -> Line:
    rounds = facts.punctuality
    evidence = {"on_time": str(rounds.on_time), "late": str(rounds.late), "missing": str(rounds.missing)}
    if not rounds.due:
        return Line(criterion, assigned=True, points=None, evidence=evidence)
    share = (rounds.on_time + rounds.late * Fraction(criterion.late_share)) / rounds.due
    return Line(criterion, True, share * Fraction(criterion.max_points), evidence)


def _rubric(criterion: Criterion, facts: Facts, _: Campaign) -> Line:
    level = next((level for level in criterion.levels if level.code == facts.levels.get(criterion.code)), None)
    if level is None:
        return Line(criterion, assigned=True, points=None)
    return Line(criterion, True, Fraction(level.share) * Fraction(criterion.max_points), {"level": level.code})


def _adjustment(sign: int) -> Method:
    """Bonus or penalty: outside the denominator, there only when the council entered points."""

    def line(criterion: Criterion, facts: Facts, _: Campaign) -> Line:
        entered = facts.adjustments.get(criterion.code)
        if entered is None:
            return Line(criterion, assigned=False, points=None)
        points = min(max(Fraction(entered), Fraction(0)), Fraction(criterion.max_points))
        return Line(criterion, True, sign * points)

    return line


def clamp(share: Fraction) -> Fraction:
    """Between nothing (0) and everything (1)."""
    return min(max(share, Fraction(0)), Fraction(1))


_METHODS: dict[str, Method] = {
    "attainment": _measured(_in_proportion),
    "bands": _measured(_by_band),
    "keep": _measured(_all_or_nothing),
    "works": _works,
    "timeliness": _timeliness,
    "rubric": _rubric,
    "bonus": _adjustment(1),
    "penalty": _adjustment(-1),
}
