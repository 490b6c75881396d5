"""Registrations: a unit says who leads and what it commits to; the council's secretary approves or returns."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, select

from services.registration import commitments, phases, rules, units
from services.registration.models import Participation
from shared import audit, campaigns, outbox
from shared.clock import local_date
from shared.columns import one_of
from shared.database import ReadSession, WriteSession
from shared.events.campaign import Campaign
from shared.events.registration import (
    Commitment,
    ParticipationApproved,
    ParticipationReturned,
    ParticipationStatus,
    ParticipationSubmitted,
    Person,
    Role,
)
from shared.identity import new_id
from shared.inbox import lock
from shared.messages import Conflict, Fault, Forbidden, Message, NotFound, Refused, collect
from shared.security import Officer, must_act_for, must_see


@dataclass(frozen=True)
class Form:
    """What a unit writes. `revision` is the one it was looking at, if it was looking at one."""

    unit: str
    head: Person
    focal_officer: Person
    commitments: tuple[Commitment, ...]
    revision: int | None = None


async def save(session: WriteSession, officer: Officer, campaign: Campaign, form: Form, now: datetime) -> Participation:
    """Keep a draft. What is written must be sound; it need not be complete yet."""
    must_act_for(officer, form.unit, Role.CLERK, Role.HEAD)
    await phases.must_be_open(session, campaign)
    await lock(session, [f"participation|{campaign.code}|{form.unit}"])
    cluster = await units.cluster_of(session, campaign.code, form.unit, local_date(now))
    if cluster is None:
        raise Refused.because("Đơn vị không thuộc cụm, khối thi đua nào nên không đăng ký.")
    collect(rules.commitment_faults(campaign, cluster, form.commitments))
    row = await of_unit(session, campaign.code, form.unit)
    if row is None:
        row = Participation(id=new_id(), campaign=campaign.code, unit=form.unit, status=ParticipationStatus.DRAFT, revision=0, reason="")
    _must_be_editable(row, form.revision)
    row.cluster, row.revision = cluster, row.revision + 1
    row.head_name, row.head_post = form.head.name, form.head.post
    row.focal_name, row.focal_post = form.focal_officer.name, form.focal_officer.post
    row.commitments = [c.model_dump(mode="json") for c in form.commitments]
    session.add(row)
    await audit.record(session, officer, "participation.saved", row.id, now, revision=row.revision)
    return row


def _must_be_editable(row: Participation, seen: int | None) -> None:
    if row.status not in rules.EDITABLE:
        problem = Message("Bản đăng ký đã gửi hoặc đã duyệt nên không sửa được.")
        raise Conflict(Fault("", problem, Message("Mục tiêu đã duyệt được sửa bằng đề nghị điều chỉnh.")))
    if seen is not None and seen != row.revision:
        raise Conflict(Fault("revision", Message("Người khác vừa sửa bản đăng ký này. Đồng chí hãy mở lại trang.")))


async def submit(session: WriteSession, officer: Officer, id: str, now: datetime) -> Participation:
    """Send the registration to the secretary; everything must be there and sound."""
    row = await _held(session, id)
    must_act_for(officer, row.unit, Role.CLERK, Role.HEAD)
    campaign = await campaigns.find(session, row.campaign)
    await phases.must_be_open(session, campaign)
    _must_be_editable(row, None)
    collect([*_gaps(row), *rules.commitment_faults(campaign, row.cluster, committed(row))])
    row.status, row.revision, row.reason = ParticipationStatus.SUBMITTED, row.revision + 1, ""
    row.submitted_by, row.submitted_at = officer.id, now
    await outbox.record(session, ParticipationSubmitted(**_state(row, now)), now)
    await audit.record(session, officer, "participation.submitted", row.id, now, revision=row.revision)
    return row


def _gaps(row: Participation) -> list[Fault]:
    faults = rules.missing_faults(
        **{
            "head.name": row.head_name, "head.post": row.head_post,
            "focal_officer.name": row.focal_name, "focal_officer.post": row.focal_post,
        }
    )
    if not row.commitments:
        faults.append(Fault("commitments", Message("Chưa có chỉ tiêu nào."), Message("Ghi mục tiêu của ít nhất một chỉ tiêu.")))
    return faults


async def approve(session: WriteSession, officer: Officer, id: str, now: datetime) -> Participation:
    """The unit takes part; its commitments are in force from the campaign's first day on, as version 1."""
    row = await _held(session, id)
    campaign = await campaigns.find(session, row.campaign)
    _must_be_decidable(officer, row)
    await phases.must_be_open(session, campaign)
    row.status, row.revision = ParticipationStatus.APPROVED, row.revision + 1
    row.decided_by, row.decided_at = officer.id, now
    await outbox.record(session, ParticipationApproved(**_state(row, now)), now)
    await commitments.put_in_force(session, campaign, row.unit, committed(row), (officer, now))
    await audit.record(session, officer, "participation.approved", row.id, now, revision=row.revision)
    return row


async def send_back(session: WriteSession, officer: Officer, id: str, reason: str, now: datetime) -> Participation:
    """Return the registration to its unit with a reason."""
    row = await _held(session, id)
    _must_be_decidable(officer, row)
    collect(rules.missing_faults(reason=reason))
    row.status, row.revision, row.reason = ParticipationStatus.RETURNED, row.revision + 1, reason.strip()
    row.decided_by, row.decided_at = officer.id, now
    await outbox.record(session, ParticipationReturned(**_state(row, now), reason=row.reason), now)
    await audit.record(session, officer, "participation.returned", row.id, now, revision=row.revision, reason=row.reason)
    return row


def _must_be_decidable(officer: Officer, row: Participation) -> None:
    officer.must_hold(Role.SECRETARY)
    if row.submitted_by == officer.id:
        raise Forbidden(Fault("", Message("Đồng chí đã gửi bản này nên không được tự duyệt hoặc trả lại.")))
    if row.status != ParticipationStatus.SUBMITTED:
        raise Conflict(Fault("", Message("Bản đăng ký này không ở trạng thái chờ duyệt.")))


async def move(session: WriteSession, campaign: str, moved: Collection[str], now: datetime) -> None:
    """Units whose cluster changed: those that take part already do so in the new one from now on."""
    for unit in sorted(moved):
        row = await of_unit(session, campaign, unit)
        cluster = await units.cluster_of(session, campaign, unit, local_date(now))
        if row and cluster:
            row.cluster, row.revision = cluster, row.revision + 1
            if row.status == ParticipationStatus.APPROVED:
                await outbox.record(session, ParticipationApproved(**_state(row, now)), now)


def _state(row: Participation, at: datetime) -> dict[str, Any]:
    return {
        "campaign": row.campaign, "unit": row.unit, "revision": row.revision, "cluster": row.cluster,
        "head": Person(name=row.head_name, post=row.head_post),
        "focal_officer": Person(name=row.focal_name, post=row.focal_post),
        "commitments": committed(row), "at": at,
    }


def committed(row: Participation) -> tuple[Commitment, ...]:
    """The commitments that a registration proposes."""
    return tuple(Commitment.model_validate(c) for c in row.commitments)


async def of_unit(session: ReadSession, campaign: str, unit: str) -> Participation | None:
    """A unit's registration for a campaign, if there is one."""
    query = select(Participation).where(Participation.campaign == campaign, Participation.unit == unit)
    return await session.scalar(query)


async def find(session: ReadSession, officer: Officer, id: str, now: datetime) -> Participation:
    """A registration that the officer may see. Raises `NotFound`."""
    row = await session.get(Participation, id)
    if row is None:
        raise _no_such()
    await must_see(session, officer, row.unit, local_date(now))
    return row


async def _held(session: WriteSession, id: str) -> Participation:
    """A registration, held until the transaction ends."""
    row = await session.get(Participation, id)
    if row is None:
        raise _no_such()
    await lock(session, [f"participation|{row.campaign}|{row.unit}"])
    await session.refresh(row)
    return row


def _no_such() -> NotFound:
    return NotFound(Fault("id", Message("Không có bản đăng ký này trong phạm vi của đồng chí.")))


async def listed(
    session: ReadSession, campaign: str, among: Collection[str] | None = None, status: str | None = None
) -> Sequence[Participation]:
    """Registrations of a campaign, those that wait for a decision first, the longest wait first; only of `among`, if given."""
    query = select(Participation).where(Participation.campaign == campaign)
    if among is not None:
        query = query.where(one_of(Participation.unit, among))
    if status:
        query = query.where(Participation.status == status)
    waiting = Participation.status != ParticipationStatus.SUBMITTED
    return (await session.scalars(query.order_by(waiting, Participation.submitted_at, Participation.id))).all()


async def counts(session: ReadSession, campaign: str) -> dict[str, int]:
    """How many registrations stand at each status."""
    query = select(Participation.status, func.count()).where(Participation.campaign == campaign).group_by(Participation.status)
    found = dict((await session.execute(query)).all())
    return {status.value: found.get(status.value, 0) for status in ParticipationStatus}
