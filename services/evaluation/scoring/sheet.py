"""A whole score sheet: lines, denominator, bonus, penalty, caps, grade."""

from dataclasses import dataclass

from services.evaluation.scoring.criteria import Line, line_of
from services.evaluation.scoring.exact import HUNDRED, Fraction
from services.evaluation.scoring.facts import Facts
from shared.events.campaign import Campaign, Criterion, ScoreSheet


@dataclass(frozen=True, slots=True)
class Assessment:
    """A score of 100 and how it came about: `contributions` (one per line, in its order) and `capped` sum to `score` exactly."""

    score: Fraction
    grade: str | None
    lines: tuple[Line, ...]
    contributions: tuple[Fraction, ...]
    capped: Fraction


def assess(sheet: ScoreSheet, facts: Facts, campaign: Campaign) -> Assessment:
    """Score a unit by its sheet.

    Points of assigned criteria over their maximum, times 100; then bonus up to `bonus_cap`, penalty up to `penalty_cap`; then the
    whole between 0 and `total_cap`. A criterion that is not assigned leaves the denominator, so that it neither helps nor harms.
    """
    lines = tuple(line_of(criterion, facts, campaign) for criterion in sheet.criteria)
    denominator = sum((Fraction(x.criterion.max_points) for x in lines if x.assigned and not _outside(x.criterion)), Fraction(0))
    contributions = tuple(_contribution(line, denominator) for line in lines)
    score = _total(sheet, lines, contributions)
    return Assessment(score, grade_of(sheet, score), lines, contributions, score - sum(contributions, Fraction(0)))


def _outside(criterion: Criterion) -> bool:
    return criterion.method in {"bonus", "penalty"}


def _contribution(line: Line, denominator: Fraction) -> Fraction:
    if line.points is None or not line.assigned:
        return Fraction(0)
    return line.points if _outside(line.criterion) else line.points * HUNDRED / denominator


def _total(sheet: ScoreSheet, lines: tuple[Line, ...], contributions: tuple[Fraction, ...]) -> Fraction:
    sums = {"bonus": Fraction(0), "penalty": Fraction(0), "": Fraction(0)}
    for line, part in zip(lines, contributions, strict=True):
        sums[line.criterion.method if _outside(line.criterion) else ""] += part
    bonus = min(sums["bonus"], Fraction(sheet.bonus_cap))
    penalty = max(sums["penalty"], -Fraction(sheet.penalty_cap))
    return max(Fraction(0), min(sums[""] + bonus + penalty, Fraction(sheet.total_cap)))


def grade_of(sheet: ScoreSheet, score: Fraction) -> str | None:
    """The code of the highest grade whose threshold the unrounded score reaches; 94,999 is not 95."""
    reached = [grade for grade in sheet.grades if score >= Fraction(grade.at_least)]
    return max(reached, key=lambda g: g.at_least).code if reached else None
