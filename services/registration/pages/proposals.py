"""What partners propose about works and units, to be confirmed or declined in place."""

from datetime import date

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response

from services.registration import campaigns, partners, proposals
from services.registration.pages.forms import typed
from services.registration.pages.rendering import go, show
from services.registration.works import AT_WORK
from shared import units as directory
from shared.clock import local_date
from shared.database import ReadSession
from shared.events.registration import Role
from shared.messages import Refused
from shared.security import Officer, SignedIn, visible_units
from shared.service import Here, Service
from shared.web.strict_json import StrictRoute

router = APIRouter(route_class=StrictRoute)


@router.get("/proposals")
async def listed(request: Request, officer: SignedIn, service: Here) -> HTMLResponse:
    """Proposals about the units that the officer sees, open ones first."""
    async with service.database.read() as session:
        return await _page(request, session, officer, service)


async def _page(request: Request, session: ReadSession, officer: Officer, service: Service, refused: Refused | None = None) -> HTMLResponse:
    today = local_date(service.now())
    campaign = await campaigns.chosen(session, request.query_params.get("campaign"))
    rows = await proposals.listed(session, campaign.code, await visible_units(session, officer, today))
    names = await directory.on_day(session, today)
    page = show(
        request, "proposals.html", campaign=campaign, rows=rows, names=names, systems=await partners.titles(session, campaign.code), as_day=date.fromisoformat, faults=refused.faults if refused else (),
        mine=[row.id for row in rows if _is_mine(officer, row.unit) and row.state == proposals.State.OPEN],
    )  # fmt: skip
    page.status_code = refused.status if refused else 200
    return page


def _is_mine(officer: Officer, unit: str | None) -> bool:
    return officer.holds(Role.SECRETARY) if unit is None else officer.unit == unit and officer.holds(*AT_WORK)


@router.post("/proposals/{id}/{decision}", response_model=None)
async def decide(id: str, decision: str, request: Request, officer: SignedIn, service: Here) -> Response:
    """Confirm, or decline with a reason."""
    reason = (await typed(request)).text("reason")
    try:
        async with service.database.write() as session:
            if decision == "confirm":
                await proposals.confirm(session, officer, id, service.now())
            else:
                await proposals.decline(session, officer, id, reason, service.now())
    except Refused as refused:
        if refused.status not in {409, 422}:
            raise
        async with service.database.read() as session:
            return await _page(request, session, officer, service, refused)
    return go("/registration/proposals")
