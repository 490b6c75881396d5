"""Holds: consideration of a unit is suspended and resumed by recorded decisions; a hold with an end expires by the clock."""

from datetime import date, datetime, time, timedelta
from typing import Any, NamedTuple

from sqlalchemy import select

from services.evaluation import decisions, records, scores
from services.evaluation.models import holds, lifts
from shared.clock import LOCAL, local_date
from shared.database import ReadSession, WriteSession
from shared.events.evaluation import HoldLifted, HoldPlaced
from shared.events.registration import Role
from shared.identity import new_id
from shared.inbox import lock
from shared.messages import Conflict, Fault, Message, NotFound, Refused
from shared.security import Officer, System

CLOCK = System("clock", "Đồng hồ hệ thống")
EXPIRED = "Hết thời hạn tạm dừng xét."


class HoldForm(NamedTuple):
    """Which unit to put on hold, why, and (if it is known) the last day of the hold."""

    campaign: str
    unit: str
    reason: str
    expires_on: date | None = None


async def place(session: WriteSession, officer: Officer, form: HoldForm, now: datetime) -> str:
    """Put a unit on hold from now on; returns the hold's id."""
    officer.must_hold(Role.SECRETARY, Role.CHAIR)
    await decisions.open_for(session, officer, form.campaign, form.unit)
    reason = decisions.reason_of(form.reason, "reason")
    if form.expires_on and form.expires_on < local_date(now):
        raise Refused(Fault("expires_on", Message("Ngày hết hạn đã qua."), Message("Chọn một ngày từ hôm nay trở đi.")))
    if await records.on_hold(session, form.campaign, [form.unit]):
        raise Conflict(Fault("unit", Message("Đơn vị này đang tạm dừng xét.")))
    hold = new_id()
    event = HoldPlaced(
        campaign=form.campaign, hold=hold, unit=form.unit, revision=1, since=now, expires_on=form.expires_on,
        reason=reason, decided_by=decisions.signature(officer),
    )
    await decisions.take(session, officer, event, now)
    return hold


async def lift(session: WriteSession, officer: Officer, hold: str, conclusion: str, now: datetime) -> None:
    """End a hold by a recorded conclusion."""
    officer.must_hold(Role.SECRETARY, Role.CHAIR)
    row = await _open(session, hold)
    await decisions.open_for(session, officer, row.campaign, row.unit)
    text = decisions.reason_of(conclusion, "conclusion")
    await decisions.take(session, officer, _lifted(row, now, text, decisions.signature(officer)), now)


async def _open(session: ReadSession, hold: str) -> Any:
    row = (await session.execute(_active().where(holds.c.hold == hold))).one_or_none()
    if row is not None:
        return row
    if await session.scalar(select(holds.c.hold).where(holds.c.hold == hold)):
        raise Conflict(Fault("hold", Message("Việc tạm dừng xét này đã kết thúc.")))
    raise NotFound(Fault("hold", Message("Không có quyết định tạm dừng xét này.")))


def _active() -> Any:
    return select(holds).outerjoin(lifts, lifts.c.hold == holds.c.hold).where(lifts.c.hold.is_(None))


def _lifted(row: Any, at: datetime, conclusion: str, decided_by: str) -> HoldLifted:
    return HoldLifted(
        campaign=row.campaign, hold=row.hold, unit=row.unit, revision=2, at=at, conclusion=conclusion, decided_by=decided_by
    )


async def expire(session: WriteSession, now: datetime) -> None:
    """Lift every hold whose last day is over, as of that day's end, whenever the clock gets round to it."""
    rows = list(await session.execute(_active().where(holds.c.expires_on < local_date(now))))
    await lock(session, [scores.key_of(row.campaign, row.unit) for row in rows])
    for row in rows:
        await decisions.take(session, CLOCK, _lifted(row, _end_of(row.expires_on), EXPIRED, CLOCK.name), now)


def _end_of(day: date) -> datetime:
    return datetime.combine(day + timedelta(days=1), time(), LOCAL)


async def active(session: ReadSession, campaign: str) -> list[Any]:
    """The holds in force, oldest first."""
    return list(await session.execute(_active().where(holds.c.campaign == campaign).order_by(holds.c.since)))


async def of_unit(session: ReadSession, campaign: str, unit: str) -> list[Any]:
    """Every hold a unit ever had, with its conclusion if it has one, newest first."""
    query = (
        select(holds, lifts.c.at.label("lifted_at"), lifts.c.conclusion)
        .outerjoin(lifts, lifts.c.hold == holds.c.hold)
        .where(holds.c.campaign == campaign, holds.c.unit == unit)
    )
    return list(await session.execute(query.order_by(holds.c.since.desc())))
