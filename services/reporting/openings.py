"""Why a round takes no report, and the recorded decision by which one unit may report all the same until a given time."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import insert, select

from services.reporting.models import openings
from services.reporting.rules.timeliness import GRACE, Lock, locked_since, written
from shared import audit, campaigns
from shared.database import ReadSession, WriteSession, rows_of
from shared.events.campaign import Campaign, Phase, Round
from shared.events.registration import Role
from shared.identity import new_id
from shared.messages import Fault, Message, Refused
from shared.security import Officer

LONGEST = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class OpeningForm:
    """A unit may report for a round until an instant, for a reason."""

    campaign: Campaign
    unit: str
    round: Round
    until: datetime
    reason: str


async def open_for(session: WriteSession, form: OpeningForm, officer: Officer, now: datetime) -> str:
    """Record the council secretary's decision to open a locked round for a unit; it ends by itself at `until`."""
    officer.must_hold(Role.SECRETARY)
    _check(form, now)
    opening = new_id()
    row = {
        "opening": opening, "campaign": form.campaign.code, "unit": form.unit, "round": form.round.code, "until": form.until,
        "reason": form.reason, "decided_by": officer.id, "decided_by_name": officer.name, "at": now,
    }  # fmt: skip
    await session.execute(insert(openings).values(row))
    details = {"unit": form.unit, "round": form.round.code, "until": form.until.isoformat(), "reason": form.reason}
    await audit.record(session, officer, "round.opened-for-unit", opening, now, **details)
    return opening


def _check(form: OpeningForm, now: datetime) -> None:
    if not form.reason:
        raise Refused(Fault("reason", Message("Chưa nêu lý do mở lại."), Message("Hãy ghi căn cứ của việc mở lại.")))
    if not now < form.until <= now + LONGEST:
        cure = Message("Hãy chọn một lúc sau bây giờ và trong vòng {days} ngày.", days=LONGEST.days)
        raise Refused(Fault("until", Message("Thời hạn mở lại không hợp lệ."), cure))
    if now < form.round.opens_at:
        raise Refused(Fault("round", *_words(Lock.NOT_OPEN, form.round.opens_at, form.round)))


async def listed(session: ReadSession, campaign: str, unit: str | None = None) -> list[Any]:
    """Decisions, newest first."""
    query = select(openings).where(openings.c.campaign == campaign).order_by(openings.c.at.desc())
    if unit is not None:
        query = query.where(openings.c.unit == unit)
    return list((await session.execute(query)).all())


async def reason_locked(session: ReadSession, campaign: Campaign, round: Round, unit: str, now: datetime) -> Fault | None:
    """Why the unit cannot report for the round now, since when, and what to do; None when it can."""
    phase = await campaigns.phase_of(session, campaign.code)
    opened = await rows_of(session, openings, campaign=campaign.code, unit=unit)
    return lock_of(campaign, round, phase, opened, now)


def lock_of(campaign: Campaign, round: Round, phase: Phase, opened: Iterable[Any], now: datetime) -> Fault | None:
    """The same from the campaign's phase and the decisions that opened rounds for the unit."""
    locked = locked_since(campaign, round, phase, now)
    is_opened = any(row.round == round.code and row.until > now for row in opened)
    if locked is None or (locked[0] is not Lock.NOT_OPEN and is_opened):
        return None
    return Fault("round", *_words(*locked, round))


async def must_take_reports(session: ReadSession, campaign: Campaign, round: Round, unit: str, now: datetime) -> None:
    """Raise `Refused` with cause and way out when the round is locked for the unit."""
    fault = await reason_locked(session, campaign, round, unit, now)
    if fault is not None:
        raise Refused(fault)


def _words(lock: Lock, since: datetime, round: Round) -> tuple[Message, Message]:
    if lock is Lock.NOT_OPEN:
        return (
            Message("Kỳ {round} chưa mở.", round=round.code),
            Message("Kỳ mở từ {at}; hãy quay lại khi đó.", at=written(since)),
        )
    ask = Message("Thường trực Hội đồng có thể mở lại cho đơn vị bằng một quyết định có lý do; hãy liên hệ.")
    if lock is Lock.REVIEWED:
        return Message("Hội đồng đã bắt đầu xét duyệt nên số liệu đã khóa."), ask
    return (
        Message("Phong trào đã kết thúc, thời gian nộp muộn ({days} ngày) hết từ {at}.", days=GRACE.days, at=written(since)),
        ask,
    )
