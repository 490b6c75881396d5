"""What would raise a score: taking a step really gives the points it says, the least one is the least, and nothing is promised in vain."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from services.evaluation.scoring.attainment import attainment, value_at
from services.evaluation.scoring.exact import Fraction
from services.evaluation.scoring.facts import Facts, Punctuality, WorksBelow
from services.evaluation.scoring.figures import Figure, Target, counting
from services.evaluation.scoring.sheet import assess
from services.evaluation.scoring.steps import Chance, steps, taken, way
from tests.evaluation.making import CRITERIA, CUTOFFS, INDICATORS, SHEET, campaign, criterion, indicator

MOVEMENT = campaign()
CODES = [one.code for one in INDICATORS]
CHANCE = Chance("r3", CUTOFFS["r3"], punctual=True)
START = date(2023, 6, 1)

values = st.decimals(-20, 250, places=2)
targets = st.builds(Target, st.just(1), st.none() | st.decimals(0, 120, places=2), st.decimals(-5, 120, places=2), st.just(START))


@st.composite
def figures(draw: st.DrawFn) -> list[Figure]:
    codes = draw(st.lists(st.sampled_from(["r1", "r2", "r3"]), unique=True).map(sorted))
    return [Figure(code, draw(values), "estimate", CUTOFFS[code], 1) for code in codes]


facts_of = st.builds(
    Facts,
    targets=st.dictionaries(st.sampled_from(CODES), targets.map(lambda one: [one])),
    figures=st.dictionaries(st.sampled_from(CODES), figures()),
    punctuality=st.builds(Punctuality, st.integers(0, 2), st.integers(0, 2), st.integers(0, 2)),
    works_done=st.integers(0, 2),
    works_below=st.lists(st.builds(WorksBelow, st.integers(0, 3), st.integers(0, 3)), max_size=4),
    levels=st.sampled_from([{}, {"lead": "good"}]),
    adjustments=st.sampled_from([{}, {"breach": Decimal(9)}, {"models": Decimal(5)}]),
)
chances = st.sampled_from([CHANCE, CHANCE._replace(punctual=False), Chance("r2", CUTOFFS["r2"], punctual=False), None])
gaps = st.decimals("0.01", 100, places=2).map(Fraction)


def score_of(facts: Facts) -> Fraction:
    return assess(SHEET, facts, MOVEMENT).score


def changed(facts: Facts, chance: Chance | None, step) -> Facts:
    """What would be known after a step, told anew from what the step says."""
    method = step.criterion.method
    if method == "timeliness":
        return replace(facts, punctuality=Punctuality(facts.punctuality.on_time + 1, facts.punctuality.late, facts.punctuality.missing))
    if method == "works":
        done, below, left = facts.works_done, list(facts.works_below), int(step.change)
        while left and done < step.criterion.required:
            done, left = done + 1, left - 1
        for n, one in enumerate(below):
            while left and below[n].done < one.required:
                below[n], left = WorksBelow(one.required, below[n].done + 1), left - 1
        assert left == 0, "no more works than are owed"
        return replace(facts, works_done=done, works_below=below)
    code = step.criterion.indicator
    kept = {figure.round: figure for figure in facts.figures.get(code, ())}
    kept[chance.round] = Figure(chance.round, step.value, "official", chance.as_of, 9)
    return replace(facts, figures={**facts.figures, code: [kept[name] for name in ("r1", "r2", "r3") if name in kept]})


@given(facts_of, chances, gaps)
def test_a_step_gives_exactly_the_points_it_says_and_one_alone_is_enough(facts, chance, gap):
    before = score_of(facts)
    found = way((SHEET, MOVEMENT), facts, chance, before + gap)
    assert found.missing == gap
    for step in (*found.alone, *found.together):
        after = changed(facts, chance, step)
        assert score_of(after) - before == step.gain
    assert all(step.gain >= found.missing for step in found.alone)
    assert [step.effort for step in found.alone] == sorted(step.effort for step in found.alone)


@given(facts_of, chances, gaps)
def test_steps_taken_together_give_what_they_say_and_where_they_are_not_enough_nothing_is_left(facts, chance, gap):
    before = score_of(facts)
    found = way((SHEET, MOVEMENT), facts, chance, before + gap)
    after = facts
    for step in found.together:
        after = changed(after, chance, step)
    if not found.alone:
        assert score_of(after) - before == found.gain
    assert found.reaches == (score_of(after) >= before + gap or bool(found.alone))
    if not found.reaches:
        left = steps((SHEET, MOVEMENT), after, chance and chance._replace(punctual=False), before + gap - score_of(after))
        assert left == [], "all that can still be won has been counted"


@given(facts_of, chances, gaps)
def test_nobody_is_asked_for_what_cannot_come(facts, chance, gap):
    found = way((SHEET, MOVEMENT), facts, chance, score_of(facts) + gap)
    for step in (*found.alone, *found.together):
        assert step.criterion.method not in {"rubric", "bonus", "penalty"}
        if step.value is None:
            continue
        assert chance is not None
        known = MOVEMENT.indicator(step.criterion.indicator)
        now = counting(facts.figures.get(known.code, ()))
        assert step.value == round(step.value, 2), "no more decimals than the unit of measure has"
        assert step.change == (None if now is None else step.value - now.value)
        assert now is None or (step.value < now.value if known.direction == "lower" else step.value > now.value)


@given(facts_of, gaps)
def test_the_least_step_of_a_proportional_line_is_the_least(facts, gap):
    facts = replace(facts, adjustments={})
    goal = score_of(facts) + gap
    for step in way((SHEET, MOVEMENT), facts, CHANCE, goal).alone:
        known = MOVEMENT.indicator(step.criterion.indicator or "")
        if step.criterion.method == "attainment" and step.change is not None:
            less = step.value + (Decimal("0.01") if known.direction == "lower" else Decimal("-0.01"))
            assert score_of(changed(facts, CHANCE, step._replace(value=less))) < goal


@given(st.sampled_from(INDICATORS), targets, st.fractions(-2, 3))
def test_the_value_at_a_share_has_that_attainment(one, target, share):
    value = value_at(one, target, Fraction(share))
    if value is not None and (target.target > 0 or attainment(one, target, value) not in {0, 1}):
        assert attainment(one, target, value) == share


def test_a_count_that_should_stay_low_never_falls_and_a_value_stays_within_its_range():
    crimes = indicator("crimes", "lower", nature="flow")
    schools = indicator("schools", upper=Decimal(80))
    movement = campaign(indicators=(crimes, schools))
    sheet = SHEET.model_copy(update={"criteria": (
        criterion("crimes", "keep", "10", indicator="crimes"), criterion("schools", "attainment", "10", indicator="schools"),
    )})
    facts = Facts(
        targets={code: [Target(1, None, Decimal(100), START)] for code in ("crimes", "schools")},
        figures={"crimes": [Figure("r1", Decimal(120), "estimate", CUTOFFS["r1"], 1)], "schools": [Figure("r1", Decimal(50), "estimate", CUTOFFS["r1"], 1)]},
    )
    found = way((sheet, movement), facts, CHANCE, Fraction(90))
    assert [(step.criterion.code, step.value, step.gain) for step in found.together] == [("schools", Decimal(80), 15)]
    assert not found.reaches
    assert found.gain == 15


def test_a_report_in_time_is_the_cheapest_step_and_is_named_once_it_can_still_be_earned():
    facts = Facts(punctuality=Punctuality(on_time=1, missing=1))
    missing = Fraction(1, 100)
    goal = score_of(facts) + missing
    (step, *_) = way((SHEET, MOVEMENT), facts, CHANCE, goal).alone
    assert (step.criterion.method, step.effort) == ("timeliness", 0)
    late = way((SHEET, MOVEMENT), facts, CHANCE._replace(punctual=False), goal)
    assert "timeliness" not in {one.criterion.method for one in (*late.alone, *late.together)}


def test_a_band_asks_for_its_threshold_and_not_for_less():
    facts = Facts(
        targets={"disbursed": [Target(1, None, Decimal(200), START)]},
        figures={"disbursed": [Figure("r1", Decimal(100), "estimate", CUTOFFS["r1"], 1)]},
    )
    only = SHEET.model_copy(update={"criteria": tuple(one for one in CRITERIA if one.code == "disbursed")})
    found = way((only, MOVEMENT), facts, CHANCE, Fraction(1))
    assert [(step.value, step.change, step.gain) for step in found.alone] == [(Decimal(150), Decimal(50), 50)]


def test_taking_steps_leaves_what_was_known_alone():
    facts = Facts(targets={"schools": [Target(1, None, Decimal(100), START)]}, figures={"schools": []}, works_below=[WorksBelow(2, 0)])
    found = steps((SHEET, MOVEMENT), facts, CHANCE, Fraction(100))
    taken(MOVEMENT, facts, CHANCE, found)
    assert facts.figures == {"schools": []}
    assert facts.works_below == [WorksBelow(2, 0)]
