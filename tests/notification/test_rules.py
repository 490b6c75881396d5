"""The rules: who is told, when, by which channel; pure, no database."""

from datetime import UTC, datetime, timedelta

import pytest

from services.notification.rules import (
    BOTH,
    BY_CODE,
    RETRY,
    RULES,
    Audience,
    Channel,
    channels_for,
    days_left,
    escalates,
    next_attempt,
    reminder_due,
)
from services.notification.texts import FOLDER

OPENED = datetime(2023, 7, 14, 17, 0, tzinfo=UTC)
DEADLINE = datetime(2023, 7, 24, 10, 0, tzinfo=UTC)
DAY, SECOND = timedelta(days=1), timedelta(seconds=1)
ALL = set(Channel)


@pytest.mark.parametrize(
    ("before", "rule"),
    [
        (8 * DAY, None), (7 * DAY + SECOND, None), (7 * DAY, "due-7"), (3 * DAY + SECOND, "due-7"), (3 * DAY, "due-3"),
        (DAY + SECOND, "due-3"), (DAY, "due-1"), (SECOND, "due-1"), (timedelta(0), None), (-DAY, None),
    ],
)  # fmt: skip
def test_a_reminder_falls_due_seven_three_and_one_days_before_the_deadline_and_never_after_it(before, rule):
    found = reminder_due(OPENED, DEADLINE, DEADLINE - before)
    assert (found.code if found else None) == rule


def test_a_moment_before_the_round_was_opened_is_not_reminded_of():
    assert reminder_due(DEADLINE - 4 * DAY, DEADLINE, DEADLINE - 3.5 * DAY) is None
    assert reminder_due(DEADLINE - 4 * DAY, DEADLINE, DEADLINE - 2 * DAY).code == "due-3"


@pytest.mark.parametrize(("before", "days"), [(3 * DAY, 3), (3 * DAY - SECOND, 3), (2 * DAY, 2), (SECOND, 1), (-SECOND, 0)])
def test_begun_days_count_as_days_left(before, days):
    assert days_left(DEADLINE, DEADLINE - before) == days


def test_the_superior_is_told_a_day_after_the_deadline_and_not_a_second_earlier():
    assert not escalates(DEADLINE, DEADLINE + DAY - SECOND)
    assert escalates(DEADLINE, DEADLINE + DAY)


def test_a_warning_goes_to_the_unit_and_its_superior_alone_and_to_the_unit_first():
    rule = BY_CODE["warning"]
    assert [to.audience for to in rule.to] == [Audience.UNIT, Audience.SUPERIOR]
    assert rule.towards(Audience.UNIT).delay < rule.towards(Audience.SUPERIOR).delay


def test_an_officer_may_mute_the_e_mail_of_a_mutable_rule_only_and_never_the_inbox():
    opened, warning = BY_CODE["round-opened"], BY_CODE["warning"]
    assert channels_for(opened, opened.to[0], ["clerk"], open_channels=ALL, muted=True) == [Channel.INBOX]
    assert channels_for(warning, warning.to[0], ["clerk"], open_channels=ALL, muted=True) == [Channel.INBOX, Channel.EMAIL]


def test_an_officer_with_two_roles_gets_a_letter_once_by_each_channel_of_either():
    due = BY_CODE["due-3"]
    assert channels_for(due, due.to[0], ["head"], open_channels=ALL, muted=False) == [Channel.INBOX]
    assert channels_for(due, due.to[0], ["head", "clerk"], open_channels=ALL, muted=False) == [Channel.INBOX, Channel.EMAIL]
    assert channels_for(due, due.to[0], ["auditor"], open_channels=ALL, muted=False) == []


def test_attempts_grow_rarer_and_end():
    now = DEADLINE
    waits = [next_attempt(n, now) - now for n in range(1, len(RETRY) + 1)]
    assert waits == sorted(waits)
    assert waits[0] < waits[-1]
    assert next_attempt(len(RETRY) + 1, now) is None


def test_every_rule_has_its_template_and_every_template_its_rule():
    assert {path.stem for path in FOLDER.glob("*.txt")} - {"mail"} == {rule.code for rule in RULES}


def test_codes_are_unique_and_reminders_can_be_withdrawn_because_they_wait():
    assert len(BY_CODE) == len(RULES)
    assert all(to.delay for rule in RULES if rule.before for to in rule.to)
    assert BOTH == ALL
