"""What partners sent, read: lists, one event whole, and the counts that must add up. What was only tried out counts for itself."""

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from statistics import median
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, and_, case, func, or_, select

from services.reporting.models import inbound
from services.reporting.states import State
from shared.clock import LOCAL
from shared.database import ReadSession
from shared.messages import Fault, Message, NotFound

RECEIVED, SUPERSEDED, DUPLICATE = "received", "superseded", "duplicate"
"""States that no row has: in the stream and not decided yet; replaced by a later event; the same again, counted at the first."""
STATES = (*State, SUPERSEDED, DUPLICATE)
"""By which a list can be narrowed."""
SAMPLE = 500
"""So many of a day's events tell how long they are on their way."""
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


def bounds(day: date) -> tuple[datetime, datetime]:
    """When a day begins, and the next one."""
    begins = datetime.combine(day, time(), LOCAL)
    return begins, datetime.combine(day + timedelta(days=1), time(), LOCAL)


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


async def day(session: ReadSession, client: str, since: datetime, until: datetime | None = None) -> Day:
    """What came from a client since an instant, and before another. An event that was refused and came again mended is one event."""
    came = _came(client, since, until)
    became = case((inbound.c.superseded_by.is_not(None), SUPERSEDED), else_=inbound.c.state)
    states = dict.fromkeys((RECEIVED, *State, SUPERSEDED, DUPLICATE), 0)
    counted = select(became, func.count(), func.sum(inbound.c.repeats)).where(*came).group_by(became)
    for state, number, repeats in (await session.execute(counted)).all():
        states[state] += int(number)
        states[DUPLICATE] += int(repeats)
        states[RECEIVED] += int(number) + int(repeats)
    named = func.coalesce(func.nullif(inbound.c.event, ""), inbound.c.id)  # each without an id is one by itself
    taken = case((inbound.c.state == State.ACCEPTED, named))
    whole = select(func.count(named.distinct()), func.count(taken.distinct()), func.max(inbound.c.received_at)).where(*came)
    sent, accepted, newest = (await session.execute(whole)).one()
    return Day(states, int(sent), int(accepted), newest, await _delay(session, came))


def _came(client: str, since: datetime, until: datetime | None) -> list[ColumnElement[bool]]:
    before = [inbound.c.received_at < until] if until else []
    return [inbound.c.client == client, inbound.c.received_at >= since, *before, IN_EARNEST]


async def _delay(session: ReadSession, came: Sequence[ColumnElement[bool]]) -> float | None:
    """How long the newest of them that say their own time were on their way, in the median; in seconds."""
    query = select(inbound.c.received_at, inbound.c.happened_at).where(*came, inbound.c.happened_at.is_not(None))
    rows = (await session.execute(query.order_by(inbound.c.received_at.desc()).limit(SAMPLE))).all()
    return median(max(0.0, (row.received_at - row.happened_at).total_seconds()) for row in rows) if rows else None


class Span(NamedTuple):
    """Which of a client's events are wanted: of a stretch of time, in a state, before the one that was seen last; trials, none, or (None) both."""

    client: str
    since: datetime | None = None
    until: datetime | None = None
    state: str = ""
    after: str = ""
    sandbox: bool | None = None


async def page(session: ReadSession, span: Span, limit: int) -> tuple[Sequence[Any], str]:
    """A page of a client's events, the newest first and without bodies; and `after` of the next page, empty at the end."""
    columns = [column for column in inbound.c if column.name not in {"body", "headers"}]
    query = select(*columns).where(inbound.c.client == span.client, *_within(span), *await before(session, span.client, span.after))
    rows = (await session.execute(query.order_by(inbound.c.received_at.desc(), inbound.c.id.desc()).limit(limit + 1))).all()
    return rows[:limit], rows[limit - 1].id if len(rows) > limit else ""


def _within(span: Span) -> list[ColumnElement[bool]]:
    found = [inbound.c.received_at >= span.since] if span.since else []
    found += [inbound.c.received_at < span.until] if span.until else []
    found += [_in_state(span.state)] if span.state else []
    return found + ([] if span.sandbox is None else [func.coalesce(inbound.c.sandbox, False).is_(span.sandbox)])


async def before(session: ReadSession, client: str, after: str) -> list[ColumnElement[bool]]:
    """The condition for what came before a client's event, in a list from the newest on; none where the list begins."""
    last = await session.scalar(select(inbound.c.received_at).where(inbound.c.id == after, inbound.c.client == client)) if after else None
    if last is None:
        return []
    return [or_(inbound.c.received_at < last, and_(inbound.c.received_at == last, inbound.c.id < after))]


def _in_state(state: str) -> ColumnElement[bool]:
    if state == DUPLICATE:
        return inbound.c.repeats > 0
    if state == SUPERSEDED:
        return inbound.c.superseded_by.is_not(None)
    return and_(inbound.c.state == state, inbound.c.superseded_by.is_(None))
