"""Commemorative works."""

from datetime import date

from fastapi import APIRouter

from services.registration import campaigns, units, works
from services.registration.api.answers import WorkAnswer
from services.registration.api.bodies import StepBody, WorkBody
from services.registration.works import Declaration, Step
from shared.clock import local_date
from shared.events.registration import WorkStatus
from shared.security import Officer, SignedIn, visible_units
from shared.service import Here, Service
from shared.web.strict_json import StrictRoute

router = APIRouter(tags=["works"], route_class=StrictRoute)


@router.post("/works", status_code=201)
async def declare(body: WorkBody, officer: SignedIn, service: Here) -> WorkAnswer:
    """The owner declares a work."""
    now = service.now()
    async with service.database.write() as session:
        campaign = await campaigns.chosen(session, body.campaign)
        unit = await units.identify(session, body.unit, local_date(now))
        declaration = Declaration(unit=unit, **body.model_dump(exclude={"campaign", "unit"}))
        return WorkAnswer.model_validate(await works.declare(session, officer, campaign, declaration, now))


@router.post("/works/{id}/confirm")
async def confirm(id: str, officer: SignedIn, service: Here) -> WorkAnswer:
    """The unit above confirms it."""
    async with service.database.write() as session:
        return WorkAnswer.model_validate(await works.confirm(session, officer, id, service.now()))


@router.post("/works/{id}/start")
async def start(id: str, officer: SignedIn, service: Here, body: StepBody | None = None) -> WorkAnswer:
    """Work has begun."""
    return await _advance(service, officer, id, Step(WorkStatus.STARTED, _day(body)))


@router.post("/works/{id}/complete")
async def complete(id: str, officer: SignedIn, service: Here, body: StepBody | None = None) -> WorkAnswer:
    """The work is done."""
    return await _advance(service, officer, id, Step(WorkStatus.COMPLETED, _day(body)))


@router.post("/works/{id}/unveil")
async def unveil(id: str, officer: SignedIn, service: Here, body: StepBody | None = None) -> WorkAnswer:
    """The work bears its plaque (gắn biển)."""
    return await _advance(service, officer, id, Step(WorkStatus.UNVEILED, _day(body)))


def _day(body: StepBody | None) -> date | None:
    return body.on if body else None


async def _advance(service: Service, officer: Officer, id: str, step: Step) -> WorkAnswer:
    async with service.database.write() as session:
        return WorkAnswer.model_validate(await works.advance(session, officer, id, step, service.now()))


@router.get("/works")
async def listed(officer: SignedIn, service: Here, campaign: str | None = None) -> list[WorkAnswer]:
    """Works of the units that the officer sees."""
    async with service.database.read() as session:
        code = (await campaigns.chosen(session, campaign)).code
        among = await visible_units(session, officer, local_date(service.now()))
        return [WorkAnswer.model_validate(row) for row in await works.listed(session, code, among)]


@router.get("/works/{id}")
async def one(id: str, officer: SignedIn, service: Here) -> WorkAnswer:
    """A work."""
    async with service.database.read() as session:
        return WorkAnswer.model_validate(await works.find(session, officer, id, service.now()))
