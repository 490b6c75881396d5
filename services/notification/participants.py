"""Who takes part, and the letters about a unit's registration."""

from sqlalchemy import and_, bindparam

from services.notification import letters, rounds, settlements
from services.notification import models as tables
from services.notification.letters import Draft, Origin
from shared.database import WriteSession, upsert
from shared.events.registration import (
    ParticipationApproved,
    ParticipationEvent,
    ParticipationReturned,
    ParticipationStatus,
    ParticipationSubmitted,
)

CAUSE = "registration"
_EARLIER = settlements.settling(
    and_(
        tables.letters.c.campaign == bindparam("in_campaign"), tables.letters.c.unit == bindparam("of_unit"),
        tables.letters.c.cause == CAUSE, tables.letters.c.revision < bindparam("before"),
    )
)  # fmt: skip


async def submitted(session: WriteSession, event: ParticipationSubmitted, origin: Origin) -> None:
    """The secretary has a registration to decide on."""
    if await _note(session, event, ParticipationStatus.SUBMITTED, origin):
        parameters = {"head": event.head.name, "commitments": len(event.commitments)}
        await letters.compose(session, [_draft("registration-submitted", event, parameters, origin)])


async def approved(session: WriteSession, event: ParticipationApproved, origin: Origin) -> None:
    """The unit takes part; rounds that are open already concern it from now on."""
    if await _note(session, event, ParticipationStatus.APPROVED, origin):
        parameters = {"cluster": event.cluster, "commitments": len(event.commitments)}
        await letters.compose(session, [_draft("registration-approved", event, parameters, origin)])
        await rounds.tell_of_open(session, event.campaign, event.unit, origin)


async def returned(session: WriteSession, event: ParticipationReturned, origin: Origin) -> None:
    """The registration went back to the unit."""
    if await _note(session, event, ParticipationStatus.RETURNED, origin):
        await letters.compose(session, [_draft("registration-returned", event, {"reason": event.reason}, origin)])


def _draft(rule: str, event: ParticipationEvent, parameters: dict[str, object], origin: Origin) -> Draft:
    return Draft(rule, event.campaign, event.unit, CAUSE, origin, event.revision, parameters)


async def _note(session: WriteSession, event: ParticipationEvent, status: ParticipationStatus, origin: Origin) -> bool:
    """Keep the newest state; True when this is it. Letters about earlier states are settled by it."""
    row = {"campaign": event.campaign, "unit": event.unit, "revision": event.revision, "status": status}
    if not await upsert(session, tables.participants, [row], newer="revision"):
        return False
    await settlements.settle(session, _EARLIER, origin.now, in_campaign=event.campaign, of_unit=event.unit, before=event.revision)
    return True
