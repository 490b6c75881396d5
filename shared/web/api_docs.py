"""The JSON API's documentation in the browser, from the pinned Swagger bundle: no inline script, nothing from another host."""

import contextlib

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from shared.security import SignInNeeded, current_officer
from shared.web.pages import render

router = APIRouter(include_in_schema=False)


@router.get("/api/docs")
async def docs(request: Request) -> HTMLResponse:
    """Open to everybody, like the description it shows; calls made from it carry the reader's session, if there is one."""
    with contextlib.suppress(SignInNeeded):
        await current_officer(request)
    return render(request, "common/docs.html", address=request.app.openapi_url)
