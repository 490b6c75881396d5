"""League tables: each cluster's places with what a reader compares, cut to what the reader may see."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

from sqlalchemy import and_, func, select

from services.evaluation import decisions, rankings
from services.evaluation.models import score_history, scores
from services.evaluation.records import closing_day
from shared import units
from shared.database import ReadSession
from shared.events.campaign import Campaign, Cluster
from shared.events.evaluation import RankedUnit
from shared.events.registration import Role
from shared.security import Officer, visible_units

CHANGE_OVER = timedelta(days=7)


class Row(NamedTuple):
    """A unit's line: its place, what it gained in the last seven days (null: not scored then), its rounds on time."""

    name: str
    place: RankedUnit
    change: Decimal | None
    on_hold: bool
    on_time: int
    due: int


class Table(NamedTuple):
    """A cluster's lines, best first, and how many members it has in all; some may not be the reader's to see."""

    cluster: Cluster
    rows: tuple[Row, ...]
    members: int

    @property
    def ranked(self) -> bool:
        """False for a cluster too small to rank."""
        return self.members >= self.cluster.least_members


async def tables(session: ReadSession, campaign: Campaign, officer: Officer, now: datetime) -> list[Table]:
    """Every cluster in which the officer sees somebody, with the ranking in force."""
    _, clusters = await rankings.in_force(session, campaign)
    visible = await visible_units(session, officer, closing_day(campaign))
    own = await decisions.cluster_of(session, campaign.code, officer.unit) if officer.holds(Role.CLUSTER_HEAD) else None
    known = await _Known.read(session, campaign, now)
    found = []
    for ranking in clusters:
        cluster = campaign.cluster(ranking.cluster)
        sees = [p for p in ranking.ranked if visible is None or ranking.cluster == own or p.unit in visible]
        if cluster and sees:
            found.append(Table(cluster, tuple(known.row(place) for place in sees), len(ranking.ranked)))
    return found


class _Known(NamedTuple):
    """Names, current rows and scores of a week ago, by unit."""

    names: dict[str, units.KnownUnit]
    current: dict[str, tuple[bool, int, int]]
    before: dict[str, Decimal]

    @classmethod
    async def read(cls, session: ReadSession, campaign: Campaign, now: datetime) -> "_Known":
        found = await session.execute(select(scores).where(scores.c.campaign == campaign.code))
        current = {row.unit: (row.on_hold, row.on_time, row.due) for row in found}
        names = await units.on_day(session, closing_day(campaign), current)
        return cls(names, current, await _scores_at(session, campaign.code, now - CHANGE_OVER))

    def row(self, place: RankedUnit) -> Row:
        """The line of a place."""
        before = self.before.get(place.unit)
        name = self.names[place.unit].name if place.unit in self.names else place.value
        on_hold, on_time, due = self.current.get(place.unit, (False, 0, 0))
        return Row(name, place, None if before is None else place.score - before, on_hold, on_time, due)


async def _scores_at(session: ReadSession, campaign: str, instant: datetime) -> dict[str, Decimal]:
    h = score_history
    newest = (
        select(h.c.unit, func.max(h.c.revision).label("revision"))
        .where(h.c.campaign == campaign, h.c.at <= instant)
        .group_by(h.c.unit)
        .subquery()
    )
    query = select(h.c.unit, h.c.score).join(newest, and_(h.c.unit == newest.c.unit, h.c.revision == newest.c.revision))
    return {row.unit: row.score for row in await session.execute(query.where(h.c.campaign == campaign))}
