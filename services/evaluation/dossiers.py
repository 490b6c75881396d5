"""All that is shown of one unit: score and lines, figures against targets, alarms, history, units below."""

from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any, NamedTuple

from sqlalchemy import func, select

from services.evaluation import holds, kept, records, scores
from services.evaluation.models import (
    commitments,
    discrepancies,
    findings,
    letters,
    observations,
    participations,
    reports,
    warnings,
)
from services.evaluation.records import closing_day
from services.evaluation.scoring.attainment import attainment, lower_is_better
from services.evaluation.scoring.exact import HUNDRED, rounded
from services.evaluation.scoring.figures import Figure, Target, in_force
from services.evaluation.scoring.pace import projection
from shared import units
from shared.columns import one_of
from shared.database import ReadSession
from shared.events.campaign import Campaign, Criterion, Indicator, UnitOfMeasure
from shared.events.evaluation import RankedUnit

LISTED = 200
"""How many units below a head's page lists: who has more looks at the league table too."""


class Line(NamedTuple):
    """A criterion's line of the score as it is shown: points of the sheet, and what they contribute to the score of 100."""

    criterion: Criterion
    indicator: Indicator | None
    assigned: bool
    points: Decimal | None
    max_points: Decimal
    contribution: Decimal
    evidence: Mapping[str, Any]


class Course(NamedTuple):
    """One indicator: targets (oldest version first), figures by round, where it leads, what others say."""

    indicator: Indicator
    unit_of_measure: UnitOfMeasure | None
    target: Target
    versions: Sequence[Any]
    figures: Sequence[Figure]
    percent: Decimal | None
    projected: Decimal | None
    vintages: Sequence[Any]
    observations: Sequence[Any]
    disputed: bool
    warning: Any
    finding: Any

    @property
    def falls(self) -> bool:
        """True where lower is better."""
        return lower_is_better(self.indicator)


class Dossier(NamedTuple):
    """A unit's whole page."""

    unit: units.KnownUnit | None
    row: Any
    place: RankedUnit | None
    members: int
    lines: Sequence[Line]
    courses: Sequence[Course]
    history: Sequence[Any]
    holds: Sequence[Any]
    told: Mapping[str, datetime]


async def of_unit(session: ReadSession, campaign: Campaign, unit: str) -> Dossier:
    """Read a unit's page; parts of it are empty for a unit that does not take part."""
    row = await scores.of_unit(session, campaign.code, unit)
    place, members = await place_of(session, campaign, unit)
    return Dossier(
        unit=await units.known(session, unit, closing_day(campaign)),
        row=row,
        place=place,
        members=members,
        lines=_lines(campaign, row) if row else (),
        courses=await _courses(session, campaign, unit),
        history=await scores.history_of(session, campaign.code, unit),
        holds=await holds.of_unit(session, campaign.code, unit),
        told=await told_at(session, campaign.code, [unit]),
    )


async def place_of(session: ReadSession, campaign: Campaign, unit: str) -> tuple[RankedUnit | None, int]:
    """(a unit's place in force, members of its cluster); (None, 0) for one that stands nowhere."""
    places = await kept.in_force(session, campaign)
    cluster = (await places.cluster_of([unit])).get(unit)
    return (await places.of([unit])).get(unit), places.members.get(cluster or "", 0)


def _lines(campaign: Campaign, row: Any) -> list[Line]:
    sheet = campaign.sheet_of(row.cluster)
    known = {criterion.code: criterion for criterion in sheet.criteria} if sheet else {}
    return [_line(campaign, known[line["criterion"]], line) for line in row.lines if line["criterion"] in known]


def _line(campaign: Campaign, criterion: Criterion, line: Mapping[str, Any]) -> Line:
    return Line(
        criterion,
        campaign.indicator(criterion.indicator or ""),
        line["assigned"],
        None if line["points"] is None else Decimal(line["points"]),
        Decimal(line["max_points"]),
        Decimal(line["contribution"]),
        {name: date.fromisoformat(value) if name == "as_of" else value for name, value in line["evidence"].items()},
    )


async def _courses(session: ReadSession, campaign: Campaign, unit: str) -> list[Course]:
    code = campaign.code
    reported = await records.about(session, reports, code, [unit])
    kept = {table.name: await records.about(session, table, code, [unit]) for table in (commitments, observations, discrepancies, warnings, findings)}
    targets = records.targets_of(kept["commitments"])
    figures = records.figures_of(campaign, reported)
    return [
        _course(campaign, indicator, targets[indicator.code], figures.get(indicator.code, []), reported, kept)
        for indicator in campaign.indicators
        if indicator.code in targets
    ]


def _course(
    campaign: Campaign, indicator: Indicator, targets: list[Target], figures: list[Figure], reported: list[Any], kept: Mapping[str, list[Any]]
) -> Course:
    mine = {name: [row for row in rows if row.indicator == indicator.code] for name, rows in kept.items()}
    target = in_force(targets, figures[-1].as_of) if figures else targets[-1]
    return Course(
        indicator=indicator,
        unit_of_measure=campaign.unit_of_measure(indicator.unit_of_measure),
        target=target,
        versions=sorted(mine["commitments"], key=lambda row: row.revision),
        figures=figures,
        percent=rounded(attainment(indicator, target, figures[-1].value) * HUNDRED) if figures else None,
        projected=rounded(projection(campaign, indicator, figures)) if figures else None,
        vintages=_vintages(campaign, indicator.code, reported),
        observations=sorted(mine["observations"], key=lambda row: row.as_of, reverse=True),
        disputed=any(row.open for row in mine["discrepancies"]),
        warning=next((row for row in mine["warnings"] if row.open), None),
        finding=next((row for row in mine["findings"] if row.open), None),
    )


def _vintages(campaign: Campaign, indicator: str, reported: list[Any]) -> list[dict[str, Any]]:
    """Every figure ever reported, by round and revision: estimates and corrections stay readable."""
    order = {r.code: n for n, r in enumerate(campaign.rounds)}
    found = [
        {"round": campaign.round(row.round), "revision": row.revision, "at": row.at, **value}
        for row in reported
        for value in row.figures
        if value["indicator"] == indicator and row.round in order
    ]
    return sorted(found, key=lambda figure: (order[figure["round"].code], figure["revision"]))


async def told_at(session: ReadSession, campaign: str, among: Sequence[str]) -> dict[str, datetime]:
    """When the first letter about each warning reached the unit itself, by warning."""
    query = (
        select(letters.c.cause, func.min(letters.c.at).label("at"))
        .where(letters.c.campaign == campaign, letters.c.unit.in_(among))
        .group_by(letters.c.cause)
    )
    return {row.cause: row.at for row in await session.execute(query)}


class Below(NamedTuple):
    """A unit below, in a head's table."""

    unit: units.KnownUnit
    place: RankedUnit | None
    members: int
    warnings: int


class Subordinates(NamedTuple):
    """The units below that take part: how many, and the weakest of them."""

    number: int
    listed: Sequence[Below]


async def below(session: ReadSession, campaign: Campaign, unit: str) -> Subordinates:
    """The units below that take part, the weakest first, at most `LISTED` of them: who reads this must act."""
    under = units.below(unit, closing_day(campaign))
    taking_part = (participations.c.campaign == campaign.code, participations.c.unit.in_(under))
    number = int(await session.scalar(select(func.count()).select_from(participations).where(*taking_part)) or 0)
    if not number:
        return Subordinates(0, ())
    places = await kept.in_force(session, campaign)
    weakest = {p.unit: p for p in await places.weakest(under, LISTED)}
    unplaced = [] if len(weakest) in {number, LISTED} else set(await session.scalars(select(participations.c.unit).where(*taking_part))) - weakest.keys()
    listed = [*unplaced, *weakest]
    names = await units.on_day(session, closing_day(campaign), listed)
    clusters, warned = await places.cluster_of(listed), await _warned(session, campaign.code, listed)
    found = [
        Below(u, weakest.get(u.id), places.members.get(clusters.get(u.id, ""), 0), warned.get(u.id, 0)) for u in names.values()
    ]
    return Subordinates(number, sorted(found, key=lambda b: (b.place is not None, b.place.score if b.place else 0, b.unit.position)))


async def _warned(session: ReadSession, campaign: str, among: Collection[str]) -> dict[str, int]:
    query = (
        select(warnings.c.unit, func.count().label("number"))
        .where(warnings.c.campaign == campaign, warnings.c.open.is_(True), one_of(warnings.c.unit, among))
        .group_by(warnings.c.unit)
    )
    return {row.unit: row.number for row in await session.execute(query)}
