"""A unit's own registration as a form, the secretary's list, and each registration whole."""

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response

from services.registration import campaigns, overview, participations, phases, rules
from services.registration.pages.forms import typed
from services.registration.pages.rendering import go, show, show_again
from services.registration.pages.sheet import open_sheet
from services.registration.pages.words import PARTICIPATION
from shared import campaigns as known
from shared import units as directory
from shared.clock import local_date
from shared.database import ReadSession
from shared.events.campaign import Campaign
from shared.events.registration import ParticipationStatus, Role
from shared.messages import NotFound, Refused
from shared.security import Officer, SignedIn, visible_units
from shared.service import Here, Service
from shared.web.charts import Part, Stack, Tone
from shared.web.pages import language_of
from shared.web.strict_json import StrictRoute

router = APIRouter(route_class=StrictRoute)

OWN = "/registration/participation"
SHOWN = 50
"""The list shows so many rows at first; the rest is one click away."""


@router.get("/participation", response_model=None)
async def own(request: Request, officer: SignedIn, service: Here) -> Response:
    """The own unit's registration: to fill in while it may be changed, to read afterwards."""
    if not officer.holds(Role.CLERK, Role.HEAD):
        return go("/registration/participations")
    async with service.database.read() as session:
        sheet = await open_sheet(session, officer, request.query_params.get("campaign"), service.now())
    return show(request, "participation.html", sheet=sheet, campaign=sheet.campaign, typed=sheet.written())


@router.post("/participation", response_model=None)
async def write(request: Request, officer: SignedIn, service: Here) -> Response:
    """Keep what was typed; with the second button, send it to the secretary as well."""
    written, now = await typed(request), service.now()
    async with service.database.read() as session:
        sheet = await open_sheet(session, officer, written.text("campaign") or None, now)
    try:
        form = sheet.read(written)
        async with service.database.write() as session:
            row = await participations.save(session, officer, sheet.campaign, form, now)
            if written.text("do") == "submit":
                await participations.submit(session, officer, row.id, now)
    except Refused as refused:
        refused.faults = sheet.locate(refused.faults, written, language_of(request))
        return show_again(request, "participation.html", refused, sheet=sheet, campaign=sheet.campaign, typed=written.form)
    return go(f"{OWN}?campaign={sheet.campaign.code}")


@router.get("/participations")
async def listed(request: Request, officer: SignedIn, service: Here) -> HTMLResponse:
    """Registrations of the units that the officer sees, waiting ones first, with counts by status and cluster."""
    query = request.query_params
    async with service.database.read() as session:
        campaign = await campaigns.chosen(session, query.get("campaign"))
        among = await visible_units(session, officer, local_date(service.now()))
        seen = await overview.of_registrations(session, campaign, among, local_date(service.now()))
    chosen = {name: query.get(name, "") for name in ("status", "cluster", "search")}
    rows = [row for row in seen.rows if _fits(row, **chosen)]
    drawn = _drawn(campaign, seen, language_of(request))
    first = rows if query.get("all") else rows[:SHOWN]
    return show(
        request, "participations.html", campaign=campaign, seen=seen, rows=first, count=len(rows), chosen=chosen, drawn=drawn
    )


def _drawn(campaign: Campaign, seen: overview.Overview, language: str) -> list[Stack]:
    """Each cluster as a bar of its units by status, the finished ones first."""
    order = ("approved", "submitted", "returned", "draft", "none")
    tones: dict[str, Tone] = {"approved": "good", "submitted": "fair", "returned": "poor", "draft": "muted", "none": "accent"}
    return [
        Stack(
            cluster.title.in_language(language),
            [Part(PARTICIPATION[s].text.render(language), seen.by_cluster[cluster.code].get(s, 0), tones[s]) for s in order],
            f"/registration/participations?campaign={campaign.code}&cluster={cluster.code}",
        )
        for cluster in campaign.clusters
        if cluster.code in seen.by_cluster
    ]


def _fits(row: overview.Registration, status: str, cluster: str, search: str) -> bool:
    found = directory.plain(search.strip()) in directory.plain(row.name)
    return found and (not status or row.status == status) and (not cluster or row.cluster == cluster)


@router.get("/participations/{id}")
async def one(id: str, request: Request, officer: SignedIn, service: Here) -> HTMLResponse:
    """A registration whole, with what the secretary may do."""
    async with service.database.read() as session:
        return show(request, "participation_detail.html", **await _detail(session, officer, id, service))


@router.post("/participations/{id}/approve", response_model=None)
async def approve(id: str, officer: SignedIn, service: Here) -> Response:
    """The unit takes part."""
    async with service.database.write() as session:
        await participations.approve(session, officer, id, service.now())
    return go(f"/registration/participations/{id}")


@router.post("/participations/{id}/return", response_model=None)
async def send_back(id: str, request: Request, officer: SignedIn, service: Here) -> Response:
    """Back to the unit with a reason."""
    written = await typed(request)
    try:
        async with service.database.write() as session:
            await participations.send_back(session, officer, id, written.text("reason"), service.now())
    except NotFound:
        raise
    except Refused as refused:
        async with service.database.read() as session:
            detail = await _detail(session, officer, id, service)
        return show_again(request, "participation_detail.html", refused, **detail | {"typed": written.form})
    return go(f"/registration/participations/{id}")


async def _detail(session: ReadSession, officer: Officer, id: str, service: Service) -> dict[str, Any]:
    now = service.now()
    row = await participations.find(session, officer, id, now)
    campaign = await known.find(session, row.campaign)
    is_open = await known.phase_of(session, campaign.code) in rules.OPEN_PHASES
    waiting = officer.holds(Role.SECRETARY) and row.status == ParticipationStatus.SUBMITTED and row.submitted_by != officer.id
    return {
        "row": row,
        "campaign": campaign,
        "unit": await directory.known(session, row.unit, local_date(now)),
        "commitments": participations.committed(row),
        "decidable": waiting and is_open,
        "late": bool(row.submitted_at and row.submitted_at >= phases.registration_ends(campaign)),
    }
