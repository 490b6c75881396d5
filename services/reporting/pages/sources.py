"""From a figure to where it comes from."""

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse

from services.reporting import participants, scope, sources
from services.reporting.pages.due import Campaign
from services.reporting.pages.reconcile import READERS
from services.reporting.pages.words import CHANNELS, FIGURE_STATES, KINDS
from shared import security, units
from shared.clock import local_date
from shared.messages import Fault, Message, NotFound
from shared.security import SignedIn
from shared.service import Here
from shared.settings import SERVICES
from shared.web.pages import render
from shared.web.strict_json import StrictRoute

router = APIRouter(route_class=StrictRoute)


@router.get("/sources/{unit}/{indicator}")
async def shown(request: Request, here: Here, officer: SignedIn, unit: str, indicator: str, campaign: Campaign = "") -> HTMLResponse:
    """Every report and partner's event that gave this figure, with partner, receipt, path through the services and trace."""
    today = local_date(here.now())
    async with here.database.read() as session:
        await security.must_see(session, officer, unit, today)
        found = await participants.campaign_named(session, campaign)
        rows = await sources.of_figure(session, found.code, unit, indicator)
        known = await units.known(session, unit, today)
        systems = {row.client: row.title for row in await scope.partners_of(session, found.code)}
    return render(
        request, "sources.html", campaign=found, unit=unit, name=known.name if known else unit, code=indicator, rows=rows, kinds=KINDS,
        systems=systems, states=FIGURE_STATES,
        channels=CHANNELS, sees_events=officer.holds(*READERS), services=SERVICES, trace_page=here.settings.trace_page,
    )  # fmt: skip


@router.get("/proposals/{proposal}")
async def proposed(here: Here, _: SignedIn, proposal: str) -> RedirectResponse:
    """From a proposal, which registration keeps, to the partner's event that made it; that page says who may read it."""
    async with here.database.read() as session:
        event = await sources.of_proposal(session, proposal)
    if event is None:
        raise NotFound(Fault("proposal", Message("Không có sự kiện của đề nghị này.")))
    return RedirectResponse(f"/reporting/inbound/{event}", 303)
