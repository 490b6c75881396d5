"""League tables: each cluster's places with what a reader compares, cut to what the reader may see and to a page of a big cluster."""

from collections.abc import AsyncIterator, Collection, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

from sqlalchemy import and_, func, literal, select, union_all

from services.evaluation import decisions, kept
from services.evaluation.models import score_history, scores
from services.evaluation.places import Among, Asked, Mark, Order, Places, written
from services.evaluation.records import closing_day
from shared import units
from shared.database import ReadSession, rows_among
from shared.events.campaign import Campaign, Cluster
from shared.events.evaluation import RankedUnit
from shared.events.registration import Role
from shared.security import EVERYWHERE, Officer

CHANGE_OVER = timedelta(days=7)
WHOLE = 200
"""A cluster of so many members is shown whole."""
PAGE = 50
TOP = 10
"""How much of a big cluster is shown beside others."""
REACH = 5
SEARCH_LIMIT = 100


class Row(NamedTuple):
    """A unit's line: its place, what it gained in the last seven days (null: not scored then), its rounds on time."""

    name: str
    place: RankedUnit
    change: Decimal | None
    on_hold: bool
    on_time: int
    due: int


class Table(NamedTuple):
    """A cluster's lines in the order asked for, and how many members it has in all; some may not be the reader's to see.

    `around`: the reader's own unit and its neighbours, best first, where the lines do not hold it; `after`: where the next page begins.
    """

    cluster: Cluster
    rows: tuple[Row, ...]
    members: int
    around: tuple[Row, ...] = ()
    after: str = ""

    @property
    def ranked(self) -> bool:
        """False for a cluster too small to rank."""
        return self.members >= self.cluster.least_members

    @property
    def big(self) -> bool:
        """True for a cluster that is shown by pages."""
        return self.members > WHOLE


class View(NamedTuple):
    """What a reader looks at: all clusters, or one, from a mark on, or who is found by some words."""

    order: Order = "best"
    cluster: str = ""
    after: str = ""
    search: str = ""


def view_of(order: Order = "best", cluster: str = "", after: str = "", search: str = "") -> View:
    """The view that an address asks for."""
    return View(order, cluster, after, search.strip()[:SEARCH_LIMIT])


class _Cut(NamedTuple):
    """A table's places before their lines are read."""

    cluster: Cluster
    places: list[RankedUnit]
    around: list[RankedUnit]
    after: str


async def tables(
    session: ReadSession, campaign: Campaign, officer: Officer, now: datetime, view: View = View()
) -> list[Table]:
    """Every cluster in which the officer sees somebody, or the one looked at, with the ranking in force."""
    reader = await _Reader.of(session, campaign, officer)
    codes = await reader.clusters()
    alone = len(codes) == 1
    chosen = [c for c in campaign.clusters if c.code in codes and view.cluster in {"", c.code}]
    cuts = [await reader.cut(cluster, view, alone=alone) for cluster in chosen]
    known = await _Known.read(session, campaign, now, {p.unit for cut in cuts for p in (*cut.places, *cut.around)})
    return [
        Table(cut.cluster, known.rows(cut.places), reader.places.members[cut.cluster.code], known.rows(cut.around), cut.after)
        for cut in cuts
    ]


async def every_row(
    session: ReadSession, campaign: Campaign, officer: Officer, now: datetime, view: View
) -> AsyncIterator[tuple[Cluster, Row]]:
    """Every line of the same tables, big ones too, in the order asked for; so many are held at a time as make a page of a whole cluster."""
    reader = await _Reader.of(session, campaign, officer)
    codes = await reader.clusters()
    for cluster in (c for c in campaign.clusters if c.code in codes and view.cluster in {"", c.code}):
        after, places = None, list[RankedUnit]()
        while after is None or len(places) == WHOLE:
            asked = Asked(view.order, WHOLE, after, view.search)
            places = await reader.places.page(cluster.code, reader.among_of(cluster), asked)
            if not places:
                break
            after = Mark.of(places[-1])
            known = await _Known.read(session, campaign, now, {p.unit for p in places})
            for row in known.rows(places):
                yield cluster, row


class _Reader(NamedTuple):
    """Whose places an officer sees: everybody's, or the own unit's and those below; a cluster's head also that cluster's."""

    officer: Officer
    places: Places
    among: Among
    heads: str | None
    stands_in: str | None

    @classmethod
    async def of(cls, session: ReadSession, campaign: Campaign, officer: Officer) -> "_Reader":
        heads = await decisions.cluster_of(session, campaign.code, officer.unit) if officer.holds(Role.CLUSTER_HEAD) else None
        places = await kept.in_force(session, campaign)
        stands_in = (await places.cluster_of([officer.unit])).get(officer.unit)
        return cls(officer, places, visible(officer, campaign), heads, stands_in)

    async def clusters(self) -> set[str]:
        """The clusters in which the officer sees somebody."""
        found = await self.places.clusters(self.among)
        return found | {self.heads} if self.heads and self.heads in self.places.members else found

    def among_of(self, cluster: Cluster) -> Among:
        """Whose places the officer sees in a cluster."""
        return None if cluster.code == self.heads else self.among

    async def cut(self, cluster: Cluster, view: View, *, alone: bool) -> _Cut:
        """A small cluster's places all; of a big one a page or, beside others, the first few."""
        among = self.among_of(cluster)
        big = self.places.members.get(cluster.code, 0) > WHOLE
        size = WHOLE if not big else PAGE if alone or view.cluster else TOP
        looked_at = view if view.cluster == cluster.code or alone else View(view.order)
        asked = Asked(view.order, size + 1, Mark.read(looked_at.after), looked_at.search)
        places = await self.places.page(cluster.code, among, asked)
        more, places = len(places) > size, places[:size]
        apart = big and not looked_at.search and cluster.code == self.stands_in
        shown = any(p.unit == self.officer.unit for p in places)
        around = [] if shown or not apart else await self.places.around(cluster.code, among, self.officer.unit, REACH)
        return _Cut(cluster, places, around, written(places[-1]) if more else "")


def visible(officer: Officer, campaign: Campaign) -> Among:
    """The units an officer sees, as a query: None for all, else the own unit and those below."""
    if officer.holds(*EVERYWHERE):
        return None
    below = units.below(officer.unit, closing_day(campaign)).subquery()
    either = union_all(select(literal(officer.unit).label("unit")), select(below.c.unit)).subquery()
    return select(either.c.unit)


class _Known(NamedTuple):
    """Names, current rows and scores of a week ago, by unit."""

    names: dict[str, units.KnownUnit]
    current: dict[str, tuple[bool, int, int]]
    before: dict[str, Decimal]

    @classmethod
    async def read(cls, session: ReadSession, campaign: Campaign, now: datetime, among: Collection[str]) -> "_Known":
        found = await rows_among(session, scores, "unit", among, campaign=campaign.code)
        current = {row.unit: (row.on_hold, row.on_time, row.due) for row in found}
        names = await units.on_day(session, closing_day(campaign), among)
        return cls(names, current, await _scores_at(session, campaign.code, among, now - CHANGE_OVER))

    def rows(self, places: Sequence[RankedUnit]) -> tuple[Row, ...]:
        """The lines of some places."""
        return tuple(map(self._row, places))

    def _row(self, place: RankedUnit) -> Row:
        before = self.before.get(place.unit)
        name = self.names[place.unit].name if place.unit in self.names else place.value
        on_hold, on_time, due = self.current.get(place.unit, (False, 0, 0))
        return Row(name, place, None if before is None else place.score - before, on_hold, on_time, due)


async def _scores_at(session: ReadSession, campaign: str, among: Collection[str], instant: datetime) -> dict[str, Decimal]:
    h = score_history
    newest = (
        select(h.c.unit, func.max(h.c.revision).label("revision"))
        .where(h.c.campaign == campaign, h.c.unit.in_(sorted(among)), h.c.at <= instant)
        .group_by(h.c.unit)
        .subquery()
    )
    query = select(h.c.unit, h.c.score).join(newest, and_(h.c.unit == newest.c.unit, h.c.revision == newest.c.revision))
    return {row.unit: row.score for row in await session.execute(query.where(h.c.campaign == campaign))}
