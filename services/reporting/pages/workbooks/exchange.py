"""The entry page's workbook: taken along, read into the fields, given back with notes. Nothing here is stored: the form is handed in."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import date
from typing import ParamSpec, TypeVar

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response
from starlette.datastructures import UploadFile

from services.reporting import reports
from services.reporting.pages import grid
from services.reporting.pages.due import Campaign
from services.reporting.pages.grid import Typed
from services.reporting.pages.workbooks import belonging, packages, reading, writing
from services.reporting.pages.workbooks.layout import Identity
from services.reporting.pages.workbooks.reading import Filled
from services.reporting.pages.workbooks.tally import tally
from services.reporting.pages.workbooks.writing import Draft
from services.reporting.sheets import Sheet
from services.reporting.submissions import decide
from shared import security, units
from shared.clock import local_date
from shared.database import ReadSession
from shared.events.registration import Role
from shared.messages import Fault, Refused
from shared.security import Officer, SignedIn
from shared.service import Here, Service
from shared.web import errors
from shared.web.pages import language_of
from shared.web.strict_json import StrictRoute
from shared.web.workbooks import as_file

router = APIRouter(route_class=StrictRoute)

Given = ParamSpec("Given")
Made = TypeVar("Made")

AT_ONCE = 2
"""Workbooks in work at once in a process, in threads; more wait for their turn, so that a crowd costs no more memory than two."""


@router.get("/rounds/{round}/workbook.xlsx")
async def take(request: Request, here: Here, officer: SignedIn, round: str, campaign: Campaign = "") -> Response:
    """The own unit's workbook for a round, with what is known filled in."""
    security.must_act_for(officer, officer.unit, Role.CLERK, Role.HEAD)
    async with here.database.read() as session:
        sheet = await grid.open_sheet(session, officer, campaign, round)
        draft = await _draft(session, request, here, sheet, grid.given(sheet), ())
    return _file(await _in_turn(here, writing.made, draft), sheet)


@router.post("/rounds/{round}/workbook/notes")
async def take_with_notes(request: Request, here: Here, officer: SignedIn, round: str, campaign: Campaign = "") -> Response:
    """The workbook with what stands in the form's fields; each bad cell with a colour, the problem and the cure."""
    security.must_act_for(officer, officer.unit, Role.CLERK, Role.HEAD)
    async with here.database.read() as session:
        sheet = await grid.open_sheet(session, officer, campaign, round)
        typed = grid.read(await request.form(), sheet)
        refusal = _refusal(sheet, typed, language_of(request), local_date(here.now()))
        draft = await _draft(session, request, here, sheet, typed, refusal.faults if refusal else ())
    return _file(await _in_turn(here, writing.made, draft), sheet, "-ghi-chu")


@router.get("/rounds/{round}/workbook")
async def form_again(request: Request, officer: SignedIn, round: str) -> Response:
    """Whoever comes by this address means the form: a page made of a sent file cannot be asked for again."""
    del officer
    return RedirectResponse(request.url.replace(path=f"/reporting/rounds/{round}", scheme="", netloc=""), 303)


@router.post("/rounds/{round}/workbook")
async def read_in(request: Request, here: Here, officer: SignedIn, round: str, campaign: Campaign = "") -> Response:
    """The form with the workbook's figures in its fields and every fault beside its field, to be looked at and handed in."""
    security.must_act_for(officer, officer.unit, Role.CLERK, Role.HEAD)
    content = await _content(request)
    async with here.database.read() as session:
        sheet = await grid.open_sheet(session, officer, campaign, round)
    try:
        filled = await _in_turn(here, reading.read, content)
        async with here.database.read() as session:
            await belonging.must_belong(session, filled.identity, sheet, officer.unit, local_date(here.now()))
    except Refused as refusal:
        await errors.note(request, refusal.status, refusal.faults)
        return await _answer(request, here, sheet, grid.given(sheet), refusal)
    given = grid.given(sheet)
    typed = {place: given[place] | filled.typed.get(code, {}) for place, code in enumerate(sheet.known)}
    return await _answer(request, here, sheet, typed, _refusal(sheet, typed, language_of(request), local_date(here.now())), filled)


async def _content(request: Request) -> bytes:
    """The file that was sent, empty where none was: at most 2 MB, which the edge sees to."""
    file = (await request.form()).get(packages.FIELD)
    return await file.read() if isinstance(file, UploadFile) else b""


def _refusal(sheet: Sheet, typed: Typed, language: str, today: date) -> Refused | None:
    """What handing in these fields would be refused for, by the form's own rules; nothing is stored."""
    try:
        decide(grid.figures_of(sheet, typed, language, today), sheet, today, asks=True)
    except Refused as refusal:
        return refusal
    return None


async def _answer(
    request: Request, here: Here, sheet: Sheet, typed: Typed, refusal: Refused | None, filled: Filled | None = None
) -> Response:
    faults = refusal.faults if refusal else ()
    async with here.database.read() as session:
        counted = tally(filled, sheet, typed, faults, await _revision(session, sheet, request.state.officer)) if filled else None
        page = await grid.page(request, here, session, sheet, typed, refusal, counted)
    page.status_code = refusal.status if refusal else 200
    return page


async def _draft(session: ReadSession, request: Request, here: Here, sheet: Sheet, typed: Typed, faults: Sequence[Fault]) -> Draft:
    officer: Officer = request.state.officer
    unit = await units.known(session, officer.unit, local_date(here.now()))
    identity = Identity(sheet.campaign.code, officer.unit, sheet.round.code, await _revision(session, sheet, officer))
    return Draft(identity, unit.name if unit else "", sheet, typed, faults, language_of(request))


async def _revision(session: ReadSession, sheet: Sheet, officer: Officer) -> int:
    """That of the unit's report for the round; 0 where there is none."""
    found = await reports.listed(session, sheet.campaign.code, round=sheet.round.code, unit=officer.unit)
    return found[0].revision if found else 0


async def _in_turn(here: Service, work: Callable[Given, Made], *given: Given.args, **named: Given.kwargs) -> Made:
    """Work on a workbook in a thread, a few at once; the loop serves the others meanwhile."""
    turn: asyncio.Semaphore = here.extras.setdefault("workbooks", asyncio.Semaphore(AT_ONCE))
    async with turn:
        return await asyncio.to_thread(work, *given, **named)


def _file(content: bytes, sheet: Sheet, ending: str = "") -> Response:
    return as_file(content, f"bao-cao-{sheet.campaign.code}-{sheet.round.code}{ending}")
