"""The delivery log: every delivery with its state and attempts, for those who answer for it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, Select, exists, func, or_, select

from services.notification import texts
from services.notification.models import deliveries, letters, on_its_own
from services.notification.rules import BY_CODE, Audience, Channel, Rule, State
from services.notification.texts import Text
from shared import units
from shared.clock import local_date
from shared.database import ReadSession
from shared.security import officers

PAGE = 50


@dataclass(frozen=True, slots=True)
class Filter:
    """Which deliveries to show; `before` is the last one of the page before."""

    state: State | None = None
    channel: Channel | None = None
    rule: str = ""
    before: str = ""

    def apply(self, query: Select[Any]) -> Select[Any]:
        """The query, narrowed."""
        if self.state:
            query = query.where(deliveries.c.state == self.state)
        if self.channel:
            query = query.where(deliveries.c.channel == self.channel)
        if self.rule:
            query = query.where(letters.c.rule == self.rule)
        return query.where(deliveries.c.delivery < self.before) if self.before else query


@dataclass(frozen=True, slots=True)
class Entry:
    """One delivery as the log shows it."""

    id: str
    letter: str
    rule: Rule
    text: Text
    officer: str
    unit: str
    channel: Channel
    state: State
    created: datetime
    due_at: datetime
    delivered_at: datetime | None
    read_at: datetime | None
    attempts: int
    next_attempt: datetime | None
    error: str


async def listed(session: ReadSession, wanted: Filter, language: str) -> list[Entry]:
    """A page of deliveries, newest first."""
    query = (
        select(deliveries, *(c for c in letters.c if c.name != "letter"), officers.c.name, officers.c.unit.label("officer_unit"))
        .join(letters, letters.c.letter == deliveries.c.letter)
        .outerjoin(officers, officers.c.officer == deliveries.c.officer)
        .order_by(deliveries.c.delivery.desc())
        .limit(PAGE)
    )
    rows = (await session.execute(wanted.apply(query))).all()
    return await _entries(session, rows, language)


async def _entries(session: ReadSession, rows: Sequence[Row[Any]], language: str) -> list[Entry]:
    words = await texts.words_for(session, rows)
    days = {local_date(row.created) for row in rows}
    places = {row.officer_unit for row in rows if row.officer_unit}
    names = {unit: known.name for day in sorted(days) for unit, known in (await units.on_day(session, day, places)).items()}
    return [
        Entry(
            id=row.delivery, letter=row.letter, rule=BY_CODE[row.rule], text=words.write(row, language), officer=row.name or "",
            unit=names.get(row.officer_unit or "", ""), channel=Channel(row.channel), state=State(row.state), created=row.created,
            due_at=row.due_at, delivered_at=row.delivered_at, read_at=row.read_at, attempts=row.attempts,
            next_attempt=row.next_attempt, error=row.error,
        )
        for row in rows
    ]  # fmt: skip


async def counts(session: ReadSession) -> dict[Channel, dict[State, int]]:
    """Deliveries by channel and state."""
    query = select(deliveries.c.channel, deliveries.c.state, func.count()).group_by(deliveries.c.channel, deliveries.c.state)
    found = {channel: dict.fromkeys(State, 0) for channel in Channel}
    for channel, state, count in await session.execute(query):
        found[Channel(channel)][State(state)] = count
    return found


async def unaddressed(session: ReadSession) -> int:
    """Letters that wait for an officer to send them to."""
    nobody = ~exists().where(deliveries.c.letter == letters.c.letter)
    meant = or_(letters.c.audience != Audience.SUPERIOR, letters.c.addressee.is_(None), letters.c.addressee != "")
    query = select(func.count()).select_from(letters).where(nobody, meant, on_its_own, letters.c.settled.is_(None))
    return int(await session.scalar(query) or 0)
