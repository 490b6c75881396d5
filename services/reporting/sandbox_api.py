"""The JSON API of a partner's sandbox: what became of what was tried out, and to begin anew."""

from typing import Any

from fastapi import APIRouter

from services.reporting import scope, trials, tried
from services.reporting.partner_api import Partner
from services.reporting.tried import Sandbox, Tried
from shared.database import ReadSession
from shared.messages import Fault, Message, NotFound
from shared.service import Here

router = APIRouter(prefix="/api", tags=["partners"])


@router.get("/sandbox")
async def shown(here: Here, client: Partner) -> dict[str, Any]:
    """What is in the partner's sandbox: units with reports, figures, disagreements and score. Nothing of it is official."""
    async with here.database.read() as session:
        campaign = await _campaign_of(session, client)
        return {"campaign": campaign} | _answer(await tried.of_client(session, client, campaign, here.now()))


@router.delete("/sandbox")
async def ended(here: Here, client: Partner) -> dict[str, Any]:
    """Empty the sandbox: the ids of its events are free again. Official events and figures stay as they are."""
    async with here.database.write() as session:
        await trials.end(session, client, here.now())
    return await shown(here, client)


async def _campaign_of(session: ReadSession, client: str) -> str:
    partner = await scope.newest(session, client)
    if partner is None:
        raise NotFound(Fault("client", Message("Không có hệ thống “{client}”.", client=client)))
    return str(partner.campaign)


def _answer(sandbox: Sandbox) -> dict[str, Any]:
    return {"since": sandbox.since, "until": sandbox.until, "units": [_unit(one) for one in sandbox.units]}


def _unit(one: Tried) -> dict[str, Any]:
    score = one.score
    return {
        "unit": one.unit,
        "name": one.known.name if one.known else None,
        "reports": [_picked(row, "report", "round", "revision", "status", "on_time", "submitted_at") for row in one.reports],
        "observations": [_picked(row, "indicator", "as_of", "value", "unit_of_measure", "kind", "revision") for row in one.observed],
        "discrepancies": [_picked(row, "indicator", "round", "reported", "observed") for row in one.disputed],
        "score": _picked(score, "score", "grade", "parts", "at") if score else None,
    }


def _picked(row: Any, *names: str) -> dict[str, Any]:
    return {name: getattr(row, name) for name in names}
