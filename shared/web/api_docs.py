"""The JSON API's documentation in the browser, from the pinned Swagger bundle: no inline script, nothing from another host."""

import contextlib
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, JSONResponse

from shared.security import SignInNeeded, current_officer
from shared.web.pages import render

OLDER = "3.0.3"
NULL = {"type": "null"}

router = APIRouter(include_in_schema=False)


@router.get("/api/docs")
async def docs(request: Request) -> HTMLResponse:
    """Open to everybody, like the description it shows; calls made from it carry the reader's session, if there is one."""
    with contextlib.suppress(SignInNeeded):
        await current_officer(request)
    return render(request, "common/docs.html", address=request.app.openapi_url)


@router.get("/api/openapi-3.0.json")
async def older(request: Request) -> JSONResponse:
    """The same description in OpenAPI 3.0, which is what the Swagger bundle reads."""
    return JSONResponse(as_older(request.app.openapi()) | {"openapi": OLDER})


def as_older(part: Any) -> Any:
    """A part of an OpenAPI 3.1 document in the words of 3.0: null becomes nullable, const an enum, a numeric exclusive limit a flag."""
    if isinstance(part, list):
        return [as_older(item) for item in part]
    if not isinstance(part, dict):
        return part
    found = {name: as_older(value) for name, value in part.items()}
    choices = found.get("anyOf")
    if isinstance(choices, list) and NULL in choices:
        rest = [choice for choice in choices if choice != NULL]
        del found["anyOf"]
        found |= {"nullable": True} | (rest[0] if len(rest) == 1 and "$ref" not in rest[0] else {"anyOf": rest})
    if "const" in found and not isinstance(found["const"], dict):
        found["enum"] = [found.pop("const")]
    for limit, plain in (("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")):
        if limit in found and not isinstance(found[limit], bool | dict):
            found |= {plain: found[limit], limit: True}
    return found
