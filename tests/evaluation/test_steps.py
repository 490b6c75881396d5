"""The next step says the truth: what a criterion could still add is what reaching its target does add."""

from dataclasses import replace
from decimal import Decimal

from services.evaluation.dossiers import Line
from services.evaluation.scoring.exact import decimal
from services.evaluation.scoring.facts import Facts
from services.evaluation.scoring.sheet import Assessment, assess
from services.evaluation.steps import LISTED, Step, next_step
from tests.evaluation.making import SHEET, campaign
from tests.evaluation.test_sheet import FULL, figure


def lines_of(found: Assessment) -> list[Line]:
    return [
        Line(x.criterion, None, x.assigned, None if x.points is None else decimal(x.points), Decimal(x.criterion.max_points), decimal(part), {})
        for x, part in zip(found.lines, found.contributions, strict=True)
    ]


def step_of(facts: Facts) -> Step | None:
    found = assess(SHEET, facts, campaign())
    return next_step(SHEET, decimal(found.score), lines_of(found))


def test_what_is_missing_for_the_next_grade_is_the_way_to_its_threshold():
    step = step_of(FULL)
    score = assess(SHEET, FULL, campaign()).score
    assert step
    assert (step.grade.code, step.missing) == ("best", Decimal(95) - decimal(score))


def test_reaching_a_target_adds_exactly_what_was_said_to_be_open_and_the_most_comes_first():
    step = step_of(FULL)
    assert step
    assert len(step.gains) == LISTED
    assert [gain.points for gain in step.gains] == sorted((gain.points for gain in step.gains), reverse=True)
    open_points = {gain.criterion.code: gain.points for gain in step.gains}
    reached = replace(FULL, figures={**FULL.figures, "revenue": [figure("120")]})
    gained = assess(SHEET, reached, campaign()).score - assess(SHEET, FULL, campaign()).score
    assert abs(open_points["revenue"] - decimal(gained)) < Decimal("1e-9")


def test_the_councils_bonus_is_no_plan_and_the_best_grade_has_no_next_step():
    step = step_of(FULL)
    assert step
    assert not {gain.criterion.method for gain in step.gains} & {"bonus", "penalty"}
    lines = lines_of(assess(SHEET, FULL, campaign()))
    assert next_step(SHEET, Decimal(95), lines) is None
