"""The reader's language and the simulated clock: what every page's header asks of every service."""

from typing import Annotated
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse

from shared.messages import LANGUAGES
from shared.web.pages import LANGUAGE_COOKIE, render

YEAR_SECONDS = 365 * 86_400

router = APIRouter(include_in_schema=False)


@router.get("/language")
async def choose(request: Request, to: str = "vi", back: Annotated[str, Query(max_length=2000)] = "/") -> RedirectResponse:
    """Remember the reader's language in a cookie and go back to where the reader was."""
    answer = RedirectResponse(_inside(back), 303)
    language = to if to in LANGUAGES else "vi"
    secure = request.url.scheme == "https"
    answer.set_cookie(LANGUAGE_COOKIE, language, YEAR_SECONDS, path="/", secure=secure, httponly=True, samesite="lax")
    return answer


def _inside(back: str) -> str:
    """`back` as a path of this site without a language of its own; anything that leads elsewhere becomes the first page."""
    try:
        found = urlsplit(back)
    except ValueError:
        return "/"
    if found.scheme or found.netloc or not found.path.startswith("/") or found.path.startswith("//") or "\\" in back:
        return "/"
    query = urlencode([(name, value) for name, value in parse_qsl(found.query, keep_blank_values=True) if name != "lang"])
    return quote(found.path, safe="/%:@!$&'()*+,;=~-._") + (f"?{query}" if query else "")


@router.get("/clock")
async def clock(request: Request) -> HTMLResponse:
    """The simulated instant, asked again every few seconds while the movement is played."""
    return render(request, "common/clock.html")
