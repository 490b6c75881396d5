"""Who takes part, and the letters about units' registrations."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from services.notification import letters, rounds, settlements
from services.notification import models as tables
from services.notification.letters import Draft, Note
from shared.database import ReadSession, WriteSession, rows_among, upsert_later
from shared.events.registration import (
    ParticipationApproved,
    ParticipationEvent,
    ParticipationReturned,
    ParticipationStatus,
    ParticipationSubmitted,
)

CAUSE = "registration"
SUBMITTED, APPROVED, RETURNED = "registration-submitted", "registration-approved", "registration-returned"

Notes = Sequence[Note[ParticipationEvent]]
Key = tuple[str, str]
"""Campaign and unit."""


async def answer(session: WriteSession, notes: Notes) -> None:
    """Keep the newest states and write the letters that follow; letters about earlier states are settled by them."""
    for some in _apart(notes):
        await _take(session, some)


def _apart(notes: Notes) -> Iterator[Notes]:
    """The events in their order, as many at a time as are about different units."""
    some: dict[Key, Note[ParticipationEvent]] = {}
    for each in notes:
        if _key(each.event) in some:
            yield [*some.values()]
            some = {}
        some[_key(each.event)] = each
    yield [*some.values()]


async def _take(session: WriteSession, notes: Notes) -> None:
    known = await _revisions(session, notes)
    newest = [each for each in notes if each.event.revision > known.get(_key(each.event), -1)]
    for event, _ in newest:
        row = {"campaign": event.campaign, "unit": event.unit, "revision": event.revision, "status": _said(event)[0]}
        upsert_later(session, tables.participants, row)
    await settlements.settle_each(session, await _answered(session, newest))
    await letters.compose(session, [_draft(each) for each in newest])
    await rounds.tell_of_open(session, [each for each in newest if isinstance(each.event, ParticipationApproved)])


async def _revisions(session: ReadSession, notes: Notes) -> dict[Key, int]:
    units: dict[str, set[str]] = {}
    for event, _ in notes:
        units.setdefault(event.campaign, set()).add(event.unit)
    return {
        (campaign, row.unit): row.revision
        for campaign, among in units.items()
        for row in await rows_among(session, tables.participants, "unit", among, campaign=campaign)
    }


async def _answered(session: ReadSession, notes: Notes) -> dict[Any, datetime]:
    """Open letters about earlier states of these registrations, and since when they need nothing any more."""
    later = {_key(event): [(event.revision, origin.now)] for event, origin in notes}
    found = await settlements.open_about(session, {unit for _, unit in later}, (SUBMITTED, APPROVED, RETURNED))
    return {row: since for row in found if (since := settlements.since(row, later.get((row.campaign, row.unit), ())))}


def _said(event: ParticipationEvent) -> tuple[ParticipationStatus, str, dict[str, object]]:
    """The state that an event tells of, its letter, and what that says."""
    if isinstance(event, ParticipationSubmitted):
        return ParticipationStatus.SUBMITTED, SUBMITTED, {"head": event.head.name, "commitments": len(event.commitments)}
    if isinstance(event, ParticipationReturned):
        return ParticipationStatus.RETURNED, RETURNED, {"reason": event.reason}
    return ParticipationStatus.APPROVED, APPROVED, {"cluster": event.cluster, "commitments": len(event.commitments)}


def _draft(note: Note[ParticipationEvent]) -> Draft:
    event, origin = note
    _, rule, parameters = _said(event)
    return Draft(rule, event.campaign, event.unit, CAUSE, origin, event.revision, parameters)


def _key(event: ParticipationEvent) -> Key:
    return event.campaign, event.unit
