"""What people see of evaluation: the movement in one look, league tables, units, warnings, the council's desk, the frozen ranking."""

from fastapi import APIRouter

from services.evaluation.pages import council, league, overview, rankings, unit, warnings, workbook
from shared.web.strict_json import StrictRoute

router = APIRouter(include_in_schema=False, route_class=StrictRoute)
for _page in (overview, league, unit, warnings, council, rankings, workbook):
    router.include_router(_page.router)
