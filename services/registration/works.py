"""Commemorative works: declared by their owner, confirmed by the unit above where that is a duty, started, completed, unveiled."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Literal, NamedTuple

from sqlalchemy import func, select

from services.registration import phases, rules
from services.registration.models import Work, WorkStep
from shared import audit, campaigns, outbox, telemetry, units
from shared.clock import local_date
from shared.columns import one_of
from shared.database import ReadSession, WriteSession
from shared.events.campaign import Campaign, WorkDuty
from shared.events.registration import Role, WorkProgressed, WorkStatus
from shared.identity import new_id
from shared.inbox import lock
from shared.messages import Conflict, Fault, Message, NotFound, collect
from shared.security import Officer, must_act_for, must_see
from shared.units import KnownUnit

Purpose = Literal["economic", "social", "living"]
AT_WORK = (Role.CLERK, Role.HEAD)
DONE = frozenset({WorkStatus.COMPLETED, WorkStatus.UNVEILED})


@dataclass(frozen=True)
class Declaration:
    """What an owner declares; shares in million đồng, the people's with their work days."""

    unit: str
    title: str
    purpose: Purpose
    state_share: Decimal
    people_share: Decimal


async def declare(session: WriteSession, officer: Officer, campaign: Campaign, form: Declaration, now: datetime) -> Work:
    """Keep a work of the officer's own unit."""
    must_act_for(officer, form.unit, *AT_WORK)
    await phases.must_be_open(session, campaign)
    collect([*rules.missing_faults(title=form.title), *rules.share_faults(form.state_share, form.people_share)])
    known = await units.known(session, form.unit, local_date(now))
    work = Work(
        id=new_id(), campaign=campaign.code, unit=form.unit, title=form.title.strip(), purpose=form.purpose,
        state_share=form.state_share, people_share=form.people_share, status=WorkStatus.DECLARED, revision=0,
        confirmed=not (known and known.parent and rules.needs_confirmation(campaign, known.kind)),
    )
    session.add(work)
    await _progress(session, officer, work, local_date(now), now)
    return work


async def confirm(session: WriteSession, officer: Officer, id: str, now: datetime) -> Work:
    """The unit above confirms that the work is one."""
    work = await _held(session, id)
    owner = await units.known(session, work.unit, local_date(now))
    must_act_for(officer, owner.parent if owner and owner.parent else "", *AT_WORK)
    await _step(session, officer, work, WorkStatus.CONFIRMED, (local_date(now), now))
    return work


class Step(NamedTuple):
    """What an owner records; `day` is the day on which it happened, today when it is left out."""

    to: Literal[WorkStatus.STARTED, WorkStatus.COMPLETED, WorkStatus.UNVEILED]
    day: date | None = None


async def advance(session: WriteSession, officer: Officer, id: str, step: Step, now: datetime) -> Work:
    """The owner records that the work was started, completed or unveiled."""
    work = await _held(session, id)
    must_act_for(officer, work.unit, *AT_WORK)
    today = local_date(now)
    last = (await steps(session, id))[-1]
    if step.day and not (last.day <= step.day <= today):
        cure = Message("Ghi ngày từ {first} đến {last}.", first=f"{last.day:%d/%m/%Y}", last=f"{today:%d/%m/%Y}")
        collect([Fault("on", Message("Ngày ở trước bước trước hoặc ở tương lai."), cure)])
    await _step(session, officer, work, step.to, (step.day or today, now))
    return work


async def _step(session: WriteSession, officer: Officer, work: Work, to: WorkStatus, when: tuple[date, datetime]) -> None:
    await phases.must_be_open(session, await campaigns.find(session, work.campaign))
    if not rules.may_step(WorkStatus(work.status), work.confirmed, to):
        raise Conflict(Fault("", Message("Công trình không ở bước cho phép làm việc này.")))
    work.status, work.confirmed = to, work.confirmed or to is WorkStatus.CONFIRMED
    await _progress(session, officer, work, *when)


async def _progress(session: WriteSession, officer: Officer, work: Work, day: date, now: datetime) -> None:
    work.revision += 1
    event = WorkProgressed(
        campaign=work.campaign, work=work.id, unit=work.unit, revision=work.revision, title=work.title, purpose=work.purpose,
        state_share=work.state_share, people_share=work.people_share, status=WorkStatus(work.status),
        confirmed=work.confirmed, at=now,
    )
    step = WorkStep(
        work=work.id, revision=work.revision, status=work.status, day=day, recorded_by=officer.id, recorded_name=officer.name,
        recorded_at=now, event=await outbox.record(session, event, now), traceparent=telemetry.traceparent(),
    )  # fmt: skip
    session.add(step)
    await audit.record(session, officer, f"work.{work.status}", work.id, now, revision=work.revision, day=day)


async def _held(session: WriteSession, id: str) -> Work:
    """A work, held until the transaction ends."""
    work = await session.get(Work, id)
    if work is None:
        raise _no_such()
    await lock(session, [f"work|{id}"])
    await session.refresh(work)
    return work


def _no_such() -> NotFound:
    return NotFound(Fault("id", Message("Không có công trình này trong phạm vi của đồng chí.")))


async def find(session: ReadSession, officer: Officer, id: str, now: datetime) -> Work:
    """A work that the officer may see. Raises `NotFound`."""
    work = await session.get(Work, id)
    if work is None:
        raise _no_such()
    await must_see(session, officer, work.unit, local_date(now))
    return work


async def steps(session: ReadSession, id: str) -> list[WorkStep]:
    """The steps of a work, first one first."""
    return list(await session.scalars(select(WorkStep).where(WorkStep.work == id).order_by(WorkStep.revision)))


async def listed(session: ReadSession, campaign: str, among: Collection[str] | None = None) -> Sequence[Work]:
    """Works of a campaign, those that wait for confirmation first; only of `among`, if given."""
    query = select(Work).where(Work.campaign == campaign)
    if among is not None:
        query = query.where(one_of(Work.unit, among))
    return (await session.scalars(query.order_by(Work.confirmed, Work.id))).all()


async def counts(session: ReadSession, campaign: str) -> dict[str, int]:
    """How many works stand at each status."""
    query = select(Work.status, func.count()).where(Work.campaign == campaign).group_by(Work.status)
    found = dict((await session.execute(query)).all())
    return {status.value: found.get(status.value, 0) for status in WorkStatus}


@dataclass(frozen=True)
class DutyMet:
    """How far the units of a kind have done their duty: how many there are, have declared, confirmed, completed enough works."""

    kind: str
    required: int
    units: int
    declared: int
    confirmed: int
    completed: int


def duty(owed: WorkDuty, rows: Sequence[Work], seen: Mapping[str, KnownUnit]) -> DutyMet:
    """A duty counted over the units of its kind among those `seen`."""
    owners = {unit.id for unit in seen.values() if unit.kind == owed.kind}
    declared = Counter(row.unit for row in rows if row.unit in owners)
    confirmed = Counter(row.unit for row in rows if row.unit in owners and row.confirmed)
    done = Counter(row.unit for row in rows if row.unit in owners and row.confirmed and row.status in DONE)
    met = [sum(1 for n in counted.values() if n >= owed.required) for counted in (declared, confirmed, done)]
    return DutyMet(owed.kind, owed.required, len(owners), *met)
