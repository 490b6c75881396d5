"""Amendments of targets."""

from fastapi import APIRouter

from services.registration import amendments, campaigns, units
from services.registration.amendments import Proposal
from services.registration.api.answers import AmendmentAnswer
from services.registration.api.bodies import AmendmentBody, ReasonBody
from shared.clock import local_date
from shared.security import SignedIn, visible_units
from shared.service import Here
from shared.web.strict_json import StrictRoute

router = APIRouter(tags=["amendments"], route_class=StrictRoute)


@router.post("/amendments", status_code=201)
async def propose(body: AmendmentBody, officer: SignedIn, service: Here) -> AmendmentAnswer:
    """The unit's head proposes another target."""
    now = service.now()
    async with service.database.write() as session:
        campaign = await campaigns.chosen(session, body.campaign)
        unit = await units.identify(session, body.unit, local_date(now))
        proposal = Proposal(unit=unit, **body.model_dump(exclude={"campaign", "unit"}))
        return AmendmentAnswer.model_validate(await amendments.propose(session, officer, campaign, proposal, now))


@router.post("/amendments/{id}/approve")
async def approve(id: str, officer: SignedIn, service: Here) -> AmendmentAnswer:
    """The secretary approves: the next version of the target."""
    async with service.database.write() as session:
        return AmendmentAnswer.model_validate(await amendments.approve(session, officer, id, service.now()))


@router.post("/amendments/{id}/return")
async def send_back(id: str, body: ReasonBody, officer: SignedIn, service: Here) -> AmendmentAnswer:
    """The secretary returns it with a reason."""
    async with service.database.write() as session:
        return AmendmentAnswer.model_validate(await amendments.send_back(session, officer, id, body.reason, service.now()))


@router.get("/amendments")
async def listed(officer: SignedIn, service: Here, campaign: str | None = None) -> list[AmendmentAnswer]:
    """Proposals of the units that the officer sees."""
    async with service.database.read() as session:
        code = (await campaigns.chosen(session, campaign)).code
        among = await visible_units(session, officer, local_date(service.now()))
        return [AmendmentAnswer.model_validate(row) for row in await amendments.listed(session, code, among)]


@router.get("/amendments/{id}")
async def one(id: str, officer: SignedIn, service: Here) -> AmendmentAnswer:
    """A proposal whole."""
    async with service.database.read() as session:
        return AmendmentAnswer.model_validate(await amendments.find(session, officer, id, service.now()))
