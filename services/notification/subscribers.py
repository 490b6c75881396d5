"""What notification hears: one use case each. What comes in crowds is noted and answered once per batch."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from functools import wraps
from typing import Any

from sqlalchemy import select

from services.notification import deliveries, digests, holds, letters, matters, notes, rounds
from services.notification.letters import Origin
from services.notification.notes import LETTERS
from shared import campaigns, security, telemetry, units
from shared.database import WriteSession
from shared.delivery import Meta
from shared.events.evaluation import (
    FrontRunnerFound,
    FrontRunnerLost,
    HoldLifted,
    HoldPlaced,
    RankingFrozen,
    WarningCleared,
    WarningRaised,
)
from shared.events.registration import (
    CampaignAdvanced,
    CampaignPublished,
    KeyPublished,
    OfficerAppointed,
    OfficerDisabled,
    ParticipationApproved,
    ParticipationReturned,
    ParticipationSubmitted,
    SessionEnded,
    UnitChanged,
)
from shared.events.reporting import (
    DiscrepancyOpened,
    DiscrepancyResolved,
    ReportAccepted,
    ReportMissed,
    ReportReturned,
    RoundClosed,
    RoundOpened,
)
from shared.inbox import Hears, Touched, lock

Keys = Sequence[str]


async def settle(session: WriteSession, _: Sequence[Touched]) -> None:
    """Answer what the batch noted; `LETTERS`, the one key that handlers return, is held."""
    await notes.answer(session)


hears = Hears("notification", settle=settle)

Subscriber = Callable[[Any, WriteSession, Meta], Awaitable[None]]


def one_at_a_time(subscriber: Subscriber) -> Subscriber:
    """Letters are written by one transaction at a time: who addresses one must not miss an officer, a report or a round
    that another transaction is just storing. E-mails leave beside it. What was noted before is answered before.
    """

    @wraps(subscriber)
    async def alone(event: Any, session: WriteSession, meta: Meta) -> None:
        await lock(session, LETTERS)
        await notes.answer(session)
        await subscriber(event, session, meta)

    return alone


async def note(session: WriteSession, event: Any, meta: Meta) -> Keys:
    """Note an event for the batch's answer. An accepted report causes no letter, and needs no trace for one."""
    await notes.note(session, event, Origin(meta.time) if isinstance(event, ReportAccepted) else Origin.of(meta))
    return LETTERS


@hears
async def on_campaign_published(event: CampaignPublished, session: WriteSession, meta: Meta) -> None:
    await campaigns.on_campaign_published(event, session, meta)


@hears
@one_at_a_time
async def on_campaign_advanced(event: CampaignAdvanced, session: WriteSession, meta: Meta) -> None:
    if await campaigns.on_campaign_advanced(event, session, meta) and event.phase in deliveries.OVER:
        await deliveries.withdraw_waiting(session, event.campaign)


@hears
async def on_unit_changed(event: UnitChanged, session: WriteSession, meta: Meta) -> Keys:
    keys = await note(session, event, meta)
    await units.on_unit_changed(event, session, meta)
    return keys


@hears
@one_at_a_time
async def on_officer_appointed(event: OfficerAppointed, session: WriteSession, meta: Meta) -> None:
    await security.on_officer_appointed(event, session, meta)
    if await _is_newest(session, event):
        await deliveries.withdraw_from(session, event.officer, unless_of=event.unit)
        await letters.address_to_newcomer(session, event.unit, event.roles, meta.time)


async def _is_newest(session: WriteSession, event: OfficerAppointed) -> bool:
    query = select(security.officers.c.revision).where(security.officers.c.officer == event.officer)
    return await session.scalar(query) == event.revision


@hears
@one_at_a_time
async def on_officer_disabled(event: OfficerDisabled, session: WriteSession, meta: Meta) -> None:
    await security.on_officer_disabled(event, session, meta)
    await deliveries.withdraw_from(session, event.officer)


@hears
async def on_session_ended(event: SessionEnded, session: WriteSession, meta: Meta) -> None:
    await security.on_session_ended(event, session, meta)


@hears
async def on_key_published(event: KeyPublished, session: WriteSession, meta: Meta) -> None:
    await security.on_key_published(event, session, meta)


@hears
async def on_participation_submitted(event: ParticipationSubmitted, session: WriteSession, meta: Meta) -> Keys:
    return await note(session, event, meta)


@hears
async def on_participation_approved(event: ParticipationApproved, session: WriteSession, meta: Meta) -> Keys:
    return await note(session, event, meta)


@hears
async def on_participation_returned(event: ParticipationReturned, session: WriteSession, meta: Meta) -> Keys:
    return await note(session, event, meta)


@hears
@one_at_a_time
async def on_round_opened(event: RoundOpened, session: WriteSession, meta: Meta) -> None:
    await rounds.opened(session, event, Origin.of(meta))


@hears
@one_at_a_time
async def on_round_closed(event: RoundClosed, session: WriteSession, meta: Meta) -> None:
    await rounds.closed(session, event, Origin.of(meta))


@hears
async def on_report_accepted(event: ReportAccepted, session: WriteSession, meta: Meta) -> Keys:
    return await note(session, event, meta)


@hears
async def on_report_returned(event: ReportReturned, session: WriteSession, meta: Meta) -> Keys:
    return await note(session, event, meta)


@hears
async def on_report_missed(event: ReportMissed, session: WriteSession, meta: Meta) -> Keys:
    return await note(session, event, meta)


@hears
async def on_discrepancy_opened(event: DiscrepancyOpened, session: WriteSession, meta: Meta) -> Keys:
    return await note(session, event, meta)


@hears
async def on_discrepancy_resolved(event: DiscrepancyResolved, session: WriteSession, meta: Meta) -> Keys:
    return await note(session, event, meta)


@hears
async def on_warning_raised(event: WarningRaised, session: WriteSession, meta: Meta) -> Keys:
    return await note(session, event, meta)


@hears
async def on_warning_cleared(event: WarningCleared, session: WriteSession, meta: Meta) -> Keys:
    return await note(session, event, meta)


@hears
async def on_front_runner_found(event: FrontRunnerFound, session: WriteSession, meta: Meta) -> Keys:
    return await note(session, event, meta)


@hears
async def on_front_runner_lost(event: FrontRunnerLost, session: WriteSession, meta: Meta) -> Keys:
    return await note(session, event, meta)


@hears
@one_at_a_time
async def on_hold_placed(event: HoldPlaced, session: WriteSession, meta: Meta) -> None:
    await holds.placed(session, event, Origin.of(meta))


@hears
@one_at_a_time
async def on_hold_lifted(event: HoldLifted, session: WriteSession, _: Meta) -> None:
    await holds.lifted(session, event)


@hears
@one_at_a_time
async def on_ranking_frozen(event: RankingFrozen, session: WriteSession, meta: Meta) -> None:
    await matters.ranked(session, event, Origin.of(meta))


@hears.tick
async def on_tick(session: WriteSession, now: datetime, _: datetime | None) -> None:
    """Reminders and escalations that fall due are written, digests gathered; what has waited its minute leaves. State, not `since`, says what is done."""
    await lock(session, LETTERS)
    await notes.answer(session)
    trace = telemetry.traceparent()
    await rounds.remind(session, now, trace)
    await rounds.escalate(session, now, trace)
    await digests.gather(session, now, trace)
    await deliveries.release(session, now)
