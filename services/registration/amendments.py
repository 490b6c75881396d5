"""Amendments: a unit's head proposes another target with reason and legal basis; the secretary approves or returns it."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum

from sqlalchemy import select

from services.registration import commitments, participations, phases, rules
from services.registration.models import Amendment, CommitmentVersion
from shared import audit, campaigns
from shared.clock import local_date
from shared.columns import one_of
from shared.database import ReadSession, WriteSession
from shared.events.campaign import Campaign, Indicator
from shared.events.registration import Commitment, CommitmentApproved, ParticipationStatus, Role
from shared.identity import new_id
from shared.inbox import lock
from shared.messages import Conflict, Fault, Forbidden, Message, NotFound, collect
from shared.security import Officer, must_act_for, must_see


class AmendmentStatus(StrEnum):
    """Where a proposal stands."""

    PROPOSED = "proposed"
    APPROVED = "approved"
    RETURNED = "returned"


@dataclass(frozen=True)
class Proposal:
    """What a head proposes. `baseline` is read only for an indicator that the unit has no target for yet."""

    unit: str
    indicator: str
    target: Decimal
    reason: str
    legal_basis: str
    effective_from: date
    baseline: Decimal | None = None


async def propose(session: WriteSession, officer: Officer, campaign: Campaign, proposal: Proposal, now: datetime) -> Amendment:
    """Keep a proposal until the secretary decides; one at a time for each target."""
    must_act_for(officer, proposal.unit, Role.HEAD)
    await phases.must_be_open(session, campaign)
    await lock(session, [_key(campaign.code, proposal.unit)])
    current = await _current(session, campaign.code, proposal.unit, proposal.indicator)
    await _check(session, campaign, proposal, current)
    row = Amendment(
        id=new_id(), campaign=campaign.code, unit=proposal.unit, indicator=proposal.indicator,
        baseline=current.baseline if current else proposal.baseline, target=proposal.target,
        effective_from=proposal.effective_from, reason=proposal.reason.strip(), legal_basis=proposal.legal_basis.strip(),
        status=AmendmentStatus.PROPOSED, proposed_by=officer.id, proposed_at=now, answer="",
    )
    session.add(row)
    await audit.record(session, officer, "amendment.proposed", row.id, now, indicator=row.indicator, target=row.target)
    return row


def _key(campaign: str, unit: str) -> str:
    return f"commitments|{campaign}|{unit}"


async def _check(session: ReadSession, campaign: Campaign, proposal: Proposal, current: CommitmentVersion | None) -> None:
    registration = await participations.of_unit(session, campaign.code, proposal.unit)
    if registration is None or registration.status != ParticipationStatus.APPROVED:
        raise Conflict(Fault("unit", Message("Đơn vị chưa được duyệt đăng ký nên chưa có mục tiêu để điều chỉnh.")))
    faults = rules.missing_faults(reason=proposal.reason, legal_basis=proposal.legal_basis)
    faults += _target_faults(campaign, registration.cluster, proposal, current)
    since = current.effective_from if current else None
    late = rules.effective_fault(campaign, local_date(campaign.ends_at), proposal.effective_from, since)
    collect([*faults, late])
    if await _waiting(session, campaign.code, proposal):
        raise Conflict(Fault("indicator", Message("Chỉ tiêu này đang có một đề nghị chờ duyệt.")))


def _target_faults(campaign: Campaign, cluster: str, proposal: Proposal, current: CommitmentVersion | None) -> list[Fault]:
    if current and current.target == proposal.target:
        return [Fault("target", Message("Mục tiêu mới bằng mục tiêu đang có."), Message("Ghi mục tiêu khác."))]
    commitment = Commitment(
        indicator=proposal.indicator, baseline=current.baseline if current else proposal.baseline, target=proposal.target,
        unit_of_measure=_measure(campaign.indicator(proposal.indicator)),
    )
    faults = rules.commitment_faults(campaign, cluster, [commitment])
    return [fault._replace(field=fault.field.removeprefix("commitments.0.")) for fault in faults]


def _measure(indicator: Indicator | None) -> str:
    return indicator.unit_of_measure if indicator else ""


async def _waiting(session: ReadSession, campaign: str, proposal: Proposal) -> Amendment | None:
    query = select(Amendment).where(
        Amendment.campaign == campaign, Amendment.unit == proposal.unit, Amendment.indicator == proposal.indicator,
        Amendment.status == AmendmentStatus.PROPOSED,
    )
    return await session.scalar(query)


async def _current(session: ReadSession, campaign: str, unit: str, indicator: str) -> CommitmentVersion | None:
    found = (await commitments.versions(session, campaign, unit)).get(indicator)
    return found[0] if found else None


async def approve(session: WriteSession, officer: Officer, id: str, now: datetime) -> Amendment:
    """The target is in force from its first day on as the next version."""
    row = await _held(session, officer, id)
    campaign = await campaigns.find(session, row.campaign)
    await phases.must_be_open(session, campaign)
    current = await _current(session, row.campaign, row.unit, row.indicator)
    event = CommitmentApproved(
        campaign=row.campaign, unit=row.unit, indicator=row.indicator, revision=current.revision + 1 if current else 1,
        baseline=row.baseline, target=row.target, unit_of_measure=_measure(campaign.indicator(row.indicator)),
        effective_from=row.effective_from, reason=row.reason, legal_basis=row.legal_basis,
    )
    await commitments.append(session, event, (officer, now))
    row.status, row.decided_by, row.decided_at = AmendmentStatus.APPROVED, officer.id, now
    await audit.record(session, officer, "amendment.approved", row.id, now, indicator=row.indicator, revision=event.revision)
    return row


async def send_back(session: WriteSession, officer: Officer, id: str, reason: str, now: datetime) -> Amendment:
    """Return a proposal with a reason; the target in force stays."""
    row = await _held(session, officer, id)
    collect(rules.missing_faults(reason=reason))
    row.status, row.decided_by, row.decided_at = AmendmentStatus.RETURNED, officer.id, now
    row.answer = reason.strip()
    await audit.record(session, officer, "amendment.returned", row.id, now, reason=row.answer)
    return row


async def _held(session: WriteSession, officer: Officer, id: str) -> Amendment:
    """A proposal that the officer may decide, held until the transaction ends."""
    officer.must_hold(Role.SECRETARY)
    row = await session.get(Amendment, id)
    if row is None:
        raise _no_such()
    await lock(session, [_key(row.campaign, row.unit)])
    await session.refresh(row)
    if row.proposed_by == officer.id:
        raise Forbidden(Fault("", Message("Đồng chí đã đề nghị điều chỉnh này nên không được tự duyệt hoặc trả lại.")))
    if row.status != AmendmentStatus.PROPOSED:
        raise Conflict(Fault("", Message("Đề nghị này đã được trả lời.")))
    return row


def _no_such() -> NotFound:
    return NotFound(Fault("id", Message("Không có đề nghị điều chỉnh này trong phạm vi của đồng chí.")))


async def find(session: ReadSession, officer: Officer, id: str, now: datetime) -> Amendment:
    """A proposal that the officer may see. Raises `NotFound`."""
    row = await session.get(Amendment, id)
    if row is None:
        raise _no_such()
    await must_see(session, officer, row.unit, local_date(now))
    return row


async def listed(session: ReadSession, campaign: str, among: Collection[str] | None = None) -> Sequence[Amendment]:
    """Proposals of a campaign, those that wait first, then the newest; only of `among`, if given."""
    query = select(Amendment).where(Amendment.campaign == campaign)
    if among is not None:
        query = query.where(one_of(Amendment.unit, among))
    waiting = Amendment.status != AmendmentStatus.PROPOSED
    return (await session.scalars(query.order_by(waiting, Amendment.proposed_at.desc(), Amendment.id))).all()
