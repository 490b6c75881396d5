"""What reporting hears: one use-case call each."""

from collections.abc import Sequence
from datetime import datetime

from services.reporting import admissions, intake, paces, participants, proposals, rounds, scope, trials, waiting
from shared import campaigns, security, units
from shared.database import ReadSession, WriteSession
from shared.delivery import Inbound, Meta
from shared.events.evaluation import HoldLifted, HoldPlaced, TrialScored
from shared.events.registration import (
    CampaignAdvanced,
    CampaignPublished,
    CommitmentApproved,
    KeyPublished,
    OfficerAppointed,
    OfficerDisabled,
    ParticipationApproved,
    PartnerAdmitted,
    PartnerRegistered,
    PartnerRevoked,
    ProposalDecided,
    SessionEnded,
    UnitChanged,
)
from shared.inbox import Hears, Touched

WOKEN = "woken"


async def settle(session: WriteSession, touched: Sequence[Touched]) -> None:
    """Decide a batch of partners' events; after one that brought a campaign or a partner, the events that waited for it."""
    if woken := session.info.pop(WOKEN, None):
        with touched[-1].span():
            await waiting.wake(session, woken, max(one.meta.time for one in touched))
    await intake.settle(session)


def wake(session: WriteSession, clients: Sequence[str]) -> set[str]:
    """Have the events of these partners decided that may have waited for what was just heard."""
    session.info.setdefault(WOKEN, set()).update(clients)
    return {waiting.key_of(client) for client in clients}


hears = Hears("reporting", settle, shadows=True)


@hears
async def on_campaign_published(event: CampaignPublished, session: WriteSession, meta: Meta) -> set[str]:
    await campaigns.on_campaign_published(event, session, meta)
    return wake(session, await waiting.for_campaign(session, event.campaign))


@hears
async def on_campaign_advanced(event: CampaignAdvanced, session: WriteSession, meta: Meta) -> None:
    await campaigns.on_campaign_advanced(event, session, meta)


@hears
async def on_unit_changed(event: UnitChanged, session: WriteSession, meta: Meta) -> None:
    await units.on_unit_changed(event, session, meta)


@hears
async def on_officer_appointed(event: OfficerAppointed, session: WriteSession, meta: Meta) -> None:
    await security.on_officer_appointed(event, session, meta)


@hears
async def on_officer_disabled(event: OfficerDisabled, session: WriteSession, meta: Meta) -> None:
    await security.on_officer_disabled(event, session, meta)


@hears
async def on_session_ended(event: SessionEnded, session: WriteSession, meta: Meta) -> None:
    await security.on_session_ended(event, session, meta)


@hears
async def on_key_published(event: KeyPublished, session: WriteSession, meta: Meta) -> None:
    await security.on_key_published(event, session, meta)


@hears
async def on_participation_approved(event: ParticipationApproved, session: WriteSession, _: Meta) -> None:
    await participants.approve(event, session)


@hears
async def on_commitment_approved(event: CommitmentApproved, session: WriteSession, _: Meta) -> None:
    await participants.commit(event, session)


@hears
async def on_partner_registered(event: PartnerRegistered, session: WriteSession, _: Meta) -> set[str]:
    await scope.register_partner(event, session)
    return wake(session, [event.client])


@hears
async def on_partner_admitted(event: PartnerAdmitted, session: WriteSession, _: Meta) -> None:
    await admissions.admit(event, session)


@hears
async def on_partner_revoked(event: PartnerRevoked, session: WriteSession, _: Meta) -> None:
    await admissions.revoke(event, session)


@hears
async def on_proposal_decided(event: ProposalDecided, session: WriteSession, _: Meta) -> None:
    await proposals.decided(event, session)


@hears
async def on_hold_placed(event: HoldPlaced, session: WriteSession, _: Meta) -> None:
    await participants.place_hold(event, session)


@hears
async def on_hold_lifted(event: HoldLifted, session: WriteSession, _: Meta) -> None:
    await participants.lift_hold(event, session)


@hears
async def on_trial_scored(event: TrialScored, session: WriteSession, meta: Meta) -> None:
    await trials.keep_score(event, session, meta.time)


@hears.inbound
async def on_inbound(message: Inbound, session: WriteSession, meta: Meta) -> set[str]:
    return intake.note(session, message, meta)


@hears.paced
async def room(session: ReadSession, client: str, now: datetime) -> int | None:
    return await paces.room(session, client, now)


@hears.tick
async def on_tick(session: WriteSession, now: datetime, _: datetime | None) -> None:
    await rounds.on_tick(session, now)
    await waiting.on_tick(session, now)
    await trials.on_tick(session, now)
