"""What the council enters: the level of a rubric, the points of a bonus or penalty. Entries are appended, the newest counts."""

from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple

from sqlalchemy import func, select

from services.evaluation import decisions
from services.evaluation.models import entries
from shared.database import ReadSession, WriteSession
from shared.events.campaign import Campaign, Criterion
from shared.events.evaluation import AdjustmentEntered, RubricEntered
from shared.events.registration import Role
from shared.messages import Fault, Message, Refused
from shared.security import Officer

ADJUSTMENTS = ("bonus", "penalty")


class Entry(NamedTuple):
    """Which criterion of which unit is entered, and why."""

    campaign: str
    unit: str
    criterion: str
    reason: str


async def enter_level(session: WriteSession, officer: Officer, entry: Entry, level: str, now: datetime) -> int:
    """Choose a rubric's level; returns the entry's revision."""
    officer.must_hold(Role.SECRETARY, Role.MEMBER)
    criterion = await _criterion(session, officer, entry, ("rubric",))
    if level not in {known.code for known in criterion.levels}:
        choices = ", ".join(known.code for known in criterion.levels)
        raise Refused(Fault("level", Message("Không có mức này."), Message("Chọn một trong: {choices}.", choices=choices)))
    revision = await _next(session, entry)
    event = RubricEntered(
        campaign=entry.campaign, unit=entry.unit, criterion=entry.criterion, revision=revision, level=level,
        reason=decisions.reason_of(entry.reason, "reason", needed=False), decided_by=decisions.signature(officer), at=now,
    )
    await decisions.take(session, officer, event, now)
    return revision


async def enter_points(session: WriteSession, officer: Officer, entry: Entry, points: Decimal, now: datetime) -> int:
    """Set the points of a bonus or penalty, from 0 (none after all) to the criterion's maximum; returns the entry's revision."""
    officer.must_hold(Role.SECRETARY, Role.MEMBER)
    criterion = await _criterion(session, officer, entry, ADJUSTMENTS)
    if not points.is_finite() or not 0 <= points <= criterion.max_points:
        limit = Message("Điểm phải từ 0 đến {most}.", most=criterion.max_points)
        raise Refused(Fault("points", limit, Message("Ghi số dương; điểm trừ cũng ghi số dương.")))
    if points != round(points, 2):
        raise Refused(Fault("points", Message("Điểm có nhiều hơn hai chữ số sau dấu phẩy."), Message("Ghi nhiều nhất hai chữ số, ví dụ 1,25.")))
    revision = await _next(session, entry)
    event = AdjustmentEntered(
        campaign=entry.campaign, unit=entry.unit, criterion=entry.criterion, revision=revision, points=points,
        reason=decisions.reason_of(entry.reason, "reason"), decided_by=decisions.signature(officer), at=now,
    )
    await decisions.take(session, officer, event, now)
    return revision


async def _criterion(session: WriteSession, officer: Officer, entry: Entry, methods: tuple[str, ...]) -> Criterion:
    campaign, cluster = await decisions.open_for(session, officer, entry.campaign, entry.unit)
    found = [c for c in criteria_of(campaign, cluster, *methods) if c.code == entry.criterion]
    if found:
        return found[0]
    choices = ", ".join(c.code for c in criteria_of(campaign, cluster, *methods))
    raise Refused(
        Fault("criterion", Message("Bảng điểm của đơn vị không có tiêu chí này."), Message("Chọn một trong: {choices}.", choices=choices))
    )


def criteria_of(campaign: Campaign, cluster: str, *methods: str) -> tuple[Criterion, ...]:
    """The criteria of a cluster's sheet that are scored by one of these methods."""
    sheet = campaign.sheet_of(cluster)
    return tuple(criterion for criterion in sheet.criteria if criterion.method in methods) if sheet else ()


def _matches(campaign: str, unit: str) -> tuple[Any, ...]:
    return entries.c.campaign == campaign, entries.c.unit == unit


async def _next(session: ReadSession, entry: Entry) -> int:
    known = select(func.max(entries.c.revision)).where(*_matches(entry.campaign, entry.unit), entries.c.criterion == entry.criterion)
    return await decisions.next_revision(session, known)


async def of_unit(session: ReadSession, campaign: str, unit: str) -> list[Any]:
    """Every entry about a unit, newest first."""
    query = select(entries).where(*_matches(campaign, unit)).order_by(entries.c.at.desc(), entries.c.criterion, entries.c.revision.desc())
    return list(await session.execute(query))


async def levels(session: ReadSession, campaign: str) -> dict[tuple[str, str], str]:
    """The level in force by (unit, criterion)."""
    query = select(entries).where(entries.c.campaign == campaign, entries.c.level.is_not(None)).order_by(entries.c.revision)
    return {(row.unit, row.criterion): row.level for row in await session.execute(query)}


async def adjustments(session: ReadSession, campaign: str) -> dict[tuple[str, str], Decimal]:
    """The bonus or penalty points in force by (unit, criterion)."""
    query = select(entries).where(entries.c.campaign == campaign, entries.c.points.is_not(None)).order_by(entries.c.revision)
    return {(row.unit, row.criterion): row.points for row in await session.execute(query)}
