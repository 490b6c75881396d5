"""Changes of targets: the list, the head's proposal, and each proposal with the target it would replace."""

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response

from services.registration import amendments, campaigns, commitments, participations, rules
from services.registration.amendments import AmendmentStatus, Proposal
from services.registration.models import Amendment
from services.registration.pages.forms import Typed, typed
from services.registration.pages.rendering import go, show, show_again
from shared import campaigns as known
from shared import units as directory
from shared.clock import local_date
from shared.database import ReadSession
from shared.events.campaign import Campaign
from shared.events.registration import ParticipationStatus, Role
from shared.messages import Fault, Message, NotFound, Refused
from shared.security import Officer, SignedIn, visible_units
from shared.service import Here, Service
from shared.web.strict_json import StrictRoute

router = APIRouter(route_class=StrictRoute)


@router.get("/amendments")
async def listed(request: Request, officer: SignedIn, service: Here) -> HTMLResponse:
    """Proposals of the units that the officer sees, waiting ones first."""
    today = local_date(service.now())
    async with service.database.read() as session:
        campaign = await campaigns.chosen(session, request.query_params.get("campaign"))
        rows = await amendments.listed(session, campaign.code, await visible_units(session, officer, today))
        names = await directory.on_day(session, today, {row.unit for row in rows})
        may_propose = officer.holds(Role.HEAD) and await _takes_part(session, campaign, officer.unit)
    return show(request, "amendments.html", campaign=campaign, rows=rows, names=names, may_propose=may_propose)


async def _takes_part(session: ReadSession, campaign: Campaign, unit: str) -> bool:
    row = await participations.of_unit(session, campaign.code, unit)
    return bool(row and row.status == ParticipationStatus.APPROVED)


@router.get("/amendments/new")
async def form(request: Request, officer: SignedIn, service: Here) -> HTMLResponse:
    """The head's proposal for one target of the own unit."""
    officer.must_hold(Role.HEAD)
    query = request.query_params
    async with service.database.read() as session:
        return show(request, "amendment_form.html", **await _around(session, officer, query.get("campaign"), query.get("indicator", "")))


@router.post("/amendments", response_model=None)
async def propose(request: Request, officer: SignedIn, service: Here) -> Response:
    """Keep the proposal."""
    written = await typed(request)
    async with service.database.read() as session:
        around = await _around(session, officer, written.text("campaign") or None, written.text("indicator"))
    try:
        proposal = _proposal(officer, written)
        async with service.database.write() as session:
            row = await amendments.propose(session, officer, around["campaign"], proposal, service.now())
    except Refused as refused:
        return show_again(request, "amendment_form.html", refused, **around | {"typed": written.form})
    return go(f"/registration/amendments/{row.id}")


def _proposal(officer: Officer, written: Typed) -> Proposal:
    proposal = Proposal(
        unit=officer.unit,
        indicator=written.text("indicator"),
        target=written.needed_amount("target"),
        reason=written.text("reason"),
        legal_basis=written.text("legal_basis"),
        effective_from=written.needed_day("effective_from"),
        baseline=written.amount("baseline"),
    )
    written.check()
    return proposal


async def _around(session: ReadSession, officer: Officer, code: str | None, indicator: str) -> dict[str, Any]:
    """The targets that the head may change, and the one chosen."""
    campaign = await campaigns.chosen(session, code)
    registration = await participations.of_unit(session, campaign.code, officer.unit)
    sheet = campaign.sheet_of(registration.cluster if registration else "")
    choices = rules.indicators_of(campaign, sheet) if sheet else []
    chosen = next((i for i in choices if i.code == indicator), None)
    versions = await commitments.versions(session, campaign.code, officer.unit)
    current = versions.get(indicator, [None])[0]
    return {"campaign": campaign, "choices": choices, "chosen": chosen, "current": current, "held": set(versions)}


@router.get("/amendments/{id}")
async def one(id: str, request: Request, officer: SignedIn, service: Here) -> HTMLResponse:
    """A proposal beside the target that it would replace."""
    async with service.database.read() as session:
        return show(request, "amendment_detail.html", **await _detail(session, officer, id, service))


@router.post("/amendments/{id}/approve", response_model=None)
async def approve(id: str, officer: SignedIn, service: Here) -> Response:
    """The next version of the target."""
    async with service.database.write() as session:
        await amendments.approve(session, officer, id, service.now())
    return go(f"/registration/amendments/{id}")


@router.post("/amendments/{id}/return", response_model=None)
async def send_back(id: str, request: Request, officer: SignedIn, service: Here) -> Response:
    """Back to the unit with a reason."""
    written = await typed(request)
    try:
        async with service.database.write() as session:
            await amendments.send_back(session, officer, id, written.text("reason"), service.now())
    except NotFound:
        raise
    except Refused as refused:
        async with service.database.read() as session:
            detail = await _detail(session, officer, id, service)
        return show_again(request, "amendment_detail.html", refused, **detail | {"typed": written.form})
    return go(f"/registration/amendments/{id}")


async def _detail(session: ReadSession, officer: Officer, id: str, service: Service) -> dict[str, Any]:
    row = await amendments.find(session, officer, id, service.now())
    campaign = await known.find(session, row.campaign)
    versions = (await commitments.versions(session, row.campaign, row.unit)).get(row.indicator, [])
    indicator = campaign.indicator(row.indicator)
    if indicator is None:
        raise NotFound(Fault("indicator", Message("Không có chỉ tiêu {code}.", code=row.indicator)))
    before = next((v for v in versions if v.approved_at < row.proposed_at or row.status != AmendmentStatus.APPROVED), None)
    return {
        "row": row,
        "campaign": campaign,
        "indicator": indicator,
        "unit": await directory.known(session, row.unit, local_date(service.now())),
        "versions": versions,
        "before": before,
        "easier": before is not None and rules.is_easier(indicator, before.target, row.target),
        "decidable": await _decidable(session, officer, row),
    }


async def _decidable(session: ReadSession, officer: Officer, row: Amendment) -> bool:
    is_open = await known.phase_of(session, row.campaign) in rules.OPEN_PHASES
    return is_open and officer.holds(Role.SECRETARY) and row.status == AmendmentStatus.PROPOSED and row.proposed_by != officer.id
