"""Sign-in for programs that act as an officer."""

from fastapi import APIRouter, Request

from services.registration import keys, sessions
from services.registration.api.answers import OfficerAnswer, SessionAnswer
from services.registration.api.bodies import SignInBody
from shared.security import DAY, SignedIn, wall_now
from shared.service import Here
from shared.web.strict_json import StrictRoute

router = APIRouter(tags=["sessions"], route_class=StrictRoute)


@router.post("/sessions", status_code=201)
async def sign_in(body: SignInBody, request: Request, service: Here) -> SessionAnswer:
    """A token for a working day."""
    wall = wall_now()
    address = request.client.host if request.client else ""
    officer = await sessions.sign_in(service.database, body.login, body.password, address, wall)
    async with service.database.write() as session:
        await keys.publish(session, service.extras["signing_key"], wall, service.now())
    who = OfficerAnswer(id=officer.id, name=officer.name, post=officer.post, unit=officer.unit, roles=sorted(officer.roles))
    return SessionAnswer(token=service.extras["signing_key"].issue(officer, wall), expires_at=wall + DAY, officer=who)


@router.delete("/sessions/current", status_code=204)
async def sign_out(officer: SignedIn, service: Here) -> None:
    """End the session of this request's token."""
    async with service.database.write() as session:
        await sessions.sign_out(session, officer, service.now())
