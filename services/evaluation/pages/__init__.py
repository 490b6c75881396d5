"""What people see of evaluation: the leader's page, league tables, units, warnings, the council's desk, the frozen ranking."""

from fastapi import APIRouter

from services.evaluation.pages import council, league, overview, rankings, unit, warnings
from shared.web.strict_json import StrictRoute

router = APIRouter(include_in_schema=False, route_class=StrictRoute)
for _page in (overview, league, unit, warnings, council, rankings):
    router.include_router(_page.router)
