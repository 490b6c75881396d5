"""Where units and partner systems disagree, and what partner systems sent."""

from datetime import date
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from services.reporting import (
    completeness,
    discrepancies,
    ledger,
    participants,
    proposals,
    reconciliation,
    scope,
    sources,
)
from services.reporting.forms import Reading
from services.reporting.pages.bodies import readable
from services.reporting.pages.due import Campaign
from services.reporting.pages.words import DECISIONS, KEPT, STATES
from services.reporting.reconciliation import CHOICES, ResolveForm
from shared import security
from shared.clock import local_date
from shared.database import ReadSession
from shared.events.registration import Role
from shared.messages import Fault, Refused
from shared.security import Officer, SignedIn
from shared.service import Here
from shared.settings import SERVICES
from shared.telemetry import trace_id_of
from shared.web.pages import render
from shared.web.strict_json import StrictRoute

router = APIRouter(route_class=StrictRoute)

READERS = (Role.OPERATOR, Role.SECRETARY, Role.AUDITOR)


@router.get("/discrepancies")
async def show(request: Request, here: Here, officer: SignedIn, campaign: Campaign = "") -> HTMLResponse:
    """Open disagreements first; the secretary decides in place."""
    del officer
    async with here.database.read() as session:
        return await _page(request, here, session, campaign, {}, (), "")


@router.post("/discrepancies/{discrepancy}/resolve")
async def resolve(request: Request, here: Here, officer: SignedIn, discrepancy: str) -> Response:
    """Keep the unit's figure, or take the partner's."""
    typed = {str(name): str(value) for name, value in (await request.form()).items()}
    try:
        reading = Reading(typed)
        form = ResolveForm(discrepancy, reading.choice("kept", CHOICES), reading.text("reason"))
        reading.done()
        async with here.database.write() as session:
            await reconciliation.resolve(session, form, officer, here.now())
    except Refused as refusal:
        if refusal.status not in {409, 422}:
            raise
        async with here.database.read() as session:
            page = await _page(request, here, session, "", typed, refusal.faults, discrepancy)
        page.status_code = refusal.status
        return page
    return RedirectResponse("/reporting/discrepancies", 303)


async def _page(
    request: Request, here: Here, session: ReadSession, campaign: str, typed: dict[str, str], faults: tuple[Fault, ...], about: str
) -> HTMLResponse:
    officer = request.state.officer
    found = await participants.campaign_named(session, campaign)
    visible = await security.visible_units(session, officer, local_date(here.now()))
    rows = await discrepancies.listed(session, found.code, visible)
    return render(
        request, "discrepancies.html", campaign=found, rows=rows, names=await completeness.names(session, here.now()), kept=KEPT,
        typed=typed, faults=faults, about=about, may_decide=officer.holds(Role.SECRETARY),
    )  # fmt: skip


@router.get("/inbound")
async def list_inbound(request: Request, here: Here, officer: SignedIn, state: str = "", client: str = "") -> HTMLResponse:
    """Partners' events with what became of them."""
    officer.must_hold(*READERS)
    async with here.database.read() as session:
        rows = await ledger.listed(session, state, client)
        counts = await ledger.counts(session)
        campaigns = await participants.campaign_named(session, "")
    return render(request, "inbound.html", campaign=campaigns, rows=rows, counts=counts, states=STATES, state=state, client=client)


@router.get("/inbound/{event}")
async def show_inbound(request: Request, here: Here, officer: SignedIn, event: str) -> HTMLResponse:
    """One partner's event whole: attributes, body, faults."""
    async with here.database.read() as session:
        row = await ledger.find(session, event)
        partner = await scope.newest(session, row.client)
        if not await _may_read(session, officer, row, partner, local_date(here.now())):
            officer.must_hold(*READERS)
        campaign = await participants.campaign_named(session, "")
    return render(
        request, "inbound_event.html", campaign=campaign, row=row, states=STATES, decisions=DECISIONS, proposes=proposals.is_asked, late=ledger.is_late(row), body=readable(row.body),
        trace=trace_id_of(row.traceparent) or "", services=SERVICES, trace_page=here.settings.trace_page,
        partner=partner, reads_all=officer.holds(*READERS), looks_after=_looks_after(officer, partner),
    )  # fmt: skip


def _looks_after(officer: Officer, partner: Any) -> bool:
    """Whoever reads all events, and the people of the unit that answers for the system."""
    return officer.holds(*READERS) or (partner is not None and partner.unit == officer.unit)


async def _may_read(session: ReadSession, officer: Officer, row: Any, partner: Any, today: date) -> bool:
    """Whoever looks after the system, and those who see the unit that the event is about."""
    if _looks_after(officer, partner):
        return True
    unit = await sources.unit_of(session, row)
    return unit is not None and unit in (await security.visible_units(session, officer, today) or {unit})
