"""Who is told what, when and by which channel, as data; and the pure decisions around it."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from shared.events.registration import Role
from shared.messages import Message


class Audience(StrEnum):
    """Whose officers a letter goes to: the unit's it is about, those of the unit above, or the council's by role."""

    UNIT = "unit"
    SUPERIOR = "superior"
    SECRETARY = "secretary"
    COUNCIL = "council"


class Channel(StrEnum):
    """A way by which a letter reaches an officer."""

    INBOX = "inbox"
    EMAIL = "e-mail"


class State(StrEnum):
    """How far a delivery is: waiting for its minute, queued for the mail server, or at one of its three ends."""

    WAITING = "waiting"
    QUEUED = "queued"
    DELIVERED = "delivered"
    WITHDRAWN = "withdrawn"
    FAILED = "failed"


OPEN = (State.WAITING, State.QUEUED)
"""States in which a delivery can still be withdrawn."""

INBOX = frozenset({Channel.INBOX})
BOTH = frozenset({Channel.INBOX, Channel.EMAIL})
NOW = timedelta(0)
A_MINUTE = timedelta(minutes=1)
"""How long a reminder waits, so that a report under way still withdraws it; and how much later than the unit its superior is told."""
BY_ROLE = {
    Audience.SECRETARY: frozenset({Role.SECRETARY}),
    Audience.COUNCIL: frozenset({Role.SECRETARY, Role.CHAIR, Role.MEMBER}),
}
"""Audiences that do not depend on a unit."""


@dataclass(frozen=True, slots=True)
class To:
    """Some recipients of a rule: an audience, the channels by role, and how long the letter waits before it leaves."""

    audience: Audience
    roles: Mapping[Role, frozenset[Channel]]
    delay: timedelta = NOW


@dataclass(frozen=True, slots=True)
class Rule:
    """One kind of letter.

    `mandatory`: an officer cannot switch its e-mail off. `receipt`: that it reached the unit is said to the other services, as
    evidence of having been told. `page`: where the reader acts, below the site's address; `overview`: where a digest's reader sees
    all that it is about. `before`: of a reminder, how long before the deadline it falls due.
    """

    code: str
    title: Message
    to: tuple[To, ...]
    mandatory: bool = False
    receipt: bool = False
    page: str = ""
    overview: str = ""
    before: timedelta | None = None

    def towards(self, audience: Audience) -> To:
        """The recipients of this rule in one audience."""
        return next(to for to in self.to if to.audience == audience)


def _unit(clerk: frozenset[Channel] = BOTH, head: frozenset[Channel] = INBOX, delay: timedelta = NOW) -> To:
    return To(Audience.UNIT, {Role.CLERK: clerk, Role.HEAD: head}, delay)


def _superior(channels: frozenset[Channel] = BOTH, delay: timedelta = NOW) -> To:
    """The head of the unit above; where that is the province, the council's secretary sits there."""
    return To(Audience.SUPERIOR, {Role.HEAD: channels, Role.SECRETARY: channels}, delay)


def _by_role(audience: Audience, channels: frozenset[Channel]) -> To:
    return To(audience, dict.fromkeys(sorted(BY_ROLE[audience]), channels))


def gathers(audience: Audience, unit: str) -> bool:
    """True for letters about units to somebody who answers for many: one digest brings those of the same matter and minute."""
    return audience != Audience.UNIT and unit != ""


REGISTRATIONS_PAGE = "/registration/participations"
DISCREPANCIES_PAGE = "/reporting/discrepancies"
WARNINGS_PAGE = "/evaluation/warnings"
REGISTRATION_PAGE = "/registration/participation"
ROUND_PAGE = "/reporting/rounds/{round}"
DUE_PAGE = "/reporting/due"
UNIT_PAGE = "/evaluation/units/{unit}"

RULES = (
    Rule(
        "registration-submitted", Message("Có đăng ký chờ duyệt"), (_by_role(Audience.SECRETARY, INBOX),),
        page=REGISTRATIONS_PAGE, overview=REGISTRATIONS_PAGE,
    ),
    Rule("registration-approved", Message("Đăng ký được duyệt"), (_unit(),), page=REGISTRATION_PAGE),
    Rule(
        "registration-returned", Message("Đăng ký bị trả lại"), (_unit(head=BOTH),),
        mandatory=True, receipt=True, page=REGISTRATION_PAGE,
    ),
    Rule("round-opened", Message("Mở kỳ báo cáo"), (_unit(),), page=ROUND_PAGE),
    Rule(
        "due-7", Message("Nhắc trước hạn 7 ngày"), (_unit(clerk=INBOX, head=frozenset(), delay=A_MINUTE),),
        page=ROUND_PAGE, before=timedelta(days=7),
    ),
    Rule("due-3", Message("Nhắc trước hạn 3 ngày"), (_unit(delay=A_MINUTE),), page=ROUND_PAGE, before=timedelta(days=3)),
    Rule(
        "due-1", Message("Nhắc trước hạn 1 ngày"), (_unit(head=BOTH, delay=A_MINUTE),),
        mandatory=True, page=ROUND_PAGE, before=timedelta(days=1),
    ),
    Rule("overdue", Message("Quá hạn báo cáo"), (_unit(head=BOTH),), mandatory=True, receipt=True, page=ROUND_PAGE),
    Rule(
        "overdue-superior", Message("Đơn vị trực thuộc quá hạn báo cáo"), (_superior(),),
        mandatory=True, page=UNIT_PAGE, overview="/reporting/completeness",
    ),
    Rule("report-returned", Message("Báo cáo bị trả lại"), (_unit(head=BOTH),), mandatory=True, receipt=True, page=ROUND_PAGE),
    Rule(
        "discrepancy", Message("Số liệu chênh lệch"), (_unit(), _by_role(Audience.SECRETARY, INBOX)),
        mandatory=True, receipt=True, page=DISCREPANCIES_PAGE, overview=DISCREPANCIES_PAGE,
    ),
    Rule("discrepancy-resolved", Message("Đã xử lý số liệu chênh lệch"), (_unit(clerk=INBOX),), page=DISCREPANCIES_PAGE),
    Rule(
        "warning", Message("Cảnh báo sớm"), (_unit(head=BOTH), _superior(delay=A_MINUTE)),
        mandatory=True, receipt=True, page=UNIT_PAGE, overview=WARNINGS_PAGE,
    ),
    Rule(
        "warning-cleared", Message("Hết cảnh báo"), (_unit(clerk=INBOX), _superior(INBOX)), page=UNIT_PAGE, overview=WARNINGS_PAGE,
    ),
    Rule(
        "front-runner", Message("Dẫn đầu chỉ tiêu"), (_unit(), _by_role(Audience.SECRETARY, INBOX)),
        page=UNIT_PAGE, overview=WARNINGS_PAGE,
    ),
    Rule(
        "ranking-ready", Message("Đã có kết quả xếp hạng"), (_by_role(Audience.COUNCIL, BOTH),),
        mandatory=True, page="/evaluation/rankings",
    ),
)
BY_CODE = {rule.code: rule for rule in RULES}
REMINDERS = tuple(sorted((rule for rule in RULES if rule.before), key=lambda rule: rule.before or NOW))
"""Rules that remind of a deadline, the nearest to it first."""
UNTIL_REPORTED = (*(rule.code for rule in REMINDERS), "round-opened", "overdue", "overdue-superior")
"""Letters that ask for a round's report: the report settles them."""

ESCALATION = timedelta(days=1)
"""How long the unit has for itself after the deadline before its superior is told."""


def reminder_due(opened_at: datetime, deadline: datetime, now: datetime) -> Rule | None:
    """The reminder that counts at `now`, or None.

    Of several moments that have passed only the last counts: nobody gets three reminders at once after an outage. A moment before
    the round was opened never counts: the letter that it is open said as much. After the deadline there is nothing to remind of.
    """
    if now >= deadline:
        return None
    for rule in REMINDERS:
        moment = deadline - (rule.before or NOW)
        if opened_at <= moment <= now:
            return rule
    return None


def escalates(deadline: datetime, now: datetime) -> bool:
    """True once the unit itself has had its day to answer."""
    return now >= deadline + ESCALATION


def days_left(deadline: datetime, now: datetime) -> int:
    """Days that remain, begun ones counted: 1 until the last 24 hours are over."""
    return max(0, -((now - deadline) // timedelta(days=1)))


def channels_for(rule: Rule, to: To, roles: Iterable[str], *, open_channels: Collection[Channel], muted: bool) -> list[Channel]:
    """By which channels an officer with `roles` gets a letter, inbox first. A mandatory rule cannot be muted, nor can the inbox."""
    wanted: set[Channel] = set()
    for role in roles:
        wanted |= to.roles.get(Role(role), frozenset())
    if muted and not rule.mandatory:
        wanted.discard(Channel.EMAIL)
    return [channel for channel in Channel if channel in wanted and channel in open_channels]


RETRY = (
    timedelta(seconds=10), timedelta(minutes=1), timedelta(minutes=5), timedelta(minutes=30),
    timedelta(hours=2), timedelta(hours=5), timedelta(hours=10),
)  # fmt: skip
"""How long an e-mail rests after each attempt that failed; after the last there is no further one."""


def next_attempt(attempts: int, wall: datetime) -> datetime | None:
    """When to try again after `attempts` failed ones, by the real clock; None when it is enough."""
    return wall + RETRY[attempts - 1] if attempts <= len(RETRY) else None
