"""What partners sent, read: lists, one event whole, and the counts that must add up. What was only tried out counts for itself."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import func, select

from services.reporting.intake import State
from services.reporting.models import inbound
from shared.database import ReadSession
from shared.messages import Fault, Message, NotFound

RECEIVED, SUPERSEDED = "received", "superseded"
"""States that no row has: in the stream and not decided yet; accepted or refused, and replaced by a later event."""
IN_EARNEST = func.coalesce(inbound.c.sandbox, False).is_(False)


async def listed(session: ReadSession, state: str = "", client: str = "", limit: int = 200) -> Sequence[Any]:
    """Partners' events, newest first, without their bodies."""
    columns = [column for column in inbound.c if column.name not in {"body", "headers"}]
    query = select(*columns).order_by(inbound.c.received_at.desc(), inbound.c.id.desc()).limit(limit)
    if state:
        query = query.where(inbound.c.state == state)
    if client:
        query = query.where(inbound.c.client == client)
    return (await session.execute(query)).all()


async def by_receipt(session: ReadSession, client: str, receipt: str) -> Any:
    """A client's event by its receipt, or None."""
    return (await session.execute(select(inbound).where(inbound.c.receipt == receipt, inbound.c.client == client))).one_or_none()


def state_of(row: Any) -> str:
    """What became of an event, as its sender sees it."""
    return SUPERSEDED if row.superseded_by else str(row.state)


async def find(session: ReadSession, event: str) -> Any:
    """One partner's event, whole; raises `NotFound`."""
    row = (await session.execute(select(inbound).where(inbound.c.id == event))).one_or_none()
    if row is None:
        raise NotFound(Fault("id", Message("Không có sự kiện này.")))
    return row


async def counts(session: ReadSession) -> dict[str, int]:
    """Received = accepted + rejected + duplicate + waiting + parked; a conflict is a duplicate id and is counted by itself as well."""
    query = select(inbound.c.state, func.count(), func.coalesce(func.sum(inbound.c.repeats), 0)).where(IN_EARNEST).group_by(inbound.c.state)
    rows = {state: (int(number), int(repeats)) for state, number, repeats in (await session.execute(query)).all()}
    number = {state: rows.get(state, (0, 0))[0] for state in State}
    repeats = sum(repeated for _, repeated in rows.values())
    return {
        "received": sum(number.values()) + repeats,
        "accepted": number[State.ACCEPTED],
        "rejected": number[State.REJECTED],
        "duplicate": repeats + number[State.CONFLICT],
        "conflict": number[State.CONFLICT],
        "waiting": number[State.WAITING],
        "parked": number[State.PARKED],
    }
