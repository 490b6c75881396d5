"""The round's workbook: down to the unit's computer, and back into the fields of the grid; nothing is submitted by it."""

import asyncio
from urllib.parse import quote, urlencode

from fastapi import APIRouter, Request, Response, UploadFile
from fastapi.responses import RedirectResponse

from services.reporting import workbooks
from services.reporting.pages import grid
from services.reporting.pages.due import Campaign
from services.reporting.pages.words import KINDS
from services.reporting.rules.figures import judge
from services.reporting.workbooks import Words
from shared import security
from shared.clock import local_date
from shared.events.registration import Role
from shared.messages import Message, Refused
from shared.security import SignedIn
from shared.service import Here
from shared.web.pages import language_of
from shared.web.strict_json import StrictRoute
from shared.web.workbooks import answer

router = APIRouter(route_class=StrictRoute)


@router.get("/rounds/{round}/workbook")
async def download(request: Request, here: Here, officer: SignedIn, round: str, campaign: Campaign = "") -> Response:
    """The own unit's workbook, with what it has given so far."""
    security.must_act_for(officer, officer.unit, Role.CLERK, Role.HEAD)
    async with here.database.read() as session:
        sheet = await grid.open_sheet(session, officer, campaign, round)
    words = Words(language_of(request), KINDS)
    book = workbooks.write(sheet, officer.unit, grid.given(sheet), words)
    return answer(book, f"{Message('Báo cáo').render(words.language)} {sheet.round.code}")


@router.get("/rounds/{round}/filled")
async def back(round: str, campaign: Campaign = "") -> RedirectResponse:
    """Whoever comes to this address in another way than with a file finds the grid."""
    return RedirectResponse(f"/reporting/rounds/{quote(round)}?{urlencode({'campaign': campaign})}", 303)


@router.post("/rounds/{round}/filled")
async def upload(request: Request, here: Here, officer: SignedIn, round: str, file: UploadFile, campaign: Campaign = "") -> Response:
    """The grid with what the workbook says and every fault in it; it is submitted from there."""
    security.must_act_for(officer, officer.unit, Role.CLERK, Role.HEAD)
    async with here.database.read() as session:
        sheet = await grid.open_sheet(session, officer, campaign, round)
    typed, refusal, told = grid.given(sheet), None, None
    try:
        said = await asyncio.to_thread(workbooks.read, await file.read(), sheet, officer.unit, KINDS)
        typed = {place: typed[place] | said.get(code, {}) for place, code in enumerate(sheet.known)}
        told = Message("Đã điền số liệu của tệp “{name}” vào bảng, chưa nộp. Hãy kiểm tra rồi bấm nộp.", name=file.filename or "")
        today = local_date(here.now())
        verdict = judge(grid.figures_of(sheet, typed, language_of(request), today), sheet.known, sheet.round, today)
        refusal = Refused(*verdict.faults) if verdict.faults else None
    except Refused as refused:
        refusal = refused
    async with here.database.read() as session:
        page = await grid.page(request, here, session, sheet, typed, refusal, told)
    page.status_code = refusal.status if refusal else 200
    return page
