"""Rankings: the current one from the scores as they stand, and the frozen one that the council decided on."""

import json
from typing import Any

from sqlalchemy import or_, select

from services.evaluation.models import rankings, scores
from services.evaluation.records import closing_day
from services.evaluation.scoring.ranking import Contender, official_name, ranking_hash, standings
from shared import units
from shared.database import ReadSession
from shared.events.campaign import Campaign
from shared.events.evaluation import ClusterRanking


async def current(session: ReadSession, campaign: Campaign) -> tuple[ClusterRanking, ...]:
    """Every cluster's places from the scores as they stand; a unit whose identifiers are not known yet is left out."""
    names = await official_names(session, campaign)
    members: dict[str, list[Contender]] = {}
    wanted = (scores.c[name] for name in ("unit", "cluster", "score", "grade", "on_hold", "report_revision"))
    for row in await session.execute(select(*wanted).where(scores.c.campaign == campaign.code)):
        if name := names.get(row.unit):
            members.setdefault(row.cluster, []).append(
                Contender(row.unit, *name, row.score, row.grade, row.on_hold, row.report_revision)
            )
    return tuple(
        ClusterRanking(cluster=cluster.code, ranked=standings(members.get(cluster.code, []), cluster.least_members))
        for cluster in campaign.clusters
    )


async def official_names(session: ReadSession, campaign: Campaign) -> dict[str, tuple[str, str]]:
    """The identifier by which each scored unit is named at the movement's close."""
    table, on = units.identifiers, closing_day(campaign)
    scored = select(scores.c.unit).where(scores.c.campaign == campaign.code)
    in_force = (table.c.valid_from <= on, or_(table.c.valid_to.is_(None), table.c.valid_to >= on))
    found: dict[str, list[tuple[str, str]]] = {}
    for row in await session.execute(select(table).where(table.c.unit.in_(scored), *in_force)):
        found.setdefault(row.unit, []).append((row.scheme, row.value))
    return {unit: name for unit, identifiers in found.items() if (name := official_name(identifiers))}


async def frozen(session: ReadSession, campaign: str) -> Any:
    """The newest frozen ranking's row, or None while there is none."""
    query = select(rankings).where(rankings.c.campaign == campaign).order_by(rankings.c.revision.desc()).limit(1)
    return (await session.execute(query)).one_or_none()


def clusters_of(row: Any) -> tuple[ClusterRanking, ...]:
    """The places that a frozen ranking holds."""
    return clusters_in(row.body)


def clusters_in(body: str) -> tuple[ClusterRanking, ...]:
    """The places in a frozen ranking's body."""
    return tuple(ClusterRanking.model_validate(cluster) for cluster in json.loads(body))


async def in_force(session: ReadSession, campaign: Campaign) -> tuple[str, tuple[ClusterRanking, ...]]:
    """(ranking_hash, clusters): the frozen ranking where there is one, else the current one."""
    if row := await frozen(session, campaign.code):
        return row.ranking_hash, clusters_of(row)
    found = await current(session, campaign)
    return ranking_hash(found), found
