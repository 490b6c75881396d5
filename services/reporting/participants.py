"""What reporting must know of units that take part: since when, with which targets, and when they were on hold."""

from collections.abc import Collection, Iterable, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any, NamedTuple

from sqlalchemy import Select, select

from services.reporting.forms import Reading
from services.reporting.models import commitments, holds, lifted_holds, participants
from services.reporting.rules.timeliness import Hold
from shared import campaigns, units
from shared.database import ReadSession, WriteSession, insert_new, row_of, upsert
from shared.events.campaign import Campaign
from shared.events.evaluation import HoldLifted, HoldPlaced
from shared.events.registration import CommitmentApproved, ParticipationApproved
from shared.messages import Fault, Message, NotFound, Refused


class Target(NamedTuple):
    """A commitment's version in force."""

    baseline: Decimal | None
    target: Decimal
    unit_of_measure: str
    revision: int


async def approve(event: ParticipationApproved, session: WriteSession) -> None:
    """Keep who takes part; the earliest approval known says since when, whatever order the events come in."""
    before = await since_when(session, event.campaign, event.unit)
    row = {
        "campaign": event.campaign, "unit": event.unit, "revision": event.revision, "cluster": event.cluster,
        "since": min(event.at, before) if before else event.at,
    }  # fmt: skip
    if not await upsert(session, participants, [row], newer="revision") and before and event.at < before:
        this = participants.c.campaign == event.campaign, participants.c.unit == event.unit
        await session.execute(participants.update().where(*this).values(since=event.at))


async def commit(event: CommitmentApproved, session: WriteSession) -> None:
    """Keep a target's version beside the earlier ones."""
    row = event.model_dump(include={column.name for column in commitments.c})
    await insert_new(session, commitments, [row])


async def place_hold(event: HoldPlaced, session: WriteSession) -> None:
    """Keep that a unit is on hold."""
    await insert_new(session, holds, [event.model_dump(include={column.name for column in holds.c})])


async def lift_hold(event: HoldLifted, session: WriteSession) -> None:
    """Keep that a hold ended, also when the hold itself has not been heard yet."""
    await insert_new(session, lifted_holds, [{"hold": event.hold, "at": event.at}])


async def since_when(session: ReadSession, campaign: str, unit: str) -> datetime | None:
    """Since when the unit takes part, or None when it does not."""
    row = await row_of(session, participants, campaign=campaign, unit=unit)
    return row.since if row else None


NOT_APPROVED = Fault(
    "unit",
    Message("Đơn vị chưa được duyệt đăng ký tham gia phong trào."),
    Message("Hãy gửi đăng ký và chờ Thường trực Hội đồng duyệt rồi báo cáo."),
)


async def must_take_part(session: ReadSession, campaign: str, unit: str) -> None:
    """Raise `Refused` when the unit's registration is not approved."""
    if await since_when(session, campaign, unit) is None:
        raise Refused(NOT_APPROVED)


async def listed(session: ReadSession, campaign: str) -> Mapping[str, Any]:
    """Rows (unit, cluster, since) of everyone who takes part, by unit."""
    rows = await session.execute(select(participants).where(participants.c.campaign == campaign))
    return {row.unit: row for row in rows}


async def holds_of(session: ReadSession, campaign: str, unit: str | None = None) -> dict[str, list[Hold]]:
    """All holds, past ones too, by unit."""
    query = (
        select(holds, lifted_holds.c.at)
        .outerjoin(lifted_holds, lifted_holds.c.hold == holds.c.hold)
        .where(holds.c.campaign == campaign)
    )
    if unit is not None:
        query = query.where(holds.c.unit == unit)
    found: dict[str, list[Hold]] = {}
    for row in await session.execute(query):
        found.setdefault(row.unit, []).append(Hold(row.unit, row.since, row.at, row.expires_on))
    return found


async def held_at(session: ReadSession, campaign: str, at: datetime) -> set[str]:
    """The units that are on hold at an instant."""
    return {unit for unit, known in (await holds_of(session, campaign)).items() if any(hold.covers(at) for hold in known)}


def due(campaign: str, deadline: datetime, held: Collection[str]) -> Select[Any]:
    """A query for the units that owe a report at a deadline, as `owes` says; `held`: who is on hold then."""
    p = participants
    return select(p.c.campaign, p.c.unit).where(p.c.campaign == campaign, p.c.since < deadline, p.c.unit.not_in(held))


def in_force(committed: Iterable[Any], on: date) -> dict[str, Target]:
    """By assigned indicator the version in force on a day; before its first day a commitment counts as it will begin."""
    found: dict[str, Target] = {}
    for row in sorted(committed, key=lambda row: (row.indicator, row.revision)):
        if row.indicator not in found or row.effective_from <= on:
            found[row.indicator] = Target(row.baseline, row.target, row.unit_of_measure, row.revision)
    return found


async def identify(session: ReadSession, given: Any, on: date) -> str:
    """Our id of a unit that a caller names by id, or by {scheme, value} as it was on a day. Raises `NotFound`."""
    reading = Reading({"unit": given})
    if isinstance(given, str):
        name = reading.text("unit", limit=36)
        found = name if name and await units.known(session, name, on) else None
    else:
        inner = reading.inner("unit")
        scheme, value = inner.text("scheme", limit=32), inner.text("value", limit=64)
        name = f"{scheme}:{value}"
        found = None if reading.faults else await units.resolve(session, scheme, value, on)
    reading.done()
    if found is None:
        cure = Message("Hãy ghi mã của đơn vị, hoặc lược đồ (dinh-danh, dinh-danh-2016, dvhc, mst) và giá trị.")
        raise NotFound(Fault("unit", Message("Không có đơn vị “{name}”.", name=name), cure))
    return found


async def campaign_named(session: ReadSession, code: str) -> Campaign:
    """The campaign with this code; the newest one when no code is given. Raises `NotFound`."""
    if code:
        return await campaigns.find(session, code)
    listed = await campaigns.listed(session)
    if not listed:
        raise NotFound(Fault("campaign", Message("Chưa có phong trào nào.")))
    return listed[0]
