"""The first page: each officer is led to what their role is for. Mounted at the root, outside the service's prefix."""

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse

from shared.events.registration import Role
from shared.security import Officer, SignInNeeded, current_officer
from shared.web.errors import SIGN_IN

router = APIRouter(include_in_schema=False)

HOMES = (
    (Role.CLERK, "/reporting/due"),
    (Role.HEAD, "/evaluation/units/{unit}"),
    (Role.SECRETARY, "/evaluation/league"),
    (Role.MEMBER, "/evaluation/overview"),
    (Role.CHAIR, "/evaluation/overview"),
    (Role.CLUSTER_HEAD, "/evaluation/league"),
    (Role.AUDITOR, "/registration/audit"),
    (Role.OPERATOR, "/registration/operations"),
)
"""The first role that an officer holds decides."""


def home_of(officer: Officer) -> str:
    """Where an officer's day begins."""
    found = next((path for role, path in HOMES if officer.holds(role)), "/registration/campaign")
    return found.format(unit=officer.unit)


@router.get("/")
async def home(request: Request) -> RedirectResponse:
    """To the officer's own home, or to the sign-in."""
    try:
        officer = await current_officer(request)
    except SignInNeeded:
        return RedirectResponse(SIGN_IN, 303)
    return RedirectResponse(home_of(officer), 303)
