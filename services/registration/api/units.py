"""The unit directory as it was on a day."""

from datetime import date

from fastapi import APIRouter

from services.registration import campaigns, units
from services.registration.api.answers import CommitmentAnswer, UnitAnswer
from services.registration.commitments import versions
from shared import units as directory
from shared.clock import local_date
from shared.database import ReadSession
from shared.security import SignedIn, must_see
from shared.service import Here
from shared.units import KnownUnit
from shared.web.strict_json import StrictRoute

router = APIRouter(tags=["units"], route_class=StrictRoute)


@router.get("/units")
async def listed(_: SignedIn, service: Here, on: date | None = None, campaign: str | None = None) -> list[UnitAnswer]:
    """Every unit of a day, in official order, with its cluster and identifiers. The directory is public inside the movement."""
    day = on or local_date(service.now())
    async with service.database.read() as session:
        code = (await campaigns.chosen(session, campaign)).code
        clusters = await units.clusters(session, code, day)
        names = await units.identifiers(session, day)
        known = await directory.on_day(session, day)
        return [_answer(unit, clusters.get(unit.id), names.get(unit.id, [])) for unit in known.values()]


def _answer(unit: KnownUnit, cluster: str | None, identifiers: list[str]) -> UnitAnswer:
    return UnitAnswer.model_validate(unit).model_copy(update={"cluster": cluster, "identifiers": identifiers})


@router.get("/units/{unit}/commitments")
async def commitments(unit: str, officer: SignedIn, service: Here, campaign: str | None = None) -> list[CommitmentAnswer]:
    """A unit's targets with all their versions, newest first."""
    async with service.database.read() as session:
        return await _commitments(session, officer, unit, campaign, local_date(service.now()))


async def _commitments(session: ReadSession, officer: SignedIn, unit: str, campaign: str | None, today: date) -> list[CommitmentAnswer]:
    id = await units.identify(session, unit, today)
    await must_see(session, officer, id, today)
    found = await versions(session, (await campaigns.chosen(session, campaign)).code, id)
    return [CommitmentAnswer.model_validate(row) for rows in found.values() for row in rows]
