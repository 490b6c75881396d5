"""Commemorative works: the list against the duty, the owner's declaration, and each work with its steps."""

from typing import Any, cast

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response

from services.registration import campaigns, partners, proposals, rules, works
from services.registration.models import Work
from services.registration.pages.forms import Typed, typed
from services.registration.pages.rendering import go, show, show_again
from services.registration.pages.words import PURPOSE
from services.registration.works import AT_WORK, Declaration, Purpose, Step
from shared import campaigns as known
from shared import units as directory
from shared.clock import local_date
from shared.database import ReadSession
from shared.events.registration import WorkStatus
from shared.messages import Fault, Message, NotFound, Refused
from shared.security import Officer, SignedIn, visible_units
from shared.service import Here, Service
from shared.settings import SERVICES
from shared.telemetry import trace_id_of
from shared.web.events import READERS
from shared.web.strict_json import StrictRoute

router = APIRouter(route_class=StrictRoute)

STEPS = {"start": WorkStatus.STARTED, "complete": WorkStatus.COMPLETED, "unveil": WorkStatus.UNVEILED}


@router.get("/works")
async def listed(request: Request, officer: SignedIn, service: Here) -> HTMLResponse:
    """Works of the units that the officer sees, those to be confirmed first, counted against the duty."""
    today = local_date(service.now())
    async with service.database.read() as session:
        campaign = await campaigns.chosen(session, request.query_params.get("campaign"))
        among = await visible_units(session, officer, today)
        rows = await works.listed(session, campaign.code, among)
        seen = await directory.on_day(session, today, among)
        is_open = await known.phase_of(session, campaign.code) in rules.OPEN_PHASES
    duties = [works.duty(duty, rows, seen) for duty in campaign.work_duties]
    return show(
        request, "works.html", campaign=campaign, rows=rows, names=seen, may_declare=is_open and officer.holds(*AT_WORK),
        duties=[duty for duty in duties if duty.units], status=request.query_params.get("status", ""),
    )


@router.get("/works/new")
async def form(request: Request, officer: SignedIn, service: Here) -> HTMLResponse:
    """The declaration of a work of the own unit."""
    officer.must_hold(*AT_WORK)
    async with service.database.read() as session:
        campaign = await campaigns.chosen(session, request.query_params.get("campaign"))
    return show(request, "work_form.html", campaign=campaign)


@router.post("/works", response_model=None)
async def declare(request: Request, officer: SignedIn, service: Here) -> Response:
    """Keep the declaration."""
    written = await typed(request)
    async with service.database.read() as session:
        campaign = await campaigns.chosen(session, written.text("campaign") or None)
    try:
        declaration = _declaration(officer, written)
        async with service.database.write() as session:
            work = await works.declare(session, officer, campaign, declaration, service.now())
    except Refused as refused:
        return show_again(request, "work_form.html", refused, campaign=campaign, typed=written.form)
    return go(f"/registration/works/{work.id}")


def _declaration(officer: Officer, written: Typed) -> Declaration:
    purpose = written.text("purpose")
    if purpose not in PURPOSE:
        written.faults.append(Fault("purpose", Message("Chưa chọn mục đích.")))
    declaration = Declaration(
        unit=officer.unit,
        title=written.text("title"),
        purpose=cast(Purpose, purpose),
        state_share=written.needed_amount("state_share"),
        people_share=written.needed_amount("people_share"),
    )
    written.check()
    return declaration


@router.get("/works/{id}")
async def one(id: str, request: Request, officer: SignedIn, service: Here) -> HTMLResponse:
    """A work with its steps and the step that may come next."""
    async with service.database.read() as session:
        return show(request, "work_detail.html", **await _detail(session, officer, id, service))


@router.post("/works/{id}/confirm", response_model=None)
async def confirm(id: str, officer: SignedIn, service: Here) -> Response:
    """The unit above confirms it."""
    async with service.database.write() as session:
        await works.confirm(session, officer, id, service.now())
    return go(f"/registration/works/{id}")


@router.post("/works/{id}/{step}", response_model=None)
async def advance(id: str, step: str, request: Request, officer: SignedIn, service: Here) -> Response:
    """The owner records a step."""
    if step not in STEPS:
        raise NotFound(Fault("", Message("Không có trang này.")))
    written = await typed(request)
    try:
        day = written.day("on")
        written.check()
        async with service.database.write() as session:
            await works.advance(session, officer, id, Step(cast(Any, STEPS[step]), day), service.now())
    except NotFound:
        raise
    except Refused as refused:
        async with service.database.read() as session:
            detail = await _detail(session, officer, id, service)
        return show_again(request, "work_detail.html", refused, **detail | {"typed": written.form})
    return go(f"/registration/works/{id}")


async def _detail(session: ReadSession, officer: Officer, id: str, service: Service) -> dict[str, Any]:
    now = service.now()
    work = await works.find(session, officer, id, now)
    unit = await directory.known(session, work.unit, local_date(now))
    is_open = await known.phase_of(session, work.campaign) in rules.OPEN_PHASES
    above = unit.parent if unit else None
    return {
        "work": work,
        "unit": unit,
        "above": await directory.known(session, above, local_date(now)) if above else None,
        "campaign": await known.find(session, work.campaign),
        "steps": await works.steps(session, id),
        "proposed": await proposals.about_work(session, work),
        "systems": await partners.titles(session, work.campaign),
        "trace_of": trace_id_of,
        "trace_page": service.settings.trace_page,
        "services": SERVICES,
        "sees_events": officer.holds(*READERS),
        "next_step": _next(officer, work) if is_open else None,
        "confirmable": is_open and officer.unit == above and officer.holds(*AT_WORK) and _may(work, WorkStatus.CONFIRMED),
    }


def _next(officer: Officer, work: Work) -> str | None:
    if officer.unit != work.unit or not officer.holds(*AT_WORK):
        return None
    return next((step for step, status in STEPS.items() if _may(work, status)), None)


def _may(work: Work, to: WorkStatus) -> bool:
    return rules.may_step(WorkStatus(work.status), work.confirmed, to)
