"""The movement as it is in force."""

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from services.registration import campaigns, phases
from services.registration.pages.rendering import go, show
from shared import campaigns as known
from shared.events.campaign import Phase
from shared.events.registration import Role
from shared.security import SignedIn
from shared.service import Here
from shared.web.strict_json import StrictRoute

router = APIRouter(route_class=StrictRoute)


@router.get("/campaign")
async def shown(request: Request, officer: SignedIn, service: Here) -> HTMLResponse:
    """Theme, anniversaries, areas, indicators, rounds, score sheets, legal basis; what is sample is marked."""
    async with service.database.read() as session:
        campaign = await campaigns.chosen(session, request.query_params.get("campaign"))
        history = await phases.history(session, campaign.code)
        versions = await campaigns.versions(session, campaign.code)
        others = [c for c in await known.listed(session) if c.code != campaign.code]
        stands = await known.phase_of(session, campaign.code)
    return show(
        request, "campaign.html", campaign=campaign, history=history, versions=versions, others=others, phase=stands,
        may_open_review=officer.holds(Role.SECRETARY) and stands is Phase.CLOSED,
    )


@router.post("/campaigns/{code}/review", response_model=None)
async def open_review(code: str, officer: SignedIn, service: Here) -> object:
    """The secretary opens the review of a closed campaign."""
    async with service.database.write() as session:
        await phases.open_review(session, officer, await known.find(session, code), service.now())
    return go(f"/registration/campaign?campaign={code}")
