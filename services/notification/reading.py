"""What an officer reads: their inbox, one letter, the letters about a unit; and that they have read one."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, Select, and_, exists, func, select, update

from services.notification import digests, texts
from services.notification.models import TO_GATHER, deliveries, letters
from services.notification.rules import BY_CODE, Channel, Rule, State
from services.notification.texts import Text
from shared.clock import local_date
from shared.database import ReadSession, WriteSession
from shared.messages import Fault, Message, NotFound
from shared.security import EVERYWHERE, Officer, must_see
from shared.telemetry import trace_id_of

PAGE = 50
NEWEST = 10
"""Letters that the unit's page shows."""
ALL = 500
"""Letters that the list of a unit's letters shows."""


@dataclass(frozen=True, slots=True)
class Letter:
    """A letter as its reader sees it; `about` is the unit's name, `delivered_at` and `read_at` are the reader's own."""

    id: str
    rule: Rule
    text: Text
    unit: str
    about: str
    campaign: str
    created: datetime
    settled: datetime | None
    event: str
    trace: str | None
    page: str
    delivered_at: datetime | None
    read_at: datetime | None
    digest: bool

    @property
    def unread(self) -> bool:
        """True while it wants to be read: not read, and its matter not over."""
        return self.read_at is None and self.settled is None


def _mine(officer: Officer) -> Any:
    return and_(deliveries.c.officer == officer.id, deliveries.c.channel == Channel.INBOX, deliveries.c.state == State.DELIVERED)


def _with_letters(*conditions: Any) -> Select[Any]:
    joined = letters.c.letter == deliveries.c.letter
    return select(letters, deliveries.c.delivered_at, deliveries.c.read_at).join(deliveries, joined).where(*conditions)


async def listed(
    session: ReadSession, officer: Officer, language: str, *, only_unread: bool = False, page: int = 0
) -> list[Letter]:
    """A page of the officer's letters: unread first, each part newest first."""
    unread = and_(deliveries.c.read_at.is_(None), letters.c.settled.is_(None))
    query = _with_letters(_mine(officer), *([unread] if only_unread else []))
    order = (~unread, deliveries.c.delivered_at.desc(), letters.c.letter)
    rows = (await session.execute(query.order_by(*order).offset(page * PAGE).limit(PAGE))).all()
    return await _read(session, rows, language)


async def unread(session: ReadSession, officer: Officer) -> int:
    """How many letters want to be read."""
    query = _with_letters(_mine(officer), deliveries.c.read_at.is_(None), letters.c.settled.is_(None))
    return int(await session.scalar(select(func.count()).select_from(query.subquery())) or 0)


async def find(session: ReadSession, officer: Officer, letter: str, language: str) -> Letter:
    """A letter to the officer, or one about a unit that those see who see every unit. Raises `NotFound`."""
    row = (await session.execute(_with_letters(_mine(officer), letters.c.letter == letter))).first()
    if row is None and officer.holds(*EVERYWHERE):
        row = (await session.execute(_unread_by_me().where(letters.c.letter == letter))).first()
    if row is None:
        raise NotFound(Fault("letter", Message("Không có thư này trong phạm vi của đồng chí.")))
    return (await _read(session, [row], language))[0]


def _unread_by_me() -> Select[Any]:
    """Letters with the columns of a reader's own, empty."""
    nothing = select(deliveries.c.delivered_at, deliveries.c.read_at).where(deliveries.c.delivery.is_(None)).subquery()
    return select(letters, nothing.c.delivered_at, nothing.c.read_at).outerjoin(nothing, letters.c.letter.is_(None))


async def about(session: ReadSession, officer: Officer, unit: str, now: datetime, language: str, limit: int = ALL) -> list[Letter]:
    """The last letters about a unit, for whoever may see the unit."""
    await must_see(session, officer, unit, local_date(now))
    query = _reached().where(letters.c.unit == unit).order_by(letters.c.created.desc(), letters.c.letter).limit(limit)
    return await _read(session, (await session.execute(query)).all(), language)


async def gathered(session: ReadSession, letter: Letter, language: str) -> list[Letter]:
    """The letters that a digest stands for, for whoever may read it; none for another letter."""
    if not letter.digest:
        return []
    rows = (await session.execute(_reached().where(letters.c.digest == letter.id, letters.c.letter != letter.id).order_by(letters.c.unit).limit(ALL))).all()
    return await _read(session, digests.in_order(rows), language)


def _reached() -> Select[Any]:
    """Letters that reached somebody, themselves or in a digest, with the first moments at which they did and were read."""
    brought = func.coalesce(func.nullif(letters.c.digest, TO_GATHER), letters.c.letter)
    arrived = and_(deliveries.c.letter == brought, deliveries.c.state == State.DELIVERED)
    first, seen = [select(func.min(column)).where(arrived).correlate(letters).scalar_subquery() for column in (deliveries.c.delivered_at, deliveries.c.read_at)]
    return select(letters, first.label("delivered_at"), seen.label("read_at")).where(exists().where(arrived))


async def mark_read(session: WriteSession, officer: Officer, letter: str, now: datetime) -> None:
    """The officer has read a letter of theirs; the first time counts. Raises `NotFound`."""
    mine = and_(_mine(officer), deliveries.c.letter == letter)
    if await session.scalar(select(deliveries.c.delivery).where(mine)) is None:
        raise NotFound(Fault("letter", Message("Không có thư này trong phạm vi của đồng chí.")))
    await session.execute(update(deliveries).where(mine, deliveries.c.read_at.is_(None)).values(read_at=now))


async def mark_all_read(session: WriteSession, officer: Officer, now: datetime) -> None:
    """The officer has looked at the whole inbox."""
    await session.execute(update(deliveries).where(_mine(officer), deliveries.c.read_at.is_(None)).values(read_at=now))


async def _read(session: ReadSession, rows: Sequence[Row[Any]], language: str) -> list[Letter]:
    words = await texts.words_for(session, rows)
    return [
        Letter(
            id=row.letter, rule=BY_CODE[row.rule], text=words.write(row, language), unit=row.unit, about=words.name(row.unit), campaign=row.campaign,
            created=row.created, settled=row.settled, event=row.event, trace=trace_id_of(row.traceparent), page=words.page(row),
            delivered_at=row.delivered_at, read_at=row.read_at, digest=digests.is_digest(row),
        )
        for row in rows
    ]  # fmt: skip
