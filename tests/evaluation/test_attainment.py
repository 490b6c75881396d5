"""How far a unit has come towards a target."""

from datetime import date
from decimal import Decimal
from fractions import Fraction

import pytest

from services.evaluation.scoring.attainment import attainment, kept, share_of_target, value_at
from services.evaluation.scoring.exact import canonical, decimal
from services.evaluation.scoring.figures import Figure, Target, counting, in_force
from tests.evaluation.making import indicator


def target(goal: str, baseline: str | None = None, revision: int = 1, since: date = date(2023, 6, 1)) -> Target:
    return Target(revision, None if baseline is None else Decimal(baseline), Decimal(goal), since)


@pytest.mark.parametrize(
    ("direction", "nature", "baseline", "goal", "value", "expected"),
    [
        ("higher", "rate", "80", "90", "85", Fraction(1, 2)),
        ("higher", "rate", "80", "90", "92", Fraction(6, 5)),
        ("higher", "rate", "80", "90", "78", Fraction(-1, 5)),
        ("higher", "stock", None, "40", "30", Fraction(3, 4)),
        ("higher", "flow", "90", "100", "60", Fraction(3, 5)),
        ("lower", "rate", "20", "16", "17", Fraction(3, 4)),
        ("lower", "rate", "20", "16", "21", Fraction(-1, 4)),
        ("lower", "flow", "50", "40", "30", Fraction(5, 4)),
        ("lower", "stock", None, "40", "44", Fraction(9, 10)),
        ("lower", "stock", None, "40", "0", Fraction(2)),
        ("lower", "rate", "0", "0", "0", Fraction(1)),
        ("lower", "rate", "0", "0", "1", Fraction(0)),
        ("higher", "rate", "100", "100", "99", Fraction(99, 100)),
        ("higher", "rate", None, "0", "0", Fraction(1)),
        ("higher", "rate", None, "0", "-1", Fraction(0)),
        ("keep", "rate", None, "50", "50", Fraction(1)),
    ],
)
def test_attainment_is_the_way_gone_or_the_share_of_the_target(direction, nature, baseline, goal, value, expected):
    assert attainment(indicator("x", direction, nature), target(goal, baseline), Decimal(value)) == expected


@pytest.mark.parametrize("direction", ["higher", "lower"])
def test_a_target_of_zero_is_reached_at_zero_and_no_value_is_more_than_that(direction):
    assert value_at(indicator("x", direction), target("0"), Fraction(1)) == 0
    assert value_at(indicator("x", direction), target("0"), Fraction(11, 10)) is None


def test_a_rank_or_rate_that_should_fall_is_mirrored_around_its_target():
    falling, rising = indicator("x", "lower"), indicator("x", "higher")
    for percent in (-50, -10, 0, 10, 50):
        above, below = Decimal(100 + percent), Decimal(100 - percent)
        assert share_of_target(falling, target("100"), above) == share_of_target(rising, target("100"), below)


def test_keeping_the_level_means_not_worse_than_the_baseline_in_the_direction_of_the_indicator():
    assert kept(indicator("forest"), target("52", "51.9"), Decimal("51.9"))
    assert not kept(indicator("forest"), target("52", "51.9"), Decimal("51.89"))
    assert kept(indicator("crime", "lower"), target("30", "40"), Decimal(40))
    assert not kept(indicator("crime", "lower"), target("30", "40"), Decimal(41))
    assert kept(indicator("forest"), target("52"), Decimal(52)), "without a baseline the target is the level"


def test_the_target_in_force_on_the_day_counts_and_a_later_version_wins_when_it_reaches_back():
    first = target("100", revision=1, since=date(2023, 6, 1))
    second = target("120", revision=2, since=date(2023, 9, 1))
    back = target("110", revision=3, since=date(2023, 8, 1))
    assert in_force([second, first], date(2023, 8, 31)) is first
    assert in_force([second, first], date(2023, 9, 1)) is second
    assert in_force([first, second, back], date(2023, 9, 14)) is back
    assert in_force([second, first], date(2023, 1, 1)) is first, "a figure older than every version is read against the first"


def test_the_latest_known_figure_counts():
    early = Figure("r1", Decimal(1), "official", date(2023, 7, 14), 3)
    late = Figure("r2", Decimal(2), "estimate", date(2023, 8, 14), 1)
    assert counting([early, late]) is late
    assert counting([]) is None


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (Fraction(1, 3), "0." + "3" * 40),
        (Fraction(2, 3) * 100, "66." + "6" * 39 + "7"),
        (Fraction(0), "0"),
        (Fraction(-1, 2), "-0.5"),
        (Fraction(100), "100"),
        (Fraction(1, 10**60), "0"),
        (Fraction(10**24, 7), "142857142857142857142857." + "14285714285714285714285714"),
    ],
)
def test_a_rational_has_one_decimal_that_every_database_can_keep(value, expected):
    assert canonical(decimal(value)) == expected
    assert len(expected) <= 64
