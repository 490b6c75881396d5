"""Submissions: reports are judged and written together with all others of the same moment, each unit's at most once in a group."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from opentelemetry import context
from opentelemetry.context import Context

from services.reporting import answers, backgrounds, openings, participants, reports, rounds, sheets
from services.reporting.answers import Request
from services.reporting.backgrounds import Background
from services.reporting.reports import Receipt, ReportForm
from services.reporting.rules.figures import Figure, judge
from services.reporting.rules.timeliness import written
from services.reporting.sheets import Sheet
from shared import campaigns, telemetry
from shared.clock import local_date
from shared.database import WriteSession
from shared.events.campaign import Campaign, Phase
from shared.inbox import lock
from shared.intake import Intake
from shared.messages import Conflict, Fault, Message, Refused
from shared.security import Officer, System
from shared.service import Service


@dataclass(frozen=True, slots=True)
class Submission:
    """A report handed in: by whom, when, by which request (whose answer is kept when it has a key), and in which trace."""

    form: ReportForm
    actor: Officer | System
    now: datetime
    request: Request | None = None
    trace: Context = field(default_factory=context.get_current)


class NoteNeeded(Refused):
    """Nothing is wrong, but a value looks odd: a note or a confirmation settles it."""


def intake_of(service: Service) -> Intake[Submission, Receipt]:
    """Where the service's callers hand in reports, to share transactions."""
    if "intake" not in service.extras:
        service.extras["intake"] = Intake(service.database, service.telemetry, submit_all, _keys)
    intake: Intake[Submission, Receipt] = service.extras["intake"]
    return intake


def _keys(one: Submission) -> list[str]:
    keys = [reports.key_of(one.form.campaign, one.form.unit)]
    return [*keys, one.request.lock] if one.request and one.request.key else keys


async def submit(session: WriteSession, form: ReportForm, actor: Officer | System, now: datetime) -> Receipt:
    """Take in one report, or a correction of it. Raises `Refused` with every fault; then nothing has changed."""
    (receipt,) = await submit_all(session, [Submission(form, actor, now)])
    if isinstance(receipt, Refused):
        raise receipt
    return receipt


async def submit_all(session: WriteSession, group: Sequence[Submission]) -> list[Receipt | Refused]:
    """Take in the reports of different units: a receipt, or the refusal, for each. What is refused has changed nothing."""
    await lock(session, [key for one in group for key in _keys(one)])
    known = await answers.given(session, [one.request for one in group if one.request])
    among: dict[str, set[str]] = {}
    for one in group:
        among.setdefault(one.form.campaign, set()).add(one.form.unit)
    grounds = {code: await _ground(session, code, units) for code, units in among.items()}
    results: list[Receipt | Refused] = []
    for one in group:
        before = known.get(one.request) if one.request else None
        if isinstance(before, Refused):
            results.append(before)
        elif before is not None:
            results.append(Receipt.restored(before))
        else:
            results.append(await _take_in(session, one, grounds[one.form.campaign]))
    return results


@dataclass(frozen=True, slots=True)
class _Ground:
    """What a campaign's submissions of one group stand on."""

    campaign: Campaign
    phase: Phase
    backgrounds: dict[str, Background]


async def _ground(session: WriteSession, code: str, among: set[str]) -> _Ground | Refused:
    campaign = await campaigns.known(session, code)
    if campaign is None:
        return campaigns.unknown(code)
    return _Ground(campaign, await campaigns.phase_of(session, code), await backgrounds.of_units(session, code, among))


async def _take_in(session: WriteSession, one: Submission, ground: _Ground | Refused) -> Receipt | Refused:
    if isinstance(ground, Refused):
        return ground
    try:
        with telemetry.within(one.trace):
            receipt = await _accept(session, one, ground)
    except Refused as refusal:
        return refusal
    if one.request:
        answers.keep(session, one.request, receipt.kept(), one.now)
    return receipt


async def _accept(session: WriteSession, one: Submission, ground: _Ground) -> Receipt:
    """Judge everything before anything is written."""
    form, campaign, background = one.form, ground.campaign, ground.backgrounds[one.form.unit]
    round = rounds.find(campaign, form.round)
    locked = openings.lock_of(campaign, round, ground.phase, background.opened, one.now)
    if locked or background.participant is None:
        raise Refused(locked or participants.NOT_APPROVED)
    _must_have_seen(form, background.reports.get(round.code))
    sheet = sheets.put_together(campaign, round, background)
    flags = decide(form.figures, sheet, local_date(one.now), asks=form.asks)
    return await reports.accept(session, campaign, round, form, one.actor, one.now, background, flags)


def decide(given: Sequence[Figure], sheet: Sheet, today: date, *, asks: bool) -> tuple[str, ...]:
    """Which values look odd in a report that may be taken. Raises `Refused` with every fault, `NoteNeeded` where a person is to be asked."""
    verdict = judge(given, sheet.known, sheet.round, today)
    if verdict.faults:
        raise Refused(*verdict.faults)
    if asks:
        _ask(given, verdict.flags)
    return verdict.flags


def _must_have_seen(form: ReportForm, there: Any) -> None:
    """Nobody replaces a report that they have not seen: another officer of the unit, or the same in another window, was quicker."""
    if there is None or form.seen in {None, there.revision}:
        return
    if there.status == sheets.RETURNED:
        raise Conflict(Fault("", Message("Báo cáo đã bị trả lại sau khi đồng chí mở trang này."), Message("Xem lý do trả lại, rồi bấm nộp.")))
    problem = Message("Báo cáo đã được nhận lúc {at}, sau khi đồng chí mở trang này.", at=written(there.submitted_at))
    raise Conflict(Fault("", problem, Message("Số đã nhận ghi dưới từng ô; nếu muốn thay bằng số ở đây, hãy bấm nộp lần nữa.")))


def _ask(given: Sequence[Figure], flags: Sequence[str]) -> None:
    odd = [
        Fault(
            f"values.{place}.note",
            Message("Giá trị chênh bất thường so với các kỳ trước hoặc so với chỉ tiêu."),
            Message("Nếu gõ nhầm, hãy sửa; nếu đúng, hãy nêu lý do ở ghi chú hoặc đánh dấu đã kiểm tra."),
        )
        for place, figure in enumerate(given)
        if figure.indicator in flags and not figure.note.strip() and not figure.confirmed
    ]
    if odd:
        raise NoteNeeded(*odd)
