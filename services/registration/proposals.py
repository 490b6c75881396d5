"""What a partner says of works and units is a proposal: nothing changes until the person whose matter it is confirms it."""

from collections.abc import Collection
from datetime import date, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import or_, select

from services.registration import units, works
from services.registration.loading import SuccessionRow
from services.registration.models import Proposal, Work
from services.registration.works import AT_WORK, Step
from shared import audit, outbox
from shared import units as directory
from shared.columns import one_of
from shared.database import ReadSession, WriteSession, insert_new
from shared.events.registration import Decision, ProposalDecided, Role, WorkStatus
from shared.events.reporting import ReorganisationProposed, WorkProposed
from shared.inbox import lock
from shared.messages import Conflict, Fault, Message, NotFound, Refused
from shared.security import Officer, must_act_for


class Kind(StrEnum):
    """What is proposed."""

    WORK = "work"
    REORGANISATION = "reorganisation"


class State(StrEnum):
    """Where a proposal stands."""

    OPEN = "open"
    CONFIRMED = "confirmed"
    DECLINED = "declined"


async def propose_work(event: WorkProposed, session: WriteSession) -> None:
    """Keep what a partner says of a work."""
    await _keep(session, Kind.WORK, event, event.unit)


async def propose_reorganisation(event: ReorganisationProposed, session: WriteSession) -> None:
    """Keep what a partner says of units that became another one."""
    await _keep(session, Kind.REORGANISATION, event, None)


async def _keep(session: WriteSession, kind: Kind, event: WorkProposed | ReorganisationProposed, unit: str | None) -> None:
    row = {
        "id": event.proposal, "kind": kind, "campaign": event.campaign, "client": event.client, "event": event.event, "unit": unit,
        "facts": event.model_dump(mode="json"), "state": State.OPEN, "proposed_at": event.at, "decided_by": None, "decided_at": None, "reason": "",
    }  # fmt: skip
    await insert_new(session, Proposal.__table__, [row])  # type: ignore[arg-type]


async def confirm(session: WriteSession, officer: Officer, id: str, now: datetime) -> Proposal:
    """Make it so, in the officer's own name: the owner's clerk or head for a work, the secretary for units."""
    row = await _held(session, officer, id)
    if row.kind == Kind.WORK:
        await _advance(session, officer, row, now)
    else:
        await _succeed(session, row, now)
    return await _decide(session, officer, row, State.CONFIRMED, now)


async def decline(session: WriteSession, officer: Officer, id: str, reason: str, now: datetime) -> Proposal:
    """Leave everything as it is, and say why."""
    row = await _held(session, officer, id)
    if not reason.strip():
        raise Refused(Fault("reason", Message("Chưa ghi lý do.")))
    row.reason = reason.strip()
    return await _decide(session, officer, row, State.DECLINED, now)


async def _held(session: WriteSession, officer: Officer, id: str) -> Proposal:
    """An open proposal that is the officer's to decide, held until the transaction ends."""
    await lock(session, [f"proposal|{id}"])
    row = await session.get(Proposal, id, populate_existing=True)
    if row is None:
        raise NotFound(Fault("id", Message("Không có đề nghị này trong phạm vi của đồng chí.")))
    if row.kind == Kind.WORK:
        must_act_for(officer, row.unit or "", *AT_WORK)
    else:
        officer.must_hold(Role.SECRETARY)
    if row.state != State.OPEN:
        raise Conflict(Fault("", Message("Đề nghị này đã được giải quyết.")))
    return row


async def _advance(session: WriteSession, officer: Officer, row: Proposal, now: datetime) -> None:
    work = await session.get(Work, row.facts["work"])
    if work is None or work.unit != row.unit or work.campaign != row.campaign:
        raise Refused(Fault("work", Message("Đơn vị không có công trình này."), Message("Hãy từ chối và nêu lý do.")))
    to: Any = WorkStatus(row.facts["status"])
    await works.advance(session, officer, work.id, Step(to, date.fromisoformat(row.facts["day"])), now)


async def _succeed(session: WriteSession, row: Proposal, now: datetime) -> None:
    day, ref = date.fromisoformat(row.facts["day"]), row.facts["successor_ref"]
    successor = await directory.resolve(session, ref["scheme"], ref["value"], day)
    if successor is None:
        cure = Message("Hãy nạp đơn vị mới trong units.csv trước, rồi xác nhận.")
        raise Refused(Fault("successor", Message("Chưa có đơn vị {scheme}:{value}.", **ref), cure))
    gone = tuple(row.facts["predecessors"])
    await units.succeed(session, [SuccessionRow(gone, successor, day, row.facts["legal_act"])], {id: id for id in (*gone, successor)}, now)


async def _decide(session: WriteSession, officer: Officer, row: Proposal, state: State, now: datetime) -> Proposal:
    """Keep the decision, and tell it to the system that proposed."""
    row.state, row.decided_by, row.decided_at = state, officer.name, now
    told = ProposalDecided(
        campaign=row.campaign, proposal=row.id, client=row.client, event=row.event, decision=Decision(state), reason=row.reason, at=now
    )
    await outbox.record(session, told, now, client=row.client)
    action = "proposal.confirmed" if state is State.CONFIRMED else "proposal.declined"
    await audit.record(session, officer, action, row.id, now, client=row.client, event=row.event, reason=row.reason)
    return row


async def about_work(session: ReadSession, work: Work) -> list[Proposal]:
    """What partners said of a work, and was confirmed, the first one first."""
    query = select(Proposal).where(Proposal.campaign == work.campaign, Proposal.state == State.CONFIRMED, Proposal.unit == work.unit)
    return [row for row in await session.scalars(query.order_by(Proposal.decided_at)) if row.kind == Kind.WORK and row.facts["work"] == work.id]


async def listed(session: ReadSession, campaign: str, among: Collection[str] | None = None) -> list[Proposal]:
    """Proposals of a campaign, open ones first; of works only those of `among`, if given."""
    query = select(Proposal).where(Proposal.campaign == campaign)
    if among is not None:
        query = query.where(or_(Proposal.unit.is_(None), one_of(Proposal.unit, among)))
    return list(await session.scalars(query.order_by(Proposal.decided_at.is_not(None), Proposal.proposed_at.desc())))
