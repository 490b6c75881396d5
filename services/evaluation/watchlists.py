"""Lists of units that a leader looks through: those of one colour, the silent, those that owe a word, those that changed; page by page."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Select, literal, select, tuple_

from services.evaluation.models import signals
from services.evaluation.records import closing_day
from services.evaluation.scoring.signals import Colour
from shared import units
from shared.database import ReadSession
from shared.events.campaign import Campaign, Cluster, Indicator, Round
from shared.messages import Fault, Message, Refused

PAGE = 50
SEPARATOR = "~"


class Kind(StrEnum):
    """What may be listed."""

    RED = "red"
    ORANGE = "orange"
    GREEN = "green"
    UNASSESSED = "unassessed"
    SILENT = "silent"
    UNEXPLAINED = "unexplained"
    TURNED_RED = "turned-red"
    LEFT_RED = "left-red"


class Shown(NamedTuple):
    """A unit in a list. `percent` of the target farthest behind is to be expected (None: nothing known); `reported`: its newest round."""

    id: str
    name: str
    cluster: Cluster | None
    colour: Colour
    since: datetime
    indicator: Indicator | None
    percent: Decimal | None
    warnings: int
    unexplained: int
    reported: Round | None
    on_hold: bool


class Listing(NamedTuple):
    """Some units of a kind, and where the next page begins (empty: there is none)."""

    units: Sequence[Shown]
    after: str


class _Order(NamedTuple):
    """By which column a list is sorted, and whether the highest comes first."""

    column: str
    falling: bool


_ORDERS: Mapping[Kind, _Order] = {
    Kind.SILENT: _Order("reported", falling=False),
    Kind.UNEXPLAINED: _Order("unexplained", falling=True),
    Kind.TURNED_RED: _Order("since", falling=True),
    Kind.LEFT_RED: _Order("since", falling=True),
}
_FARTHEST_FIRST = _Order("worst", falling=False)


def round_asked(campaign: Campaign, now: datetime) -> Round | None:
    """The round for which a report is owed now: the one that runs, else the last one whose deadline passed; before the first, the first."""
    passed = [r for r in campaign.rounds if r.deadline <= now]
    ahead = round_ahead(campaign, now)
    running = ahead is not None and ahead.opens_at <= now
    return ahead if running or not passed else passed[-1]


def round_ahead(campaign: Campaign, now: datetime) -> Round | None:
    """The round whose deadline comes next, open or not yet; None after the last."""
    return next((r for r in campaign.rounds if now < r.deadline), None)


def last_deadline(campaign: Campaign, now: datetime) -> datetime:
    """The newest deadline that has passed; before the first one, the day on which reports began."""
    passed = [r.deadline for r in campaign.rounds if r.deadline <= now]
    return max(passed, default=min((r.opens_at for r in campaign.rounds), default=now))


async def listing(
    session: ReadSession, campaign: Campaign, kind: Kind, now: datetime, *, after: str = "", size: int = PAGE
) -> Listing:
    """A page of a list: the farthest from their target first, the longest silent, the newest change since the last deadline."""
    rows = list(await session.execute(page_of(campaign, kind, now, after).limit(size + 1)))
    more, rows = len(rows) > size, rows[:size]
    names = await units.on_day(session, closing_day(campaign), {row.unit for row in rows})
    shown = [_shown(campaign, row, names[row.unit].name if row.unit in names else row.unit) for row in rows]
    return Listing(shown, _written(rows[-1], kind) if more else "")


def page_of(campaign: Campaign, kind: Kind, now: datetime, after: str) -> Select[Any]:
    """The signals of a list from a mark on, in its order: the query behind `listing`, whose size is not set yet."""
    order = _ORDERS.get(kind, _FARTHEST_FIRST)
    place = (signals.c[order.column], signals.c.unit)
    query = select(signals).where(*conditions(campaign, kind, now, last_deadline(campaign, now)))
    if after:
        mark = tuple_(*(literal(part, column.type) for part, column in zip(_read(after, order.column), place, strict=True)))
        query = query.where(tuple_(*place) < mark if order.falling else tuple_(*place) > mark)
    return query.order_by(*(column.desc() if order.falling else column for column in place))


def conditions(campaign: Campaign, kind: Kind, now: datetime, since: datetime) -> list[ColumnElement[bool]]:
    """Which signals a list holds; each asks one index. `since`: from when on a change is one."""
    s = signals.c
    asked = round_asked(campaign, now)
    particular: Mapping[Kind, list[ColumnElement[bool]]] = {
        Kind.SILENT: [s.on_hold.is_(False), s.reported < (campaign.rounds.index(asked) if asked else 0)],
        Kind.UNEXPLAINED: [s.unexplained > 0],
        Kind.TURNED_RED: [s.colour == str(Colour.RED), s.since >= since, s.was.is_not(None)],
        Kind.LEFT_RED: [s.was == str(Colour.RED), s.since >= since],
    }
    return [s.campaign == campaign.code, *particular.get(kind, [s.colour == str(kind)])]


def _shown(campaign: Campaign, row: Any, name: str) -> Shown:
    return Shown(
        id=row.unit,
        name=name,
        cluster=campaign.cluster(row.cluster),
        colour=Colour(row.colour),
        since=row.since,
        indicator=campaign.indicator(row.indicator or ""),
        percent=None if row.indicator is None else Decimal(row.worst) / 100,
        warnings=row.warnings,
        unexplained=row.unexplained,
        reported=campaign.rounds[row.reported] if 0 <= row.reported < len(campaign.rounds) else None,
        on_hold=row.on_hold,
    )


def _written(row: Any, kind: Kind) -> str:
    value = getattr(row, _ORDERS.get(kind, _FARTHEST_FIRST).column)
    return SEPARATOR.join((value.isoformat() if isinstance(value, datetime) else str(value), row.unit))


def _read(after: str, column: str) -> tuple[int | datetime, str]:
    """What `_written` wrote."""
    value, _, unit = after.partition(SEPARATOR)
    try:
        return (datetime.fromisoformat(value).astimezone() if column == "since" else int(value)), unit
    except ValueError:
        problem, cure = Message("Không có trang này."), Message("Mở lại danh sách từ trang đầu.")
        raise Refused(Fault("after", problem, cure)) from None
