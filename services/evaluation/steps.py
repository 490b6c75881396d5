"""The next step: what a unit lacks for the next better grade, and where its score sheet still has the most to give."""

from collections.abc import Sequence
from decimal import Decimal
from typing import NamedTuple

from services.evaluation.dossiers import Line
from services.evaluation.scoring.exact import Fraction, decimal
from shared.events.campaign import Criterion, Grade, ScoreSheet

LISTED = 3


class Gain(NamedTuple):
    """What a criterion could still add to the score of 100."""

    criterion: Criterion
    points: Decimal


class Step(NamedTuple):
    """The next better grade, the points of the score missing for it, and the criteria with the most left, the largest first."""

    grade: Grade
    missing: Decimal
    gains: Sequence[Gain]


def next_step(sheet: ScoreSheet, score: Decimal, lines: Sequence[Line]) -> Step | None:
    """None for a unit with the best grade. What the council adds or takes away by decision is nobody's to plan."""
    above = [grade for grade in sheet.grades if grade.at_least > score]
    if not above:
        return None
    grade = min(above, key=lambda g: g.at_least)
    return Step(grade, grade.at_least - score, sorted(_gains(lines), key=lambda gain: -gain.points)[:LISTED])


def _gains(lines: Sequence[Line]) -> list[Gain]:
    planned = [line for line in lines if line.assigned and line.criterion.method not in {"bonus", "penalty"}]
    whole = sum((Fraction(line.max_points) for line in planned), Fraction(0))
    left = [(line.criterion, Fraction(line.max_points) - Fraction(line.points or 0)) for line in planned]
    return [Gain(criterion, decimal(points * 100 / whole)) for criterion, points in left if points > 0]
