"""Holds: a unit whose consideration is suspended owes no report, so nothing reminds it."""

from sqlalchemy import and_, update

from services.notification import settlements
from services.notification.letters import Origin
from services.notification.models import holds
from services.notification.models import letters as written
from services.notification.rules import UNTIL_REPORTED
from shared.database import WriteSession, insert_new
from shared.events.evaluation import HoldLifted, HoldPlaced


async def placed(session: WriteSession, event: HoldPlaced, origin: Origin) -> None:
    """Nothing reminds the unit while the hold lasts; if its end was heard first, nothing changes."""
    row = {"hold": event.hold, "campaign": event.campaign, "unit": event.unit, "since": event.since, "lifted": False}
    if await insert_new(session, holds, [row]):
        mine = and_(written.c.campaign == event.campaign, written.c.unit == event.unit)
        await settlements.settle(session, settlements.settling(and_(mine, written.c.rule.in_(UNTIL_REPORTED))), origin.now)


async def lifted(session: WriteSession, event: HoldLifted) -> None:
    """The unit owes its reports again; the next reminder that falls due reaches it."""
    row = {"hold": event.hold, "campaign": event.campaign, "unit": event.unit, "since": None, "lifted": True}
    if not await insert_new(session, holds, [row]):
        await session.execute(update(holds).where(holds.c.hold == event.hold).values(lifted=True))
