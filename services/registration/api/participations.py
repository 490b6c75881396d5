"""Registrations."""

from typing import Annotated

from fastapi import APIRouter, Query

from services.registration import campaigns, participations, units
from services.registration.api.answers import ParticipationAnswer, ParticipationState
from services.registration.api.bodies import ParticipationBody, ReasonBody
from shared.clock import local_date
from shared.events.registration import ParticipationStatus
from shared.security import SignedIn, visible_units
from shared.service import Here
from shared.web.strict_json import StrictRoute

router = APIRouter(tags=["participations"], route_class=StrictRoute)


@router.put("/participations")
async def save(body: ParticipationBody, officer: SignedIn, service: Here) -> ParticipationState:
    """Keep a draft of a unit's registration."""
    now = service.now()
    async with service.database.write() as session:
        campaign = await campaigns.chosen(session, body.campaign)
        unit = await units.identify(session, body.unit, local_date(now))
        row = await participations.save(session, officer, campaign, body.form(unit), now)
        return ParticipationState.model_validate(row)


@router.post("/participations/{id}/submit")
async def submit(id: str, officer: SignedIn, service: Here) -> ParticipationState:
    """Send it to the secretary."""
    async with service.database.write() as session:
        return ParticipationState.model_validate(await participations.submit(session, officer, id, service.now()))


@router.post("/participations/{id}/approve")
async def approve(id: str, officer: SignedIn, service: Here) -> ParticipationState:
    """The secretary approves: the unit takes part, its commitments are in force."""
    async with service.database.write() as session:
        return ParticipationState.model_validate(await participations.approve(session, officer, id, service.now()))


@router.post("/participations/{id}/return")
async def send_back(id: str, body: ReasonBody, officer: SignedIn, service: Here) -> ParticipationState:
    """The secretary returns it with a reason."""
    async with service.database.write() as session:
        row = await participations.send_back(session, officer, id, body.reason, service.now())
        return ParticipationState.model_validate(row)


@router.get("/participations")
async def listed(
    officer: SignedIn, service: Here, campaign: str | None = None, status: Annotated[ParticipationStatus | None, Query()] = None
) -> list[ParticipationAnswer]:
    """Registrations of the units that the officer sees."""
    async with service.database.read() as session:
        code = (await campaigns.chosen(session, campaign)).code
        among = await visible_units(session, officer, local_date(service.now()))
        rows = await participations.listed(session, code, among, status)
        return [ParticipationAnswer.model_validate(row) for row in rows]


@router.get("/participations/{id}")
async def one(id: str, officer: SignedIn, service: Here) -> ParticipationAnswer:
    """A registration whole."""
    async with service.database.read() as session:
        return ParticipationAnswer.model_validate(await participations.find(session, officer, id, service.now()))
