"""What is due comes first."""

from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse

from services.reporting import discrepancies, duties, observations, participants, rounds
from services.reporting.pages.words import KINDS, STANDINGS
from shared import security, units
from shared.clock import local_date
from shared.events.registration import Role
from shared.security import SignedIn
from shared.service import Here
from shared.web.pages import render
from shared.web.strict_json import StrictRoute

router = APIRouter(route_class=StrictRoute)

Campaign = Annotated[str, Query(max_length=64)]


@router.get("/due")
async def due(request: Request, here: Here, officer: SignedIn, campaign: Campaign = "") -> HTMLResponse:
    """The own unit's rounds: returned reports, what is due, then what is done."""
    now = here.now()
    async with here.database.read() as session:
        found = await participants.campaign_named(session, campaign)
        listed = await duties.of_unit(session, found, officer.unit, now)
        unit = await units.known(session, officer.unit, local_date(now))
        takes_part = await participants.since_when(session, found.code, officer.unit)
        waiting = [row for row in await discrepancies.listed(session, found.code, {officer.unit}, officer.unit) if row.state == "open"]
    return render(
        request, "due.html", campaign=found, unit=unit, takes_part=takes_part, duties=listed, next=duties.next_round(found, now),
        discrepancies=waiting, standings=STANDINGS, may_write=officer.holds(Role.CLERK, Role.HEAD),
    )  # fmt: skip


@router.get("/fragments/left/{round}")
async def left_fragment(request: Request, here: Here, _: SignedIn, round: str, campaign: Campaign = "") -> HTMLResponse:
    """What a round's deadline leaves, for a page that stands open until then."""
    async with here.database.read() as session:
        found = await participants.campaign_named(session, campaign)
    return render(request, "time_left.html", round=rounds.find(found, round))


@router.get("/fragments/units/{unit}")
async def unit_fragment(request: Request, here: Here, officer: SignedIn, unit: str, campaign: Campaign = "") -> HTMLResponse:
    """A unit's reports, timeliness, what partners saw and where the two differ; part of the unit page."""
    now = here.now()
    async with here.database.read() as session:
        await security.must_see(session, officer, unit, local_date(now))
        found = await participants.campaign_named(session, campaign)
        listed = await duties.of_unit(session, found, unit, now)
        seen = await observations.of_unit(session, found.code, unit)
        differing = await discrepancies.listed(session, found.code, None, unit)
    return render(
        request, "unit_reports.html", campaign=found, duties=listed, observations=seen, discrepancies=differing, standings=STANDINGS,
        kinds=KINDS,
    )  # fmt: skip
