"""Pages of registration with the words that its templates share."""

from typing import Any

from fastapi import Request
from fastapi.responses import HTMLResponse, RedirectResponse

from services.registration.pages import words
from shared.messages import Refused
from shared.web import pages


def show(request: Request, template: str, **context: Any) -> HTMLResponse:
    """A page; `faults` and `typed` are there for every template, empty unless a form came back."""
    return pages.render(request, template, **{"words": words, "faults": (), "typed": {}} | context)


def show_again(request: Request, template: str, refused: Refused, **context: Any) -> HTMLResponse:
    """The form as it was typed, with the faults on top and beside their fields."""
    response = show(request, template, **{"faults": refused.faults} | context)
    response.status_code = refused.status
    return response


def go(path: str) -> RedirectResponse:
    """To another page after a form was taken in, so that reloading does not send it again."""
    return RedirectResponse(path, 303)
