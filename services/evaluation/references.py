"""What a request names: a campaign by its code, a unit by our id or by an official identifier."""

from datetime import date

from services.evaluation.records import closing_day
from shared import campaigns, units
from shared.database import ReadSession
from shared.events.campaign import Campaign
from shared.events.reporting import UnitRef
from shared.messages import Fault, Message, NotFound


async def campaign_named(session: ReadSession, code: str | None) -> Campaign:
    """The campaign with this code; the newest known one when none is named."""
    if code:
        return await campaigns.find(session, code)
    known = await campaigns.listed(session)
    if not known:
        raise NotFound(Fault("campaign", Message("Chưa có phong trào nào được phát động.")))
    return known[0]


async def unit_named(session: ReadSession, campaign: Campaign, unit: str | UnitRef, today: date) -> str:
    """The id of a unit; `{scheme, value}` is read as of today or, after the movement, as of its close, for codes were reused."""
    if isinstance(unit, str):
        return unit
    found = await units.resolve(session, unit.scheme, unit.value, min(today, closing_day(campaign)))
    if found is None:
        problem = Message("Không có đơn vị {scheme}:{value}.", scheme=unit.scheme, value=unit.value)
        raise NotFound(Fault("unit", problem, Message("Kiểm tra lại mã đơn vị và loại mã.")))
    return found
