"""A unit's page: its score explained, its figures against its targets, and what the other services know of it."""

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from services.evaluation import dossiers, prospects, references
from services.evaluation.records import closing_day
from services.evaluation.scoring.exact import decimal
from shared.messages import Fault, Message, NotFound
from shared.security import SignedIn, must_see
from shared.service import Here
from shared.web.pages import render

router = APIRouter()


@router.get("/units/{unit}")
async def show(request: Request, officer: SignedIn, service: Here, unit: str, campaign: str | None = None) -> HTMLResponse:
    """The own unit and those below; for the council every unit."""
    async with service.database.read() as session:
        found = await references.campaign_named(session, campaign)
        await must_see(session, officer, unit, closing_day(found))
        dossier = await dossiers.of_unit(session, found, unit)
        below = await dossiers.below(session, found, unit)
        prospect = await prospects.of_unit(session, found, dossier.place, service.now()) if dossier.place else None
    if dossier.unit is None:
        raise NotFound(Fault("unit", Message("Không có đơn vị này trong phạm vi của đồng chí.")))
    grade = next((g for s in found.score_sheets for g in s.grades if dossier.row and g.code == dossier.row.grade), None)
    return render(
        request, "unit.html", campaign=found, dossier=dossier, below=below, grade=grade, prospect=prospect, decimal=decimal
    )
