"""One report with its history and what changed, and the form by which those above return it."""

from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from services.reporting import openings, participants, reports, rounds, sheets
from services.reporting.forms import Reading
from services.reporting.pages.words import CHANNELS, KINDS, STATUSES
from services.reporting.reports import ReturnForm
from services.reporting.rules.changes import Change, changes
from services.reporting.sheets import ACCEPTED
from shared import security, units
from shared.clock import local_date
from shared.database import ReadSession
from shared.messages import Fault, Refused
from shared.security import SignedIn
from shared.service import Here
from shared.web.pages import render
from shared.web.strict_json import StrictRoute

router = APIRouter(route_class=StrictRoute)


@dataclass(frozen=True, slots=True)
class Entry:
    """A version of the report and what it changed against the accepted one before."""

    version: Any
    changes: list[Change]


@router.get("/reports/{report}")
async def show(request: Request, here: Here, officer: SignedIn, report: str) -> HTMLResponse:
    """The figures that count, their targets, every version and what it changed."""
    del officer
    async with here.database.read() as session:
        return await _page(request, here, session, report, {}, ())


@router.post("/reports/{report}/return")
async def give_back(request: Request, here: Here, officer: SignedIn, report: str) -> Response:
    """Return the report with a reason and remarks by indicator."""
    given = {str(name): str(value) for name, value in (await request.form()).items()}
    remarks = {name.removeprefix("notes."): value for name, value in given.items() if name.startswith("notes.") and value.strip()}
    try:
        reading, notes = Reading(given), Reading(remarks, "notes")
        reason = reading.text("reason")
        form = ReturnForm(report, reason, {code: notes.text(code) for code in remarks})
        reading.done()
        notes.done()
        async with here.database.write() as session:
            await reports.give_back(session, form, officer, here.now())
    except Refused as refusal:
        if refusal.status not in {409, 422}:
            raise
        async with here.database.read() as session:
            page = await _page(request, here, session, report, given, refusal.faults)
        page.status_code = refusal.status
        return page
    return RedirectResponse(f"/reporting/reports/{report}", 303)


async def _page(
    request: Request, here: Here, session: ReadSession, report: str, typed: dict[str, str], faults: tuple[Fault, ...]
) -> HTMLResponse:
    now, officer = here.now(), request.state.officer
    row = await reports.find(session, report)
    await security.must_see(session, officer, row.unit, local_date(now))
    campaign = await participants.campaign_named(session, row.campaign)
    round = rounds.find(campaign, row.round)
    locked = await openings.reason_locked(session, campaign, round, row.unit, now)
    return render(
        request, "report.html", campaign=campaign, round=round, report=row, unit=await units.known(session, row.unit, local_date(now)),
        figures=await reports.figures_of(session, report, row.accepted_revision), sheet=await sheets.find(session, campaign, round, row.unit),
        entries=await _entries(session, report), kinds=KINDS, channels=CHANNELS, statuses=STATUSES, typed=typed, faults=faults, locked=locked,
        may_return=locked is None and row.status == ACCEPTED and await reports.is_above(session, officer, row.unit, now),
    )  # fmt: skip


async def _entries(session: ReadSession, report: str) -> list[Entry]:
    found: list[Entry] = []
    before: list[Any] = []
    for version in reversed(await reports.history(session, report)):
        after = await reports.figures_of(session, report, version.revision) if version.status == ACCEPTED else before
        found.append(Entry(version, changes(before, after) if before and version.status == ACCEPTED else []))
        before = after
    return found[::-1]
