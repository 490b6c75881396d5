"""Early warnings and front-runners: of everybody for the council, of one's own for the others."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse

from services.evaluation import alarms, dossiers, references
from services.evaluation.records import closing_day
from shared import units
from shared.security import SignedIn, visible_units
from shared.service import Here
from shared.units import plain
from shared.web.pages import render

router = APIRouter()

Search = Annotated[str, Query(max_length=100)]


@router.get("/warnings")
async def show(
    request: Request, officer: SignedIn, service: Here, campaign: str | None = None, indicator: str = "", search: Search = ""
) -> HTMLResponse:
    """Open warnings, the farthest from their target first; then units that lead; of one indicator or of units found by name, if asked."""
    async with service.database.read() as session:
        found = await references.campaign_named(session, campaign)
        visible = await visible_units(session, officer, closing_day(found))
        warned = await alarms.open_warnings(session, found.code, visible)
        leading = await alarms.open_findings(session, found.code, visible)
        about = {row.unit for row in (*warned, *leading)}
        names = await units.on_day(session, closing_day(found), about)
        told = await dossiers.told_at(session, found.code, sorted(about))
    wanted = plain(search.strip())

    def fits(row: Any) -> bool:
        name = names[row.unit].name if row.unit in names else row.unit
        return indicator in {"", row.indicator} and wanted in plain(name)

    return render(
        request, "warnings.html", campaign=found, warned=[*filter(fits, warned)], leading=[*filter(fits, leading)], names=names, told=told,
        present={row.indicator for row in (*warned, *leading)}, indicator=indicator, search=search,
    )  # fmt: skip
