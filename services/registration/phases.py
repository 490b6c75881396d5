"""Where a campaign stands: phases that time brings on ticks, and those that a decision brings."""

from datetime import date, datetime, time, timedelta

from sqlalchemy import func, select

from services.registration import rules
from services.registration.models import CampaignPhase
from shared import audit, campaigns, outbox
from shared.clock import LOCAL
from shared.database import ReadSession, WriteSession
from shared.events.campaign import Campaign, Phase
from shared.events.evaluation import RankingFrozen
from shared.events.registration import CampaignAdvanced, Role
from shared.inbox import lock
from shared.messages import Conflict, Fault, Message
from shared.security import Officer


def schedule(campaign: Campaign) -> list[tuple[Phase, datetime]]:
    """The phases that time brings, each with its instant; days begin at midnight in Lai Châu."""
    return [
        (Phase.REGISTERING, _midnight(campaign.starts)),
        (Phase.RUNNING, registration_ends(campaign)),
        (Phase.CLOSED, campaign.ends_at),
    ]


def registration_ends(campaign: Campaign) -> datetime:
    """The end of the last day on which units register on time; later registrations are taken and marked."""
    return _midnight(campaign.registration_until + timedelta(days=1))


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), LOCAL)


async def launch(session: WriteSession, campaign: Campaign, now: datetime) -> None:
    """The first version of a campaign is in force: it is launched, and stands wherever time has brought it."""
    if await campaigns.phase_of(session, campaign.code) is Phase.DRAFT:
        await _enter(session, campaign.code, Phase.LAUNCHED, now)
    await advance(session, campaign, now)


async def advance(session: WriteSession, campaign: Campaign, now: datetime) -> None:
    """Enter every phase whose instant has come."""
    stands = await campaigns.phase_of(session, campaign.code)
    for phase, at in rules.due_phases(schedule(campaign), stands, now):
        await _enter(session, campaign.code, phase, at)


async def open_review(session: WriteSession, officer: Officer, campaign: Campaign, now: datetime) -> None:
    """The secretary opens the review of a closed campaign."""
    officer.must_hold(Role.SECRETARY)
    await lock(session, [campaign.code])
    stands = await campaigns.phase_of(session, campaign.code)
    if stands is not Phase.CLOSED:
        raise Conflict(Fault("campaign", Message("Chỉ mở xét được khi phong trào đã kết thúc và chưa mở xét.")))
    await _enter(session, campaign.code, Phase.REVIEWING, now)
    await audit.record(session, officer, "campaign.review-opened", campaign.code, now)


async def rank(session: WriteSession, event: RankingFrozen) -> None:
    """The council froze a ranking; freezing it anew later changes no phase."""
    stands = await campaigns.phase_of(session, event.campaign)
    if rules.PHASES.index(stands) < rules.PHASES.index(Phase.RANKED):
        await _enter(session, event.campaign, Phase.RANKED, event.at)


async def _enter(session: WriteSession, campaign: str, phase: Phase, at: datetime) -> None:
    last = await session.scalar(select(func.max(CampaignPhase.revision)).where(CampaignPhase.campaign == campaign))
    event = CampaignAdvanced(campaign=campaign, revision=(last or 0) + 1, phase=phase, at=at)
    session.add(CampaignPhase(campaign=campaign, revision=event.revision, phase=phase, at=at))
    await session.flush()
    await campaigns.on_campaign_advanced(event, session)
    await outbox.record(session, event, at)


async def history(session: ReadSession, campaign: str) -> list[CampaignPhase]:
    """The phases entered so far, first one first."""
    query = select(CampaignPhase).where(CampaignPhase.campaign == campaign).order_by(CampaignPhase.revision)
    return list(await session.scalars(query))


async def must_be_open(session: ReadSession, campaign: Campaign) -> None:
    """Raise unless units may register, amend and record works now."""
    phase = await campaigns.phase_of(session, campaign.code)
    if phase in rules.OPEN_PHASES:
        return
    if rules.PHASES.index(phase) < rules.PHASES.index(Phase.REGISTERING):
        raise Conflict(Fault("campaign", Message("Phong trào chưa đến ngày đăng ký.")))
    raise Conflict(Fault("campaign", Message("Phong trào đã kết thúc, không nhận thay đổi nữa.")))
