"""Projection, warnings with hysteresis, and leads that last."""

from datetime import date
from decimal import Decimal
from fractions import Fraction

from services.evaluation.scoring.figures import Figure, Target
from services.evaluation.scoring.pace import lead, projection, watch
from shared.events.campaign import EarlyWarning
from tests.evaluation.making import CUTOFFS, campaign, indicator

FLOW = indicator("revenue", nature="flow", cumulative_from=date(2023, 1, 1))
RATE = indicator("disbursed")


def figures(**values: str) -> list[Figure]:
    return [Figure(code, Decimal(value), "estimate", CUTOFFS[code], 1) for code, value in values.items()]


def targets(goal: str, baseline: str | None = None) -> list[Target]:
    return [Target(1, None if baseline is None else Decimal(baseline), Decimal(goal), date(2023, 6, 1))]


def test_a_flow_goes_on_at_its_mean_pace_since_the_count_began():
    days_counted, days_left = 195, 108  # 1 January to 14 July, and on to 30 October
    assert projection(campaign(), FLOW, figures(r1="195")) == 195 + Fraction(195, days_counted) * days_left


def test_a_flow_that_was_steady_is_projected_the_same_from_one_round_or_from_three():
    steady = figures(r1="195", r2="226", r3="257")  # one a day
    assert projection(campaign(), FLOW, steady) == projection(campaign(), FLOW, steady[:1]) == 303


def test_a_flow_never_falls_and_a_stock_or_rate_stays_where_it_is():
    assert projection(campaign(), FLOW, figures(r1="-5")) == -5
    assert projection(campaign(), RATE, figures(r1="40", r2="55")) == 55


def test_with_several_rounds_the_pace_is_that_of_the_movement_itself():
    days = Fraction((CUTOFFS["r2"] - CUTOFFS["r1"]).days)
    assert projection(campaign(), FLOW, figures(r1="100", r2="160")) == 160 + 60 / days * 77
    assert projection(campaign(), FLOW, figures(r1="100", r2="100")) == 100


def test_a_warning_opens_below_one_threshold_and_closes_only_above_the_other():
    seen = [watch(campaign(), RATE, targets("100"), figures(r1="79", **rest)) for rest in ({}, {"r2": "85"}, {"r2": "90"})]
    assert [w.raised is not None for w in seen] == [True, True, False]
    assert seen[0].raised.percent == 79
    assert seen[1].raised.round == "r1", "the warning is still the one of the first round"
    assert seen[1].latest.percent == 85
    assert watch(campaign(), RATE, targets("100"), figures(r1="85")).raised is None, "in between, nothing opens"


def test_a_warning_that_closed_opens_anew_in_a_later_round():
    assert watch(campaign(), RATE, targets("100"), figures(r1="70", r2="95", r3="60")).raised.round == "r3"


def test_a_falling_indicator_is_warned_about_when_it_stays_high():
    poverty = indicator("poverty", "lower")
    assert watch(campaign(), poverty, targets("16", "30"), figures(r1="20")).raised.percent == 75
    assert watch(campaign(), poverty, targets("16", "30"), figures(r1="17")).raised is None


def test_each_figure_is_read_against_the_target_of_its_day():
    amended = [*targets("100"), Target(2, None, Decimal(60), date(2023, 8, 1))]
    assert watch(campaign(), RATE, amended, figures(r1="55")).raised is not None
    assert watch(campaign(), RATE, amended, figures(r1="55", r2="58")).raised is None


def test_there_is_nothing_to_tell_without_figures_or_targets():
    assert watch(campaign(), RATE, targets("100"), []) == watch(campaign(), RATE, [], figures(r1="1"))


def test_a_single_spike_makes_no_front_runner_and_a_lasting_lead_does():
    assert lead(campaign(), RATE, targets("100"), figures(r1="130")) is None
    found = lead(campaign(), RATE, targets("100"), figures(r1="90", r2="110", r3="115"))
    assert (found.since, found.rounds, found.percent) == ("r2", 2, 115)


def test_a_lead_ends_with_a_weaker_round_or_a_round_without_a_figure():
    assert lead(campaign(), RATE, targets("100"), figures(r1="120", r2="120", r3="109")) is None
    assert lead(campaign(), RATE, targets("100"), figures(r1="120", r3="120")) is None
    lasting = campaign(early_warning=EarlyWarning(front_runner_rounds=1))
    assert lead(lasting, RATE, targets("100"), figures(r1="120", r3="120")).since == "r3"


def test_half_a_years_count_below_a_years_limit_is_no_lead():
    crimes = indicator("crime", "lower", "flow", cumulative_from=date(2022, 12, 15))
    assert lead(campaign(), crimes, targets("100"), figures(r1="66", r2="76", r3="86")) is None
    assert lead(campaign(), crimes, targets("200"), figures(r1="66", r2="76", r3="86")).rounds == 3
