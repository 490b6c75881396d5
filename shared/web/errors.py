"""Every error in the reader's language: a page for people, `{"status", "faults"}` for programs; never a stack trace."""

import contextlib
import logging
from urllib.parse import quote

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, RedirectResponse
from starlette.datastructures import URL
from starlette.exceptions import HTTPException

from shared import audit
from shared.database import is_outage
from shared.messages import Fault, Message, Overloaded, Refused
from shared.security import current_officer, wall_now
from shared.web.pages import language_of
from shared.web.problems import fault_of

log = logging.getLogger(__name__)

SIGN_IN = "/registration/sign-in"
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
UNKEPT = frozenset({401, 429, 503})
"""Answers that leave no row: their author is not known (then they are counted), or the service has enough to do."""
FAULTS_KEPT = 20
PATH_KEPT = 160
RETRY_SECONDS = "5"


def wants_json(request: Request) -> bool:
    """Programs get JSON: everything below `/<service>/api`, and whoever asks for JSON."""
    return "/api/" in request.url.path or "application/json" in request.headers.get("accept", "")


def is_fragment(request: Request) -> bool:
    """A part of a page that stands already: the answer goes into it, and the page with what was typed stays."""
    return "hx-request" in request.headers


def overloaded(request: Request, error: Overloaded) -> Response:
    """Come again in a moment: kept nowhere, for that would cost as much as the request."""
    return answer(request, error.status, error.faults, {"retry-after": str(error.retry_after)})


async def on_refused(request: Request, error: Exception) -> Response:
    """Our own refusals carry their status and faults."""
    assert isinstance(error, Refused)
    if isinstance(error, Overloaded):
        return overloaded(request, error)
    if error.status == 401 and (wants_json(request) or request.method not in SAFE):
        request.app.state.service.strangers.came(f"{request.method} {request.url.path[:PATH_KEPT]}", wall_now())
    if error.status == 401 and not wants_json(request) and not is_fragment(request):
        return RedirectResponse(f"{SIGN_IN}?next={quote(_left(request))}{'' if request.method in SAFE else '&unsent=1'}", 303)
    await note(request, error.status, error.faults)
    return answer(request, error.status, error.faults)


def _left(request: Request) -> str:
    """The page to come back to after signing in: the one asked for, or the one whose form was sent."""
    page = request.url if request.method in SAFE else URL(request.headers.get("referer", "/"))
    return f"{page.path}?{page.query}" if page.query else page.path


async def note(request: Request, status: int, faults: tuple[Fault, ...]) -> None:
    """Keep a refused change in the audit trail, where whoever helps its author can see it. Nobody unknown fills the trail.

    What a system asks by its API key has no officer; its door keeps account of it.
    """
    if request.method in SAFE or status in UNKEPT or getattr(request.state, "by_key", False):
        return
    try:
        officer = getattr(request.state, "officer", None) or await current_officer(request)
        service = request.app.state.service
        told = [{"field": fault.field, "problem": fault.render("vi")} for fault in faults[:FAULTS_KEPT]]
        async with service.database.write() as session:
            await audit.record(session, officer, "request.refused", request.url.path[:PATH_KEPT], service.now(), status=status, faults=told)
    except Exception as error:  # the answer matters more than its trace: a lost database must not hide why a form was refused
        log.warning("refusal of %s %s not kept: %s", request.method, request.url.path, error)


async def on_invalid(request: Request, error: Exception) -> Response:
    """A request that does not fit its declared form."""
    assert isinstance(error, RequestValidationError)
    faults = tuple(fault_of(found) for found in error.errors())
    await note(request, 422, faults)
    return answer(request, 422, faults)


async def on_http(request: Request, error: Exception) -> Response:
    """Unknown paths and methods."""
    assert isinstance(error, HTTPException)
    if not wants_json(request):
        with contextlib.suppress(Exception):  # only so that whoever is signed in keeps the ways at the top of the page
            await current_officer(request)
    texts = {404: Message("Không có trang này."), 405: Message("Không dùng được cách gọi này ở đây.")}
    return answer(request, error.status_code, (Fault("", texts.get(error.status_code, Message("Yêu cầu không thực hiện được."))),))


async def on_failure(request: Request, error: Exception) -> Response:
    """Our own fault: logged whole, told in one sentence. A database that is away or has no space is worth another try: 503."""
    log.error("request failed: %s %s", request.method, request.url.path, exc_info=error)
    faults = (Fault("", Message("Hệ thống gặp lỗi. Dữ liệu chưa thay đổi; đồng chí hãy thử lại sau ít phút.")),)
    return answer(request, 503, faults, {"retry-after": RETRY_SECONDS}) if is_outage(error) else answer(request, 500, faults)


def answer(request: Request, status: int, faults: tuple[Fault, ...], headers: dict[str, str] | None = None) -> Response:
    """The same faults for a person or a program."""
    language = language_of(request)
    if wants_json(request):
        body = {"status": status, "faults": [{"field": f.field, "message": f.render(language)} for f in faults]}
        return JSONResponse(body, status, headers=headers)
    template = "error_fragment.html" if is_fragment(request) else "error.html"
    response = request.app.state.pages.render(request, template, status=status, faults=faults)
    response.status_code = status
    response.headers.update(headers or {})
    return response  # type: ignore[no-any-return]
