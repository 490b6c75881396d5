"""Places counted from the standings and the buckets: of one unit, of a page of a cluster, of a search. Never of everybody."""

from collections.abc import Collection, Iterable, Mapping
from decimal import Decimal, InvalidOperation
from functools import cache
from typing import Any, Literal, NamedTuple

from sqlalchemy import ColumnElement, Integer, Select, and_, bindparam, exists, func, or_, select, tuple_

from services.evaluation.models import score_buckets, scores, standings
from services.evaluation.records import closing_day
from services.evaluation.scoring.exact import canonical
from services.evaluation.scoring.order import bucket_of, key_of
from services.evaluation.scoring.ranking import SCHEMES, scheme_and_value, sorted_name
from shared import units
from shared.columns import one_of
from shared.database import ReadSession
from shared.events.campaign import Campaign
from shared.events.evaluation import RankedUnit
from shared.messages import Fault, Message, Refused

Order = Literal["best", "worst"]
Among = Select[tuple[str]] | None
"""A query for the ids of units; None stands for all."""

SEPARATOR = "~"


class Mark(NamedTuple):
    """Where in a cluster's order somebody stands, or a page ends."""

    bucket: int
    key: str
    name: str

    @classmethod
    def of(cls, place: RankedUnit) -> "Mark":
        """Where a place is."""
        return cls(bucket_of(place.score), key_of(place.score), sorted_name(place.scheme, place.value))

    @classmethod
    def read(cls, text: str) -> "Mark | None":
        """What `written` wrote; nothing for an empty text."""
        if not text:
            return None
        try:
            score, scheme, value = text.split(SEPARATOR, 2)
            return cls(bucket_of(Decimal(score)), key_of(Decimal(score)), sorted_name(scheme, value))
        except (InvalidOperation, ValueError, OverflowError):
            problem, cure = Message("Không có trang này."), Message("Mở lại bảng xếp hạng từ trang đầu.")
            raise Refused(Fault("after", problem, cure)) from None


def written(place: RankedUnit) -> str:
    """A place as the end of a page in an address: score~scheme~value."""
    return SEPARATOR.join((canonical(place.score), place.scheme, place.value))


class Asked(NamedTuple):
    """Which page of a cluster: its order, after which mark, how many, whose name or code holds some words."""

    order: Order
    size: int
    after: Mark | None = None
    search: str = ""


class Places:
    """The places of a campaign as its scores stand now."""

    def __init__(self, session: ReadSession, campaign: Campaign, members: Mapping[str, int]) -> None:
        self.session, self.campaign, self.members = session, campaign, members
        """`members`: how many units stand in each cluster, those on hold among them."""

    @classmethod
    async def counted(cls, session: ReadSession, campaign: Campaign) -> "Places":
        """Ask the buckets how many there are."""
        b = score_buckets
        query = select(b.c.cluster, func.sum(b.c.competing + b.c.on_hold).label("number")).where(
            b.c.campaign == campaign.code
        )
        rows = await session.execute(query.group_by(b.c.cluster))
        return cls(session, campaign, {row.cluster: int(row.number) for row in rows if row.number})

    async def clusters(self, among: Among) -> set[str]:
        """The clusters in which some of these units stand; asked unit by unit, for they are fewer than those who stand in the campaign."""
        if among is None:
            return set(self.members)
        some = among.subquery()
        own = self._those(None, standings.c.cluster).where(standings.c.unit == some.c.unit).scalar_subquery()
        return {cluster for cluster in await self.session.scalars(select(own).select_from(some).distinct()) if cluster}

    async def page(self, cluster: str, among: Among, asked: Asked) -> list[RankedUnit]:
        """A page of a cluster's units, in the order asked for."""
        if among is None and not asked.after and not asked.search:
            about = {"of_campaign": self.campaign.code, "of_cluster": cluster, "size": asked.size}
            return self._in_order(await self.session.execute(_first_page(asked.order), about), asked.order)
        query = self._those(among).where(standings.c.cluster == cluster)
        return await self._read(
            _cut(query.where(found(self.campaign, asked.search)) if asked.search else query, asked), asked.order
        )

    async def around(self, cluster: str, among: Among, unit: str, reach: int) -> list[RankedUnit]:
        """A unit and up to `reach` units before and behind it, best first; nothing when it does not stand there."""
        everybody = self._those(among).where(standings.c.cluster == cluster)
        own = await self._read(everybody.where(standings.c.unit == unit))
        if not own:
            return []
        before, behind = [
            await self._read(_cut(everybody, Asked(order, reach, Mark.of(own[0])))) for order in ("worst", "best")
        ]
        return [*before, *own, *behind]

    async def above(self, cluster: str, place: RankedUnit) -> RankedUnit | None:
        """Who competes next above a place with a higher score, with its rank; None above the first."""
        mark = Mark.of(place)
        better = tuple_(standings.c.bucket, standings.c.key) < tuple_(mark.bucket, mark.key)
        query = self._those(None).where(standings.c.cluster == cluster, standings.c.on_hold.is_(False), better)
        found = await self._read(query.order_by(*_columns("worst")).limit(1))
        return found[0] if found else None

    async def of(self, among: Collection[str]) -> dict[str, RankedUnit]:
        """The places of a few units, by unit."""
        return {place.unit: place for place in await self._read(self._those(None).where(one_of(standings.c.unit, among)))}

    async def weakest(self, among: Among, size: int) -> list[RankedUnit]:
        """The lowest scores among some units of any cluster, lowest first."""
        return await self._read(_cut(self._those(among), Asked("worst", size)), "worst")

    async def cluster_of(self, among: Collection[str]) -> dict[str, str]:
        """In which cluster each of a few units stands."""
        rows = await self.session.execute(
            self._those(None, standings.c.unit, standings.c.cluster).where(one_of(standings.c.unit, among))
        )
        return {row.unit: row.cluster for row in rows}

    def _those(self, among: Among, *columns: Any) -> Select[Any]:
        """Whose identifiers are not known yet is left out of every ranking."""
        query = select(*(columns or (standings,))).where(
            standings.c.campaign == self.campaign.code, standings.c.name.is_not(None)
        )
        return query if among is None else query.where(standings.c.unit.in_(among))

    async def _read(self, picked: Select[Any], order: Order = "best") -> list[RankedUnit]:
        return self._in_order(await self.session.execute(_placed(picked)), order)

    def _in_order(self, found: Iterable[Any], order: Order) -> list[RankedUnit]:
        rows = sorted(found, key=lambda row: (row.bucket, row.key, row.name))
        return [self._place(row) for row in (rows if order == "best" else reversed(rows))]

    def _place(self, row: Any) -> RankedUnit:
        scheme, value = scheme_and_value(row.name)
        rank = int(row.rank) if self.ranked(row.cluster) and not row.on_hold else None
        return RankedUnit(
            unit=row.unit,
            scheme=scheme,
            value=value,
            score=row.score,
            grade=row.grade,
            rank=rank,
            tied=rank is not None and bool(row.tied),
            report_revision=row.report_revision,
        )

    def ranked(self, cluster: str) -> bool:
        """False for a cluster too small to rank."""
        known = self.campaign.cluster(cluster)
        return known is not None and self.members.get(cluster, 0) >= known.least_members


@cache
def _first_page(order: Order) -> Select[Any]:
    """The first page of a cluster as who sees everybody sees it, built once: the league of a country asks for every cluster's."""
    s = standings
    query = select(s).where(
        s.c.campaign == bindparam("of_campaign"), s.c.name.is_not(None), s.c.cluster == bindparam("of_cluster")
    )
    return _placed(query.order_by(*_columns(order)).limit(bindparam("size", type_=Integer)))


def _columns(order: Order) -> list[ColumnElement[Any]]:
    columns = (standings.c.bucket, standings.c.key, standings.c.name)
    return [column if order == "best" else column.desc() for column in columns]


def _cut(query: Select[Any], asked: Asked) -> Select[Any]:
    if asked.after:
        place, mark = tuple_(standings.c.bucket, standings.c.key, standings.c.name), tuple_(*asked.after)
        query = query.where(place > mark if asked.order == "best" else place < mark)
    return query.order_by(*_columns(asked.order)).limit(asked.size)


def found(campaign: Campaign, words: str) -> ColumnElement[bool]:
    """Whose name holds the words, whatever their marks, or whose code begins with them."""
    v = units.versions
    holds = v.c.search.contains(units.plain(words.strip()), autoescape=True)
    named = exists().where(v.c.unit == standings.c.unit, holds, *units.in_force(v, closing_day(campaign)))
    coded = (standings.c.name.startswith(sorted_name(scheme, words.strip()), autoescape=True) for scheme in SCHEMES)
    return or_(named, *coded)


def _placed(picked: Select[Any]) -> Select[Any]:
    """Rank of a unit = all in better buckets + those better in its own + 1. Only for the picked ones: each costs a look at the buckets."""
    p, b, o = picked.subquery(), score_buckets, standings.alias()
    same = (o.c.campaign == p.c.campaign, o.c.cluster == p.c.cluster, o.c.bucket == p.c.bucket)
    rivals = (*same, o.c.name.is_not(None), o.c.on_hold.is_(False))
    better = (b.c.campaign == p.c.campaign, b.c.cluster == p.c.cluster, b.c.bucket < p.c.bucket)
    above = select(func.coalesce(func.sum(b.c.competing), 0)).where(*better).scalar_subquery()
    beside = select(func.count()).select_from(o).where(*rivals, o.c.key < p.c.key).scalar_subquery()
    tied = exists().where(*rivals, o.c.key == p.c.key, o.c.unit != p.c.unit)
    return select(
        p,
        scores.c.score,
        scores.c.grade,
        scores.c.report_revision,
        (above + beside + 1).label("rank"),
        tied.label("tied"),
    ).join(scores, and_(scores.c.campaign == p.c.campaign, scores.c.unit == p.c.unit))
