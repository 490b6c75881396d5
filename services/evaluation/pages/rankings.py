"""The frozen ranking: places, hash, and the versions it rests on."""

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from services.evaluation import rankings, references
from services.evaluation.records import closing_day
from shared import units
from shared.events.registration import Role
from shared.security import SignedIn
from shared.service import Here
from shared.web.pages import render

router = APIRouter()

READERS = (Role.SECRETARY, Role.MEMBER, Role.CHAIR, Role.AUDITOR, Role.OPERATOR)


@router.get("/rankings")
async def show(request: Request, officer: SignedIn, service: Here, campaign: str | None = None) -> HTMLResponse:
    """For the council, auditors and operators; nothing that names who lags goes farther before it is published."""
    officer.must_hold(*READERS)
    async with service.database.read() as session:
        found = await references.campaign_named(session, campaign)
        frozen = await rankings.frozen(session, found.code)
        clusters = rankings.clusters_of(frozen) if frozen else ()
        names = await units.on_day(session, closing_day(found), {p.unit for c in clusters for p in c.ranked})
    return render(request, "rankings.html", campaign=found, frozen=frozen, clusters=clusters, names=names)
