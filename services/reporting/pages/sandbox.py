"""A partner's sandbox: what became of what it tries out, and the button that empties it."""

from collections.abc import Mapping

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse

from services.reporting import participants, trials, tried
from services.reporting.ledger import state_of
from services.reporting.observations import OBSERVATION
from services.reporting.on_behalf import REPORT
from services.reporting.pages import partners
from services.reporting.pages.words import PARTNER_STATES
from services.reporting.proposals import PROPOSAL
from shared import audit
from shared.messages import Message
from shared.security import SignedIn
from shared.service import Here
from shared.web.pages import render
from shared.web.strict_json import StrictRoute

router = APIRouter(route_class=StrictRoute)

EFFECTS: Mapping[str, Message] = {
    OBSERVATION: Message("Số liệu bên cạnh số của đơn vị"),
    REPORT: Message("Báo cáo thay đơn vị"),
    PROPOSAL: Message("Đề xuất; khi chạy thử không hỏi ai xác nhận"),
}


@router.get("/partners/{client}/sandbox")
async def shown(request: Request, here: Here, officer: SignedIn, client: str) -> HTMLResponse:
    """The sandbox's events, units and scores."""
    async with here.database.read() as session:
        partner = await partners.visible(session, officer, client)
        campaign = await participants.campaign_named(session, partner.campaign)
        sandbox = await tried.of_client(session, client, campaign.code, here.now())
    criteria = {criterion.code: criterion.title for sheet in campaign.score_sheets for criterion in sheet.criteria}
    return render(
        request, "partner_sandbox.html", campaign=campaign, partner=partner, sandbox=sandbox, criteria=criteria, effects=EFFECTS,
        states=PARTNER_STATES, state_of=state_of, may_send=partners.may_send(officer, partner), shown=tried.UNITS_SHOWN,
    )  # fmt: skip


@router.post("/partners/{client}/sandbox")
async def ended(here: Here, officer: SignedIn, client: str) -> RedirectResponse:
    """Empty the sandbox."""
    async with here.database.write() as session:
        partner = await partners.visible(session, officer, client)
        partners.must_send(officer, partner)
        await trials.end(session, client, here.now())
        await audit.record(session, officer, "partner.sandbox-emptied", client, here.now())
    return RedirectResponse(f"/reporting/partners/{client}/sandbox", 303)
