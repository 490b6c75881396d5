"""Accounts, for operators: found by name or login, disabled at once everywhere, given a first password."""

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response

from services.registration import officers
from services.registration.pages.forms import typed
from services.registration.pages.rendering import go, show, show_again
from shared import campaigns
from shared import units as directory
from shared.clock import local_date
from shared.database import ReadSession
from shared.events.registration import Role
from shared.messages import Fault, Message, NotFound, Refused
from shared.security import SignedIn
from shared.service import Here, Service
from shared.units import plain
from shared.web.strict_json import StrictRoute

router = APIRouter(route_class=StrictRoute)

SHOWN = 50


@router.get("/officers")
async def listed(request: Request, officer: SignedIn, service: Here) -> HTMLResponse:
    """Accounts whose name, login or unit fits what is searched."""
    officer.must_hold(Role.OPERATOR)
    search = request.query_params.get("q", "")[:100]
    async with service.database.read() as session:
        names = await directory.on_day(session, local_date(service.now()))
        rows = await officers.listed(session)
        newest = next(iter(await campaigns.listed(session)), None)
    named = [(row, names[row.unit].name if row.unit in names else "") for row in rows]
    found = [(row, unit) for row, unit in named if plain(search) in plain(f"{row.login} {row.name} {unit}")]
    return show(request, "officers.html", campaign=newest, found=found[:SHOWN], count=len(found), search=search)


@router.get("/officers/{id}")
async def one(id: str, request: Request, officer: SignedIn, service: Here) -> HTMLResponse:
    """An account."""
    officer.must_hold(Role.OPERATOR)
    async with service.database.read() as session:
        return show(request, "officer.html", **await _detail(session, id, service), done=request.query_params.get("done", ""))


async def _detail(session: ReadSession, id: str, service: Service) -> dict[str, Any]:
    row = next((row for row in await officers.listed(session) if row.officer == id), None)
    if row is None:
        raise NotFound(Fault("officer", Message("Không có tài khoản này.")))
    newest = next(iter(await campaigns.listed(session)), None)
    return {"row": row, "campaign": newest, "unit": await directory.known(session, row.unit, local_date(service.now()))}


@router.post("/officers/{id}/disable", response_model=None)
async def disable(id: str, officer: SignedIn, service: Here) -> Response:
    """Refuse the officer everywhere from now on."""
    async with service.database.write() as session:
        await officers.disable(session, officer, id, service.now())
    return go(f"/registration/officers/{id}")


@router.post("/officers/{id}/password", response_model=None)
async def set_password(id: str, request: Request, officer: SignedIn, service: Here) -> Response:
    """A first password, to be changed by the officer."""
    officer.must_hold(Role.OPERATOR)
    password = str((await typed(request)).form.get("password", ""))
    async with service.database.read() as session:
        detail = await _detail(session, id, service)
    try:
        async with service.database.write() as session:
            await officers.set_password(session, officer, detail["row"].login, password, service.now())
    except Refused as refused:
        return show_again(request, "officer.html", refused, **detail, done="")
    return go(f"/registration/officers/{id}?done=password")
