"""What evaluation hears. Each handler keeps a fact and says whose score it touches; scores are settled once per batch and unit."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from sqlalchemy import select

from services.evaluation import decisions, heard, holds, scores, shadows
from services.evaluation.models import participations
from services.evaluation.records import closing_day
from shared import campaigns, outbox, security, units
from shared.database import CHUNK, ReadSession, WriteSession
from shared.delivery import Meta
from shared.events.evaluation import (
    AdjustmentEntered,
    HoldLifted,
    HoldPlaced,
    RankingFrozen,
    RubricEntered,
    ScoreChanged,
)
from shared.events.notification import LetterDelivered
from shared.events.registration import (
    CampaignAdvanced,
    CampaignPublished,
    CommitmentApproved,
    ParticipationApproved,
    UnitChanged,
    WorkProgressed,
)
from shared.events.reporting import (
    DiscrepancyOpened,
    DiscrepancyResolved,
    ObservationAccepted,
    ReportAccepted,
    ReportMissed,
    ReportReturned,
    RoundClosed,
    RoundOpened,
    TrialEnded,
)
from shared.inbox import Hears, Touched


async def settle(session: WriteSession, touched: Sequence[Touched]) -> None:
    """Score the touched units, and those tried out under what registration says; consequences bear the domain time of the event that touched each last.

    A few hundred at a time, for a new version of a campaign touches everybody who takes part.
    """
    touched = await shadows.running(session, [*touched, *await shadows.touched_too(session, touched)])
    for start in range(0, len(touched), CHUNK):
        if start:
            await outbox.write(session)
        await _settle(session, touched[start : start + CHUNK])


async def _settle(session: WriteSession, touched: Sequence[Touched]) -> None:
    known = await scores.known(session, [one.key for one in touched])
    for one in touched:
        if one.key in known:
            with one.span():
                await scores.settle(session, known[one.key], one.meta.time, one.meta.id)


hears = Hears("evaluation", settle=settle, shadows=True)
hears.live = (ScoreChanged, RankingFrozen)

hears(security.on_officer_appointed)
hears(security.on_officer_disabled)
hears(security.on_session_ended)
hears(security.on_key_published)


@hears
async def on_campaign_published(event: CampaignPublished, session: WriteSession, meta: Meta) -> set[str]:
    """A new version may change sheets and rounds: every participant is scored anew."""
    if not await campaigns.on_campaign_published(event, session, meta):
        return set()
    members = set(await session.scalars(select(participations.c.unit).where(participations.c.campaign == event.campaign)))
    scores.doubt(session, members)
    return {scores.key_of(event.campaign, unit) for unit in members}


@hears
async def on_campaign_advanced(event: CampaignAdvanced, session: WriteSession, meta: Meta) -> None:
    """The phase says whether the council may freeze."""
    await campaigns.on_campaign_advanced(event, session, meta)


@hears
async def on_unit_changed(event: UnitChanged, session: WriteSession, meta: Meta) -> set[str]:
    """Who is below whom decides whose works count: the units above before and after are scored anew."""
    before = await _with_superiors(session, [event.unit])
    await units.on_unit_changed(event, session, meta)
    scores.doubt(session, [event.unit])
    return before | await _with_superiors(session, [event.unit])


_ANYBODY = select(participations.c.unit).limit(1)


async def _with_superiors(session: ReadSession, among: Iterable[str]) -> set[str]:
    """Keys of these units and of all above them, in every campaign that has participants."""
    if await session.scalar(_ANYBODY) is None:
        return set()
    found: set[str] = set()
    for campaign in await campaigns.listed(session):
        for unit in among:
            above = await units.ancestors(session, unit, closing_day(campaign))
            found |= {scores.key_of(campaign.code, u) for u in (unit, *above)}
    return found


@hears
async def on_participation_approved(event: ParticipationApproved, session: WriteSession, _: Meta) -> set[str]:
    """A unit takes part in a cluster; its targets come by `CommitmentApproved`."""
    await heard.keep_participation(session, event)
    return {scores.key_of(event.campaign, event.unit)}


@hears
async def on_commitment_approved(event: CommitmentApproved, session: WriteSession, _: Meta) -> set[str]:
    """A target is in force from a day on."""
    heard.keep_commitment(session, event)
    return {scores.key_of(event.campaign, event.unit)}


@hears
async def on_work_progressed(event: WorkProgressed, session: WriteSession, _: Meta) -> set[str]:
    """A work counts for its unit and for the units above whose sheet looks below."""
    await heard.keep_work(session, event)
    return {scores.key_of(event.campaign, event.unit)} | {
        key for key in await _with_superiors(session, [event.unit]) if key.startswith(f"{event.campaign}|")
    }


@hears
async def on_round_opened(event: RoundOpened, session: WriteSession, _: Meta) -> None:
    """A round takes reports."""
    await heard.keep_round(session, event)


@hears
async def on_round_closed(event: RoundClosed, session: WriteSession, _: Meta) -> None:
    """A round's deadline passed."""
    await heard.keep_round(session, event)


@hears
async def on_report_accepted(event: ReportAccepted, session: WriteSession, _: Meta) -> set[str]:
    """A unit's figures for a round."""
    heard.keep_report(session, event)
    shadows.keep(session, event)
    return {scores.key_of(event.campaign, event.unit)}


@hears
async def on_report_returned(event: ReportReturned, session: WriteSession, _: Meta) -> set[str]:
    """Figures that no longer count."""
    heard.keep_return(session, event)
    return {scores.key_of(event.campaign, event.unit)}


@hears
async def on_report_missed(event: ReportMissed, session: WriteSession, _: Meta) -> set[str]:
    """A round passed in silence."""
    heard.keep_miss(session, event)
    return {scores.key_of(event.campaign, event.unit)}


@hears
async def on_discrepancy_opened(event: DiscrepancyOpened, session: WriteSession, _: Meta) -> None:
    """A figure is disputed: marked, and scored as reported until a person decides."""
    await heard.keep_discrepancy(session, event)


@hears
async def on_discrepancy_resolved(event: DiscrepancyResolved, session: WriteSession, _: Meta) -> None:
    """The dispute ended; a changed figure comes as a new revision of the report."""
    await heard.keep_discrepancy(session, event)


@hears
async def on_observation_accepted(event: ObservationAccepted, session: WriteSession, _: Meta) -> None:
    """A partner's figure, shown beside the unit's own."""
    await heard.keep_observation(session, event)


@hears
async def on_trial_ended(event: TrialEnded, session: WriteSession, _: Meta) -> None:
    """What was tried out is forgotten."""
    await shadows.forget(session, event.campaign)


@hears
async def on_letter_delivered(event: LetterDelivered, session: WriteSession, _: Meta) -> None:
    """Since when a unit knows of its warning."""
    heard.keep_letter(session, event)


@hears.tick
async def on_tick(session: WriteSession, now: datetime, _: datetime | None) -> None:
    """Holds expire."""
    await holds.expire(session, now)


@hears.own
async def on_hold_placed(event: HoldPlaced, session: WriteSession, _: Meta) -> set[str]:
    """A decision of ours, in a rebuild."""
    return await decisions.apply(event, session)


@hears.own
async def on_hold_lifted(event: HoldLifted, session: WriteSession, _: Meta) -> set[str]:
    """A decision of ours, in a rebuild."""
    return await decisions.apply(event, session)


@hears.own
async def on_rubric_entered(event: RubricEntered, session: WriteSession, _: Meta) -> set[str]:
    """A decision of ours, in a rebuild."""
    return await decisions.apply(event, session)


@hears.own
async def on_adjustment_entered(event: AdjustmentEntered, session: WriteSession, _: Meta) -> set[str]:
    """A decision of ours, in a rebuild."""
    return await decisions.apply(event, session)


@hears.own
async def on_ranking_frozen(event: RankingFrozen, session: WriteSession, _: Meta) -> set[str]:
    """A decision of ours, in a rebuild; there the ranking is computed anew and compared with this one."""
    return await decisions.apply(event, session)
