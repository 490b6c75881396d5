"""What a partner says of things that registration owns: told as a proposal, and nothing more, until a person confirms it there."""

from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import update

from services.reporting import scope
from services.reporting.forms import Reading
from services.reporting.models import inbound
from services.reporting.scope import Effect, Named, Sender
from shared import outbox, units
from shared.clock import local_date
from shared.database import WriteSession
from shared.events.registration import ProposalDecided
from shared.events.reporting import (
    ReorganisationProposed,
    UnitRef,
    UnitReorganised,
    WorkProposed,
    WorkReported,
    WorkStep,
)
from shared.identity import new_id
from shared.messages import Fault, Message, Refused

PROPOSAL = "proposal"
"""What an inbound event's effect begins with when it became a proposal."""


async def propose_work(session: WriteSession, sender: Sender, data: Any, now: datetime) -> Effect:
    """Take in `WorkReported`; returns what it became. Raises `Refused` with every fault, or `NotHeardYet`."""
    reading = Reading(data)
    code, named = reading.text("campaign", limit=64), Named.read(reading.inner("unit"), "unit")
    work, status = reading.text("work", limit=36), reading.choice("status", WorkStep)
    day, note = reading.day("day") or units.BEGINNING, reading.text("note", required=False)
    reading.done()
    known = await scope.of(session, sender.client, code)
    unit, faults = await scope.find_own_unit(session, known, named, day)
    faults = [*scope.type_faults(known.partner, WorkReported.TYPE), *_day_faults(day, now), *faults]
    if faults or unit is None:
        raise Refused(*faults)
    event = WorkProposed(
        campaign=code, proposal=new_id(), client=sender.client, event=sender.event, unit=unit.id, work=work, status=WorkStep(status),
        day=day, note=note, at=now,
    )  # fmt: skip
    await outbox.record(session, event, now)
    return Effect(PROPOSAL, event.proposal)


async def propose_reorganisation(session: WriteSession, sender: Sender, data: Any, now: datetime) -> Effect:
    """Take in `UnitReorganised`; returns what it became. Raises `Refused` with every fault, or `NotHeardYet`."""
    reading = Reading(data)
    code, day = reading.text("campaign", limit=64), reading.day("day") or units.BEGINNING
    before = [Named.read(unit, f"predecessors.{place}") for place, unit in enumerate(reading.each("predecessors"))]
    after, legal_act = Named.read(reading.inner("successor"), "successor"), reading.text("legal_act", limit=255)
    note = reading.text("note", required=False)
    if "predecessors" in reading.data and not before:
        reading.fault("predecessors", Message("Chưa có đơn vị nào."))
    reading.done()
    known = await scope.of(session, sender.client, code)
    faults = scope.type_faults(known.partner, UnitReorganised.TYPE)
    gone = []
    for named in before:
        unit, wrong = await scope.find_own_unit(session, known, named, day - timedelta(days=1))
        faults += wrong
        gone += [unit.id] if unit else []
    if faults:
        raise Refused(*faults)
    event = ReorganisationProposed(
        campaign=code, proposal=new_id(), client=sender.client, event=sender.event, predecessors=tuple(gone),
        successor=await units.resolve(session, after.scheme, after.value, day), successor_ref=UnitRef(scheme=after.scheme, value=after.value),
        day=day, legal_act=legal_act, note=note, at=now,
    )  # fmt: skip
    await outbox.record(session, event, now)
    return Effect(PROPOSAL, event.proposal)


def is_asked(row: Any) -> bool:
    """Whether an inbound event became a proposal on which a person decides; a trial asks nobody."""
    return (row.effect or "").startswith(f"{PROPOSAL}:")


async def decided(event: ProposalDecided, session: WriteSession) -> None:
    """Keep what a person decided beside the event that proposed it, where its sender looks."""
    said = inbound.c.client == event.client, inbound.c.effect == str(Effect(PROPOSAL, event.proposal))
    values = {"decision": event.decision, "decision_reason": event.reason, "decision_at": event.at}
    await session.execute(update(inbound).where(*said).values(values))


def _day_faults(day: date, now: datetime) -> list[Fault]:
    if day <= local_date(now):
        return []
    return [Fault("day", Message("Ngày ở tương lai."), Message("Hãy ghi ngày việc đã xảy ra."))]
