"""What a figure must be, and what looks odd."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.reporting.rules.agreement import Last, Step, agree, decide
from services.reporting.rules.figures import Figure, Known, judge
from services.reporting.rules.outliers import is_outlier
from shared.events.reporting import ValueKind
from tests.reporting import world

CAMPAIGN = world.movement()
FIRST, SECOND = CAMPAIGN.rounds
TODAY = date(2023, 8, 20)
ASSIGNED = {
    i.code: Known(i, measure.decimals, target=Decimal(100))
    for i in CAMPAIGN.indicators
    if (measure := CAMPAIGN.unit_of_measure(i.unit_of_measure))
}
REVENUE, DISBURSED, JOBS = CAMPAIGN.indicators


def figure(known: Known, value: str | None = "10", **more) -> Figure:
    facts = {"unit_of_measure": known.indicator.unit_of_measure, "kind": ValueKind.OFFICIAL, "as_of": date(2023, 8, 14)} | more
    return Figure(known.indicator.code, None if value is None else Decimal(value), **facts)


def faults_of(given: Figure, known: Known) -> list[str]:
    return [fault.field for fault in judge([given], {given.indicator: known}, SECOND, TODAY).faults]


def known(code: str, **more) -> Known:
    return replace(ASSIGNED[code], **more)


def test_a_sound_report_has_no_fault() -> None:
    given = [figure(k) for k in ASSIGNED.values()]
    assert judge(given, ASSIGNED, SECOND, TODAY).faults == ()


def test_every_fault_is_found_at_once() -> None:
    bad = figure(ASSIGNED["thu"], "-1", unit_of_measure="trieu-dong", as_of=date(2023, 7, 14))
    verdict = judge([bad], ASSIGNED, SECOND, TODAY)
    assert [f.field for f in verdict.faults] == ["values", "values", "values.0.unit_of_measure", "values.0.value", "values.0.as_of"]


def test_each_fault_speaks_both_languages() -> None:
    bad = figure(ASSIGNED["thu"], "-1", unit_of_measure="trieu-dong", as_of=date(2023, 7, 14))
    for fault in judge([bad], ASSIGNED, SECOND, TODAY).faults:
        assert fault.render("vi") != fault.render("en")


@pytest.mark.parametrize(
    ("given", "field"),
    [
        (figure(ASSIGNED["giai-ngan"], "100.01"), "values.0.value"),
        (figure(ASSIGNED["viec-lam"], "12.5"), "values.0.value"),
        (figure(ASSIGNED["thu"], unit_of_measure="phan-tram"), "values.0.unit_of_measure"),
        (figure(ASSIGNED["thu"], as_of=date(2023, 8, 15)), "values.0.as_of"),
        (figure(ASSIGNED["thu"], as_of=date(2023, 8, 21)), "values.0.as_of"),
        (figure(ASSIGNED["thu"], None), "values.0.value"),
        (figure(ASSIGNED["thu"], note="x" * 2001), "values.0.note"),
    ],
    ids=["over the range", "half a person", "wrong measure", "outside the window", "in the future", "null without a note", "long note"],
)
def test_one_thing_wrong_is_one_fault(given: Figure, field: str) -> None:
    assert faults_of(given, ASSIGNED[given.indicator]) == [field]


def test_null_with_a_note_is_not_zero_and_is_accepted() -> None:
    assert faults_of(figure(ASSIGNED["thu"], None, note="Chưa quyết toán"), ASSIGNED["thu"]) == []


def test_an_indicator_not_assigned_is_refused() -> None:
    given = figure(ASSIGNED["thu"])
    assert [f.field for f in judge([given], {}, SECOND, TODAY).faults] == ["values.0.indicator"]


def test_an_indicator_given_twice_is_refused() -> None:
    given = figure(ASSIGNED["thu"])
    assert [f.field for f in judge([given, given], {"thu": ASSIGNED["thu"]}, SECOND, TODAY).faults] == ["values.1.indicator"]


def test_a_cumulative_flow_that_falls_needs_a_note() -> None:
    before = known("thu", history=(Decimal(12),))
    assert faults_of(figure(before, "11"), before) == ["values.0.note"]
    assert faults_of(figure(before, "11", note="Hoàn thuế"), before) == []
    assert faults_of(figure(before, "12"), before) == []


def test_a_rate_may_fall() -> None:
    before = known("giai-ngan", history=(Decimal(12),))
    assert faults_of(figure(before, "11"), before) == []


def test_official_goes_back_to_estimate_only_with_a_note() -> None:
    before = known("thu", kind_before=ValueKind.OFFICIAL)
    assert faults_of(figure(before, kind=ValueKind.ESTIMATE), before) == ["values.0.note"]
    assert faults_of(figure(before, kind=ValueKind.ESTIMATE, note="Rà soát lại"), before) == []
    assert faults_of(figure(known("thu", kind_before=ValueKind.ESTIMATE), kind=ValueKind.OFFICIAL), before) == []


@given(st.lists(st.decimals(1, 1000, places=1), min_size=1, max_size=6), st.decimals("0.9", "1.3", places=2))
def test_a_tenfold_slip_on_a_moving_figure_is_always_odd(history: list[Decimal], growth: Decimal) -> None:
    assert is_outlier(history[-1] * growth * 10, history, None, None)
    assert is_outlier(history[-1] / growth / 10, history, None, None)


@given(st.lists(st.decimals(1, 1000, places=1), min_size=1, max_size=3), st.decimals("0.5", "2.9", places=2))
def test_ordinary_movement_is_never_odd(history: list[Decimal], growth: Decimal) -> None:
    assert not is_outlier(history[-1] * growth, history, None, None)


@pytest.mark.parametrize(
    ("value", "history", "baseline", "target", "odd"),
    [
        ("260", [], "40", "100", True),
        ("240", [], "40", "100", False),
        ("5", [], None, None, False),
        ("0", ["50"], None, None, False),
        ("300", ["0"], None, "100", True),
        ("40", ["10", "11", "10", "12"], None, None, True),
        ("40", ["10", "11", "10"], None, None, False),
        ("33", ["11", "11", "11", "11"], None, None, False),
    ],
    ids=[
        "far over the target", "within reach", "nothing known", "zero", "only zeros before", "strays from a calm series",
        "too few for a deviation", "no deviation at all",
    ],
)  # fmt: skip
def test_small_histories_are_judged_with_care(value: str, history: list[str], baseline, target, odd: bool) -> None:
    past = [Decimal(v) for v in history]
    limits = [Decimal(v) if v else None for v in (baseline, target)]
    assert is_outlier(Decimal(value), past, *limits) is odd


def test_figures_agree_when_they_round_to_the_same() -> None:
    assert agree(Decimal("61.2"), Decimal("61.2034"), 2)
    assert not agree(Decimal("61.2"), Decimal("61.206"), 2)


@pytest.mark.parametrize(
    ("reported", "last", "step"),
    [
        ("30", None, Step.NOTHING),
        ("31", None, Step.OPEN),
        ("31", Last(True, Decimal(31), Decimal(30)), Step.NOTHING),
        ("32", Last(True, Decimal(31), Decimal(30)), Step.MOVE),
        ("30", Last(True, Decimal(31), Decimal(30)), Step.AGREE),
        ("31", Last(False, Decimal(31), Decimal(30)), Step.NOTHING),
        ("32", Last(False, Decimal(31), Decimal(30)), Step.OPEN),
    ],
    ids=["agree", "differ", "again the same", "still differ", "come to agree", "settled by a person", "differ anew"],
)
def test_a_pair_of_figures_takes_one_step(reported: str, last: Last | None, step: Step) -> None:
    assert decide(Decimal(reported), Decimal(30), 2, last) is step
