"""What registration decides, case by case."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.registration import phases, rules
from shared.events.campaign import Campaign, Phase
from shared.events.registration import Commitment, WorkStatus
from tests.registration.conftest import whole

CLUSTER = "cum-xa-vung-cao"


def campaign() -> Campaign:
    return whole().campaign


def commitment(indicator: str, baseline: str | None, target: str, measure: str = "") -> Commitment:
    found = campaign().indicator(indicator)
    return Commitment(
        indicator=indicator,
        baseline=None if baseline is None else Decimal(baseline),
        target=Decimal(target),
        unit_of_measure=measure or (found.unit_of_measure if found else "phan-tram"),
    )


SOUND = [
    commitment("tieu-chi-nong-thon-moi", "12", "15"),
    commitment("ho-ngheo", "30.5", "25"),
    commitment("che-phu-rung", "55", "55"),
    commitment("pham-phap-hinh-su", "3", "3"),
    commitment("bao-hiem-y-te", "100", "100"),
    commitment("thu-ngan-sach", None, "3.2"),
]


@pytest.mark.parametrize("sound", SOUND, ids=lambda c: c.indicator)
def test_a_sound_commitment_has_no_fault(sound: Commitment) -> None:
    assert rules.commitment_faults(campaign(), CLUSTER, [sound]) == []


UNSOUND = [
    ("an indicator that does not exist", commitment("khong-co", "1", "2"), "indicator"),
    ("an indicator of another cluster's sheet", commitment("grdp", "7", "9"), "indicator"),
    ("another unit of measure", commitment("ho-ngheo", "30", "25", "xa"), "unit_of_measure"),
    ("a target on the wrong side where higher is better", commitment("tieu-chi-nong-thon-moi", "15", "12"), "target"),
    ("a target on the wrong side where lower is better", commitment("ho-ngheo", "25", "30"), "target"),
    ("a target that asks for nothing", commitment("ho-ngheo", "25", "25"), "target"),
    ("a kept indicator that gets worse", commitment("che-phu-rung", "55", "54"), "target"),
    ("no baseline where lower is better", commitment("ho-ngheo", None, "25"), "baseline"),
    ("a target above what is possible", commitment("bao-hiem-y-te", "90", "101"), "target"),
    ("a baseline below what is possible", commitment("bao-hiem-y-te", "-1", "90"), "baseline"),
]


@pytest.mark.parametrize(("what", "unsound", "field"), UNSOUND, ids=[what for what, _, _ in UNSOUND])
def test_an_unsound_commitment_is_told_at_its_field_with_a_cure(what: str, unsound: Commitment, field: str) -> None:
    (fault,) = rules.commitment_faults(campaign(), CLUSTER, [unsound])
    assert fault.field == f"commitments.0.{field}"
    assert fault.cure
    assert fault.render("en") != fault.render("vi")


def test_all_faults_are_told_at_once_and_a_repeated_indicator_is_one() -> None:
    faults = rules.commitment_faults(campaign(), CLUSTER, [SOUND[0], SOUND[0], *(u for _, u, _ in UNSOUND[:2])])
    assert [f.field for f in faults] == ["commitments.1.indicator", "commitments.2.indicator", "commitments.3.indicator"]


numbers = st.decimals(min_value=0, max_value=100, places=2)


@given(baseline=numbers, target=numbers)
def test_for_a_falling_indicator_a_target_is_sound_exactly_when_it_is_below_the_baseline(baseline: Decimal, target: Decimal) -> None:
    faults = rules.commitment_faults(campaign(), CLUSTER, [commitment("ho-ngheo", str(baseline), str(target))])
    assert (not faults) == (target < baseline or target == baseline == 0)


def test_phases_fall_due_in_order_and_never_go_back() -> None:
    plan = phases.schedule(campaign())
    late = campaign().ends_at + timedelta(days=9)
    assert [p for p, _ in rules.due_phases(plan, Phase.LAUNCHED, late)] == [Phase.REGISTERING, Phase.RUNNING, Phase.CLOSED]
    assert [p for p, _ in rules.due_phases(plan, Phase.RUNNING, late)] == [Phase.CLOSED]
    assert rules.due_phases(plan, Phase.RANKED, late) == []


def test_a_phase_begins_at_midnight_in_lai_chau_and_closes_on_the_instant() -> None:
    plan = phases.schedule(campaign())
    midnight = datetime(2023, 5, 29, 17, tzinfo=UTC)
    second = timedelta(seconds=1)
    assert rules.due_phases(plan, Phase.LAUNCHED, midnight - second) == []
    assert [p for p, _ in rules.due_phases(plan, Phase.LAUNCHED, midnight)] == [Phase.REGISTERING]
    assert rules.due_phases(plan, Phase.RUNNING, campaign().ends_at - second) == []
    assert [p for p, _ in rules.due_phases(plan, Phase.RUNNING, campaign().ends_at)] == [Phase.CLOSED]


@pytest.mark.parametrize("first", [date(2023, 5, 29), date(2023, 10, 31)])
def test_an_amendment_lies_inside_the_movement(first: date) -> None:
    assert rules.effective_fault(campaign(), date(2023, 10, 30), first, None)


def test_an_amendment_does_not_reach_behind_the_target_it_replaces() -> None:
    assert rules.effective_fault(campaign(), date(2023, 10, 30), date(2023, 7, 1), date(2023, 8, 1))
    assert rules.effective_fault(campaign(), date(2023, 10, 30), date(2023, 8, 1), date(2023, 8, 1)) is None


def test_a_work_takes_its_steps_in_order_and_an_unconfirmed_one_does_not_start() -> None:
    declared, confirmed, started = WorkStatus.DECLARED, WorkStatus.CONFIRMED, WorkStatus.STARTED
    assert not rules.may_step(declared, False, started)
    assert rules.may_step(declared, False, confirmed)
    assert rules.may_step(declared, True, started)
    assert not rules.may_step(declared, True, confirmed)
    assert rules.may_step(confirmed, True, started)
    assert rules.may_step(started, True, WorkStatus.COMPLETED)
    assert not rules.may_step(started, True, WorkStatus.UNVEILED)
    assert not rules.may_step(WorkStatus.UNVEILED, True, WorkStatus.UNVEILED)


@pytest.mark.parametrize(("state", "people", "fields"), [("0", "0", ["state_share"]), ("-1", "2", ["state_share"]), ("5", "-2", ["people_share"]), ("0", "1", [])])
def test_shares_are_not_negative_and_not_both_nothing(state: str, people: str, fields: list[str]) -> None:
    assert [f.field for f in rules.share_faults(Decimal(state), Decimal(people))] == fields


def test_easing_depends_on_the_direction() -> None:
    poverty, criteria = campaign().indicator("ho-ngheo"), campaign().indicator("tieu-chi-nong-thon-moi")
    assert poverty and rules.is_easier(poverty, Decimal(20), Decimal(22))
    assert criteria and not rules.is_easier(criteria, Decimal(20), Decimal(22))


def test_a_target_of_an_indicator_that_is_to_be_kept_may_lie_anywhere_but_needs_its_baseline() -> None:
    found = campaign().indicator("che-phu-rung")
    assert found
    kept = found.model_copy(update={"direction": "keep"})
    assert list(rules.target_faults(kept, commitment("che-phu-rung", "55", "54"), keeps=True)) == []
    (fault,) = rules.target_faults(kept, commitment("che-phu-rung", None, "54"), keeps=True)
    assert fault.field == "baseline"


def test_no_indicator_is_asked_of_a_cluster_that_does_not_exist() -> None:
    (fault,) = rules.commitment_faults(campaign(), "khong-co", [SOUND[0]])
    assert fault.field == "commitments.0.indicator"


