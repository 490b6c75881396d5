"""A whole sheet against a calculation made by hand, and the rules of denominator, null, caps and grades."""

from datetime import date
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.evaluation.scoring.facts import Facts, Punctuality, WorksBelow
from services.evaluation.scoring.figures import Figure, Target
from services.evaluation.scoring.sheet import Assessment, assess
from tests.evaluation.making import SHEET, campaign, criterion

SINCE = date(2023, 6, 1)


def target(goal: str, baseline: str | None = None) -> Target:
    return Target(1, None if baseline is None else Decimal(baseline), Decimal(goal), SINCE)


def figure(value: str, round: str = "r1") -> Figure:
    return Figure(round, Decimal(value), "estimate", date(2023, 7, 14), 1)


FULL = Facts(
    targets={
        "revenue": [target("120", "100")], "poverty": [target("16", "20")], "disbursed": [target("95")], "forest": [target("52", "51.9")],
    },
    figures={
        "revenue": [figure("70"), figure("77", "r2")], "poverty": [figure("17")], "disbursed": [figure("80")], "forest": [figure("51.9")],
    },
    punctuality=Punctuality(on_time=2, late=1, missing=1),
    works_done=3,
    works_below=(WorksBelow(1, 1), WorksBelow(1, 0), WorksBelow(1, 2)),
    levels={"lead": "good"},
    adjustments={"models": Decimal("2.5"), "breach": Decimal("1.25")},
)


def points(assessment: Assessment) -> dict[str, Fraction | None]:
    return {line.criterion.code: line.points for line in assessment.lines}


def test_a_full_sheet_agrees_with_the_calculation_by_hand():
    found = assess(SHEET, FULL, campaign())
    by_hand = {
        "revenue": Fraction(77, 120) * 30,  # a flow: value over target; the latest round counts
        "poverty": Fraction(20 - 17, 20 - 16) * 20,  # three of four percentage points gone
        "disbursed": Fraction(1, 2) * 15,  # 80/95 = 84.2 %: the band from 75 %
        "forest": Fraction(5),  # exactly the baseline
        "schools": None,  # no commitment: not assigned
        "works": Fraction(1 + 1 + 0 + 1, 4) * 10,  # three works of one's own do not stand in for the commune that has none
        "punctual": (2 + Fraction(1, 2)) / 4 * 6,
        "lead": Fraction(3, 4) * 4,
        "models": Fraction(5, 2),
        "breach": Fraction(-5, 4),
    }
    assert points(found) == by_hand
    denominator = 30 + 20 + 15 + 5 + 10 + 6 + 4  # without the 10 of schools
    earned = sum(v for k, v in by_hand.items() if v is not None and k not in {"models", "breach"})
    assert found.score == earned * 100 / denominator + Fraction(5, 2) - Fraction(5, 4)
    assert sum(found.contributions) + found.capped == found.score
    assert found.capped == 0
    assert found.grade == "rest"


def test_a_criterion_without_a_commitment_neither_helps_nor_harms():
    with_schools = Facts(targets=FULL.targets | {"schools": [target("60")]}, figures=FULL.figures | {"schools": [figure("60")]})
    without = Facts(targets=FULL.targets, figures=FULL.figures)
    line = next(x for x in assess(SHEET, without, campaign()).lines if x.criterion.code == "schools")
    assert (line.assigned, line.points) == (False, None)
    assert assess(SHEET, with_schools, campaign()).score != assess(SHEET, without, campaign()).score


def test_an_assigned_criterion_with_no_figure_is_null_not_zero_and_stays_in_the_denominator():
    silent = Facts(targets={"schools": [target("60")], "revenue": [target("120")]}, figures={"revenue": [figure("120")]}, works_done=1)
    zero = Facts(targets=silent.targets, figures=dict(silent.figures) | {"schools": [figure("0")]}, works_done=1)
    line = next(x for x in assess(SHEET, silent, campaign()).lines if x.criterion.code == "schools")
    assert (line.assigned, line.points) == (True, None)
    assert next(x for x in assess(SHEET, zero, campaign()).lines if x.criterion.code == "schools").points == 0
    assert assess(SHEET, silent, campaign()).score == Fraction(30 + 10) * 100 / (30 + 10 + 10 + 6 + 4)


def test_points_stay_between_nothing_and_the_maximum():
    beyond = Facts(targets={"poverty": [target("16", "20")]}, figures={"poverty": [figure("9")]})
    behind = Facts(targets={"poverty": [target("16", "20")]}, figures={"poverty": [figure("25")]})
    assert points(assess(SHEET, beyond, campaign()))["poverty"] == 20
    assert points(assess(SHEET, behind, campaign()))["poverty"] == 0


@pytest.mark.parametrize(("value", "share"), [("95", 1), ("94.99", Fraction(1, 2)), ("71.25", Fraction(1, 2)), ("71.24", 0)])
def test_a_band_begins_exactly_at_its_threshold(value, share):
    found = assess(SHEET, Facts(targets={"disbursed": [target("95")]}, figures={"disbursed": [figure(value)]}), campaign())
    assert points(found)["disbursed"] == share * 15


def test_a_figure_counts_against_the_target_that_was_in_force_on_its_own_day():
    raised = Target(2, Decimal(20), Decimal(12), date(2023, 8, 1))
    facts = Facts(targets={"poverty": [target("16", "20"), raised]}, figures={"poverty": [figure("17")]})
    line = next(x for x in assess(SHEET, facts, campaign()).lines if x.criterion.code == "poverty")
    assert (line.points, line.evidence["target"], line.evidence["target_version"]) == (Fraction(3, 4) * 20, "16", "1")


def test_works_of_units_below_count_only_where_the_criterion_asks_for_them():
    own = SHEET.model_copy(update={"criteria": (criterion("works", "works", "10", required=1),)})
    assert points(assess(own, Facts(works_done=1, works_below=(WorksBelow(1, 0),)), campaign()))["works"] == 10


def test_who_has_no_duty_of_works_is_not_judged_by_them():
    none = criterion("works", "works", "10", required=0, of_descendants=True)
    both = SHEET.model_copy(update={"criteria": (none, criterion("punctual", "timeliness", "10"))})
    found = assess(both, Facts(punctuality=Punctuality(on_time=1)), campaign())
    assert (found.lines[0].assigned, found.score) == (False, 100)


def test_bonus_and_penalty_and_the_whole_are_capped_and_the_parts_still_sum_to_the_score():
    best = Facts(works_done=1, punctuality=Punctuality(on_time=1), levels={"lead": "good"}, adjustments={"models": Decimal(5)})
    capped = SHEET.model_copy(update={"total_cap": Decimal(100), "criteria": SHEET.criteria})
    found = assess(capped, best, campaign())
    assert found.score == 100
    assert found.capped == -(found.score * 0 + sum(found.contributions) - 100)
    worst = Facts(adjustments={"breach": Decimal(10)})
    punished = assess(SHEET, worst, campaign())
    assert punished.score == 0
    assert sum(punished.contributions) + punished.capped == 0
    mild = SHEET.model_copy(update={"penalty_cap": Decimal(3)})
    assert assess(mild, Facts(works_done=1, adjustments=worst.adjustments), campaign()).score == Fraction(10) * 100 / 20 - 3


def test_two_bonuses_share_one_cap():
    sheet = SHEET.model_copy(update={"criteria": (*SHEET.criteria, criterion("second", "bonus", "5"))})
    both = Facts(works_done=1, adjustments={"models": Decimal(4), "second": Decimal(4)})
    assert assess(sheet, both, campaign()).score == Fraction(10) * 100 / 20 + 5


def test_a_grade_needs_the_unrounded_score():
    works_only = SHEET.model_copy(update={"criteria": (criterion("works", "works", "100", required=1),), "bonus_cap": Decimal(5)})
    almost = works_only.model_copy(update={"criteria": (criterion("punctual", "timeliness", "100", late_share=Decimal("0.94999")),)})
    assert assess(works_only, Facts(works_done=1), campaign()).grade == "best"
    assert assess(almost, Facts(punctuality=Punctuality(late=1)), campaign()).grade == "rest"


def test_no_round_due_yet_is_not_known_and_no_assigned_criterion_gives_nothing():
    assert points(assess(SHEET, Facts(), campaign()))["punctual"] is None
    only_measured = SHEET.model_copy(update={"criteria": SHEET.criteria[:3]})
    assert assess(only_measured, Facts(), campaign()).score == 0


@given(
    st.dictionaries(st.sampled_from(["revenue", "poverty", "disbursed", "forest", "schools"]), st.decimals(-1000, 1000, places=3), max_size=5),
    st.integers(0, 4), st.integers(0, 3), st.integers(0, 3),
    st.decimals(0, 5, places=2), st.decimals(0, 10, places=2),
)
def test_every_score_is_within_its_caps_and_is_the_sum_of_its_parts(values, works, on_time, late, bonus, penalty):
    facts = Facts(
        targets={code: [target("50", "10")] for code in values}, figures={code: [figure(str(v))] for code, v in values.items()},
        works_done=works, punctuality=Punctuality(on_time, late), adjustments={"models": bonus, "breach": penalty},
    )
    found = assess(SHEET, facts, campaign())
    assert 0 <= found.score <= 105
    assert sum(found.contributions) + found.capped == found.score
    assert all(line.points is None or abs(line.points) <= line.criterion.max_points for line in found.lines)
