"""Dead letters in the page: why an event could not be applied, all of it, and buttons to apply it once more or to close it."""

import json
import logging
from typing import Annotated, Any

from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from shared import audit, deadletters
from shared.messages import Fault, Message, Refused
from shared.security import SignedIn
from shared.service import Here, Service
from shared.settings import SERVICES
from shared.web.operations import must_operate
from shared.web.pages import render
from shared.web.strict_json import StrictRoute

log = logging.getLogger(__name__)

router = APIRouter(include_in_schema=False, route_class=StrictRoute)


@router.get("/dead-letters")
async def listed(request: Request, officer: SignedIn, service: Here, replayed: str = "", closed: str = "") -> HTMLResponse:
    """The events that wait for somebody, newest first."""
    must_operate(officer)
    async with service.database.read() as session:
        letters, waiting = await deadletters.listed(session), await deadletters.count(session)
    return render(request, "common/dead_letters.html", letters=letters, waiting=waiting, replayed=replayed, closed=closed, services=SERVICES)


@router.get("/dead-letters/{letter}")
async def shown(request: Request, officer: SignedIn, service: Here, letter: str) -> HTMLResponse:
    """One event whole: headers, body, reason."""
    must_operate(officer)
    return render(request, "common/dead_letter.html", **await _whole(service, letter), faults=())


@router.post("/dead-letters/{letter}/replay")
async def replay(request: Request, officer: SignedIn, service: Here, letter: str) -> Response:
    """Apply the event once more; when it fails again the letter stays and the page says why."""
    must_operate(officer)
    whole = await _whole(service, letter)
    try:
        await deadletters.replay(service.database, service.inbox, letter)
    except Exception as error:  # whatever the handler raises is the answer; nothing was changed
        log.warning("dead letter %s failed again: %s", letter, error)
        answer = render(request, "common/dead_letter.html", **whole, faults=(_still(error),))
        answer.status_code = 422
        return answer
    async with service.database.write() as session:
        await audit.record(session, officer, "dead-letter.replayed", letter, service.now(), event=whole["letter"].event)
    return RedirectResponse(f"/{service.name}/dead-letters?replayed={letter}", 303)


@router.post("/dead-letters/{letter}/close")
async def close(request: Request, officer: SignedIn, service: Here, letter: str, reason: Annotated[str, Form(max_length=deadletters.REASON_LIMIT)] = "") -> Response:
    """Let the event wait no longer: somebody says why it can never be applied."""
    must_operate(officer)
    try:
        async with service.database.write() as session:
            await deadletters.close(session, officer, letter, reason, service.now())
    except Refused as refused:
        if refused.status != Refused.status:
            raise
        answer = render(request, "common/dead_letter.html", **await _whole(service, letter), faults=refused.faults)
        answer.status_code = refused.status
        return answer
    return RedirectResponse(f"/{service.name}/dead-letters?closed={letter}", 303)


def _still(error: Exception) -> Fault:
    problem = Message("Vẫn chưa áp dụng được: {reason}", reason=f"{type(error).__name__}: {str(error)[:500]}")
    return Fault("", problem, Message("Sự kiện được giữ nguyên."))


async def _whole(service: Service, letter: str) -> dict[str, Any]:
    async with service.database.read() as session:
        row = await deadletters.find(session, letter)
    return {"letter": row, "headers": json.loads(row.headers), "body": _readable(row.body)}


def _readable(body: bytes) -> str:
    """The body as indented JSON where it is JSON, else as text with its odd bytes escaped."""
    try:
        return json.dumps(json.loads(body), ensure_ascii=False, indent=2)
    except (ValueError, RecursionError):
        return body.decode("utf-8", "backslashreplace")
