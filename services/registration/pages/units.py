"""The unit tree as it was on a day, and which units became which."""

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from services.registration import units
from services.registration.pages.forms import day_of
from services.registration.pages.rendering import show
from shared import campaigns
from shared.clock import local_date
from shared.messages import Fault, Message
from shared.security import SignedIn, visible_units
from shared.service import Here
from shared.web.strict_json import StrictRoute

router = APIRouter(route_class=StrictRoute)


@router.get("/units")
async def tree(request: Request, officer: SignedIn, service: Here) -> HTMLResponse:
    """Both trees by date, found by name without diacritics."""
    asked, search = request.query_params.get("on", ""), request.query_params.get("q", "")[:100]
    today = local_date(service.now())
    on = day_of(asked) or today
    wrong = Fault("on", Message("Không đọc được ngày này."), Message("Ghi ngày/tháng/năm, ví dụ 30/10/2023."))
    async with service.database.read() as session:
        roots = await units.tree(session, on, search)
        lineage = await units.lineage(session)
        visible = await visible_units(session, officer, today)
        newest = next(iter(await campaigns.listed(session)), None)
    return show(
        request, "units.html", campaign=newest, groups=units.by_kind(roots), lineage=lineage, on=on, search=search, visible=visible,
        count=sum(1 + root.count() for root in roots), faults=(wrong,) if asked and not day_of(asked) else (),
    )
