"""The whole movement in one look: which units are in trouble, and how each cluster stands, counted by the database."""

from collections.abc import Iterable
from itertools import groupby
from typing import Any, NamedTuple

from sqlalchemy import func, select

from services.evaluation import alarms
from services.evaluation.models import scores
from shared.database import ReadSession
from shared.events.campaign import Campaign, Cluster

SHOWN = 5
"""Units in trouble on the first page; the others are one click away."""


class Trouble(NamedTuple):
    """A unit with open warnings: how many, and the one farthest from its target."""

    unit: str
    warnings: int
    worst: Any


class Troubles(NamedTuple):
    """Units in trouble, those with the most warnings first, of them the farthest from a target; and how many there are in all."""

    worst: list[Trouble]
    units: int
    warnings: int


class Standing(NamedTuple):
    """How many units of a cluster have each grade (by its code), and how many are on hold and have none that counts."""

    cluster: Cluster
    grades: dict[str, int]
    on_hold: int

    @property
    def scored(self) -> int:
        """The cluster's units with a score, those on hold among them."""
        return sum(self.grades.values()) + self.on_hold


async def troubles(session: ReadSession, campaign: Campaign) -> Troubles:
    """Who needs help first."""
    found = await alarms.open_warnings(session, campaign.code, None)
    units = _by_unit(found)
    return Troubles(units[:SHOWN], len(units), len(found))


def _by_unit(rows: Iterable[Any]) -> list[Trouble]:
    ordered = sorted(rows, key=lambda row: (row.unit, row.percent))
    units = [Trouble(unit, len(found), found[0]) for unit, found in ((unit, list(of)) for unit, of in groupby(ordered, lambda row: row.unit))]
    return sorted(units, key=lambda unit: (-unit.warnings, unit.worst.percent, unit.unit))


async def standings(session: ReadSession, campaign: Campaign) -> list[Standing]:
    """Each cluster that has scores, in the campaign's order."""
    query = (
        select(scores.c.cluster, scores.c.on_hold, scores.c.grade, func.count().label("number"))
        .where(scores.c.campaign == campaign.code)
        .group_by(scores.c.cluster, scores.c.on_hold, scores.c.grade)
    )
    rows = list(await session.execute(query))
    present = {row.cluster for row in rows}
    return [_standing(cluster, [row for row in rows if row.cluster == cluster.code]) for cluster in campaign.clusters if cluster.code in present]


def _standing(cluster: Cluster, rows: list[Any]) -> Standing:
    return Standing(
        cluster, {row.grade or "": row.number for row in rows if not row.on_hold}, sum(row.number for row in rows if row.on_hold)
    )
