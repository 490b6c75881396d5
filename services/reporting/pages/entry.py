"""The entry grid of a round: last round beside, faults in place, what was typed stays; a receipt at the end."""

from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from services.reporting import duties, participants, reports, rounds
from services.reporting.api import counted
from services.reporting.pages import grid
from services.reporting.pages.due import Campaign
from services.reporting.pages.grid import Typed
from services.reporting.pages.words import STATUSES
from services.reporting.reports import ReportForm
from services.reporting.rules.figures import Figure
from services.reporting.sheets import ACCEPTED, Sheet
from services.reporting.submissions import Submission, intake_of
from shared import security
from shared.clock import local_date
from shared.database import ReadSession
from shared.events.registration import Role
from shared.events.reporting import Channel
from shared.messages import Conflict, Refused
from shared.security import Officer, SignedIn
from shared.service import Here
from shared.web import errors
from shared.web.pages import language_of, render
from shared.web.strict_json import StrictRoute

router = APIRouter(route_class=StrictRoute)


@router.get("/rounds/{round}")
async def show(request: Request, here: Here, officer: SignedIn, round: str, campaign: Campaign = "") -> HTMLResponse:
    """The own unit's grid with what it has given so far."""
    security.must_act_for(officer, officer.unit, Role.CLERK, Role.HEAD)
    async with here.database.read() as session:
        sheet = await grid.open_sheet(session, officer, campaign, round)
        return await grid.page(request, here, session, sheet, grid.given(sheet))


@router.post("/rounds/{round}")
async def submit(request: Request, here: Here, officer: SignedIn, round: str, campaign: Campaign = "") -> Response:
    """Submit or correct the own unit's report; on faults the grid comes back with what was typed."""
    security.must_act_for(officer, officer.unit, Role.CLERK, Role.HEAD)
    now = here.now()
    async with here.database.read() as session:
        sheet = await grid.open_sheet(session, officer, campaign, round)
    written = await request.form()
    typed, figures = grid.read(written, sheet), tuple[Figure, ...]()
    try:
        with counted(here, Channel.PAGE, sheet.campaign.code):
            figures = grid.figures_of(sheet, typed, language_of(request), local_date(now))
            form = ReportForm(sheet.campaign.code, officer.unit, round, Channel.PAGE, figures, asks=True, seen=_seen(written))
            receipt = await intake_of(here).ask(Submission(form, officer, now))
    except Refused as refusal:
        async with here.database.read() as session:
            stands = await _standing(session, officer, sheet, figures) if isinstance(refusal, Conflict) else None
        return _to_receipt(stands) if stands else await _again(request, here, (campaign, round), typed, refusal)
    return _to_receipt(receipt.report)


async def _again(
    request: Request, here: Here, asked: tuple[str, str], typed: Typed, refusal: Refused
) -> HTMLResponse:
    """The grid with what was typed, as the unit's sheet stands now."""
    await errors.note(request, refusal.status, refusal.faults)
    async with here.database.read() as session:
        sheet = await grid.open_sheet(session, request.state.officer, *asked)
        answer = await grid.page(request, here, session, sheet, typed, refusal)
    answer.status_code = refusal.status
    return answer


def _to_receipt(report: str) -> RedirectResponse:
    return RedirectResponse(f"/reporting/reports/{report}/receipt", 303)


def _seen(form: Mapping[str, Any]) -> int | None:
    """The revision of the report that the grid was drawn from."""
    revision = str(form.get("revision", ""))
    return int(revision) if revision.isdecimal() else None


async def _standing(session: ReadSession, officer: Officer, sheet: Sheet, figures: tuple[Figure, ...]) -> str | None:
    """The report that says the very same and was taken in already: a sending repeated because no answer came."""
    [row] = await reports.listed(session, sheet.campaign.code, round=sheet.round.code, unit=officer.unit)
    stored = [(f.indicator, f.value, f.kind, f.as_of, f.note) for f in await reports.figures_of(session, row.report, row.accepted_revision)]
    given = [(f.indicator, f.value, f.kind, f.as_of, f.note) for f in figures]
    return str(row.report) if row.status == ACCEPTED and stored == given else None


@router.get("/reports/{report}/receipt")
async def receipt(request: Request, here: Here, officer: SignedIn, report: str) -> HTMLResponse:
    """What the unit holds in hand: when, on time or late, which values looked odd, what remains, and the way to the score."""
    now = here.now()
    async with here.database.read() as session:
        row = await reports.find(session, report)
        await security.must_see(session, officer, row.unit, local_date(now))
        campaign = await participants.campaign_named(session, row.campaign)
        figures = await reports.figures_of(session, report, row.accepted_revision)
        mine = await duties.of_unit(session, campaign, row.unit, now) if officer.unit == row.unit else []
    return render(
        request, "receipt.html", campaign=campaign, left=[duty for duty in mine if duty.urgent], next=duties.next_round(campaign, now), round=rounds.find(campaign, row.round), report=row, figures=figures,
        odd=[figure for figure in figures if figure.flag], statuses=STATUSES,
    )  # fmt: skip
