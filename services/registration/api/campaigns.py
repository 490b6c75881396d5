"""Campaigns, their phase, their partners, and the books."""

from fastapi import APIRouter

from services.registration import books, campaigns, partners, phases
from services.registration.api.answers import Books, CampaignState, PartnerAnswer
from shared import campaigns as known
from shared.clock import local_date
from shared.database import ReadSession
from shared.events.campaign import Campaign
from shared.events.registration import Role
from shared.security import SignedIn
from shared.service import Here
from shared.web.strict_json import StrictRoute

router = APIRouter(tags=["campaigns"], route_class=StrictRoute)


@router.get("/campaigns")
async def listed(_: SignedIn, service: Here) -> list[CampaignState]:
    """Every campaign, newest first."""
    async with service.database.read() as session:
        return [await _state(session, campaign) for campaign in await known.listed(session)]


@router.get("/campaigns/{code}")
async def definition(code: str, _: SignedIn, service: Here) -> Campaign:
    """A campaign whole, in the version in force."""
    async with service.database.read() as session:
        return await known.find(session, code)


@router.post("/campaigns/{code}/review")
async def open_review(code: str, officer: SignedIn, service: Here) -> CampaignState:
    """The secretary opens the review of a closed campaign."""
    async with service.database.write() as session:
        campaign = await known.find(session, code)
        await phases.open_review(session, officer, campaign, service.now())
        return await _state(session, campaign)


async def _state(session: ReadSession, campaign: Campaign) -> CampaignState:
    phase = await known.phase_of(session, campaign.code)
    return CampaignState(campaign=campaign.code, version=campaign.version, phase=phase)


@router.get("/partners")
async def partner_systems(_: SignedIn, service: Here, campaign: str | None = None) -> list[PartnerAnswer]:
    """The partner systems of a campaign."""
    async with service.database.read() as session:
        chosen = await campaigns.chosen(session, campaign)
        return [PartnerAnswer.model_validate(row) for row in await partners.listed(session, chosen.code)]


@router.get("/books")
async def counted(officer: SignedIn, service: Here, campaign: str | None = None) -> Books:
    """What this service counts; for operators and auditors."""
    officer.must_hold(Role.OPERATOR, Role.AUDITOR)
    async with service.database.read() as session:
        chosen = await campaigns.chosen(session, campaign)
        return Books.model_validate(await books.count(session, chosen, local_date(service.now())))
