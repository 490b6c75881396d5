"""Registration's part of other services' pages."""

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from services.registration import campaigns, commitments, participations, works
from services.registration.pages.rendering import show
from shared.clock import local_date
from shared.security import SignedIn, must_see
from shared.service import Here
from shared.web.strict_json import StrictRoute

router = APIRouter(route_class=StrictRoute)


@router.get("/fragments/units/{unit}")
async def of_unit(unit: str, request: Request, officer: SignedIn, service: Here) -> HTMLResponse:
    """A unit's targets with their versions, and its works."""
    async with service.database.read() as session:
        await must_see(session, officer, unit, local_date(service.now()))
        campaign = await campaigns.chosen(session, request.query_params.get("campaign"))
        registration = await participations.of_unit(session, campaign.code, unit)
        versions = await commitments.versions(session, campaign.code, unit)
        owned = await works.listed(session, campaign.code, {unit})
    return show(request, "unit_fragment.html", campaign=campaign, registration=registration, versions=versions, works=owned)
