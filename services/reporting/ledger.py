"""What partners sent, read: lists, one event whole, and the counts that must add up. What was only tried out counts for itself."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from statistics import median
from typing import Any, NamedTuple

from sqlalchemy import func, select

from services.reporting.models import inbound
from services.reporting.states import State
from shared.database import ReadSession
from shared.messages import Fault, Message, NotFound

RECEIVED, SUPERSEDED, DUPLICATE = "received", "superseded", "duplicate"
"""States that no row has: in the stream and not decided yet; replaced by a later event; the same again, counted at the first."""
LATE_AFTER = timedelta(days=3)
"""As long as late reports are taken after a campaign's end: what comes later than that may tell of a round that others have closed."""
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


def is_late(row: Any) -> bool:
    """Whether an event came much later than it says that it happened. It counts like any other, and is marked where people see it."""
    return row.happened_at is not None and row.received_at - row.happened_at > LATE_AFTER


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


class Day(NamedTuple):
    """A partner's day: events by state, how many different ones were sent and taken, and how long they were on their way, in seconds."""

    states: dict[str, int]
    sent: int
    taken: int
    newest: datetime | None
    delay: float | None


async def day(session: ReadSession, client: str, since: datetime) -> Day:
    """What came from a client since an instant. An event that was refused and came again mended is one event."""
    columns = (inbound.c.event, inbound.c.state, inbound.c.superseded_by, inbound.c.repeats, inbound.c.received_at, inbound.c.happened_at)
    query = select(*columns).where(inbound.c.client == client, inbound.c.received_at >= since, IN_EARNEST)
    states = dict.fromkeys((RECEIVED, *State, SUPERSEDED, DUPLICATE), 0)
    sent, taken, newest, delays = set(), set(), None, []
    for row in (await session.execute(query)).all():
        states[state_of(row)] += 1
        states[DUPLICATE] += row.repeats
        states[RECEIVED] += 1 + row.repeats
        sent.add(row.event)
        if row.state == State.ACCEPTED:
            taken.add(row.event)
        newest = max(newest or row.received_at, row.received_at)
        delays += [max(0.0, (row.received_at - row.happened_at).total_seconds())] if row.happened_at else []
    return Day(states, len(sent), len(taken), newest, median(delays) if delays else None)


async def to_mend(session: ReadSession, client: str, limit: int = 50) -> Sequence[Any]:
    """A partner's refused events that have not come again mended, newest first, whole. No trials: what is sent from here is official."""
    query = select(inbound).where(inbound.c.client == client, inbound.c.state == State.REJECTED, inbound.c.superseded_by.is_(None), IN_EARNEST)
    return (await session.execute(query.order_by(inbound.c.received_at.desc()).limit(limit))).all()
