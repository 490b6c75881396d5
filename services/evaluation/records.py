"""What is kept of a unit, row by row as it was heard, and the facts that its score is computed from."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import cache
from typing import Any

from sqlalchemy import Select, Table, bindparam, select

from services.evaluation.models import commitments, entries, holds, lifts, participations, reports, works
from services.evaluation.scoring.facts import Facts, Punctuality, WorksBelow
from services.evaluation.scoring.figures import Figure, Target
from shared import units
from shared.clock import local_date
from shared.database import ReadSession
from shared.events.campaign import Campaign, ScoreSheet
from shared.events.registration import WorkStatus

DONE = {WorkStatus.COMPLETED, WorkStatus.UNVEILED}
MISSED = 0
"""The revision under which a missed round is kept: whatever is submitted later stands above it."""


@dataclass(frozen=True, slots=True)
class Record:
    """A participating unit: its cluster, sheet and facts, whether it is on hold, the newest report revision that counts."""

    cluster: str
    sheet: ScoreSheet
    facts: Facts
    on_hold: bool
    report_revision: int


def closing_day(campaign: Campaign) -> date:
    """The day by whose names, parents and identifiers a movement's ranking is made, whatever is reorganised later."""
    return local_date(campaign.ends_at)


async def of_unit(session: ReadSession, campaign: Campaign, unit: str) -> Record | None:
    """All that is known of a participating unit; None while its registration or its cluster's sheet is not known."""
    member = next(iter(await about(session, participations, campaign.code, unit)), None)
    sheet = campaign.sheet_of(member.cluster) if member else None
    if member is None or sheet is None:
        return None
    reported = sorted(await about(session, reports, campaign.code, unit), key=_revision)
    facts = Facts(
        targets=await targets_of(session, campaign, unit),
        figures=figures_of(campaign, reported),
        punctuality=punctuality_of(reported),
        works_done=sum(map(_done, await about(session, works, campaign.code, unit))),
        works_below=await _works_below(session, campaign, unit, sheet),
        **await _entered(session, campaign, unit),
    )
    counted = [row.revision for row in newest(reported).values()]
    return Record(member.cluster, sheet, facts, await is_on_hold(session, campaign.code, unit), max(counted, default=0))


@cache
def _about(table: Table) -> Select[Any]:
    """Built once per table: a score reads nine of them, thousands of times an hour."""
    return select(table).where(table.c.campaign == bindparam("campaign"), table.c.unit == bindparam("unit"))


async def about(session: ReadSession, table: Table, campaign: str, unit: str) -> list[Any]:
    """A table's rows about one unit of one campaign."""
    return list(await session.execute(_about(table), {"campaign": campaign, "unit": unit}))


def _revision(row: Any) -> int:
    return int(row.revision)


async def targets_of(session: ReadSession, campaign: Campaign, unit: str) -> dict[str, list[Target]]:
    """Every version of every commitment, by indicator, oldest version first."""
    found: dict[str, list[Target]] = {}
    for row in sorted(await about(session, commitments, campaign.code, unit), key=_revision):
        found.setdefault(row.indicator, []).append(Target(row.revision, row.baseline, row.target, row.effective_from))
    return found


def newest(reported: Iterable[Any]) -> dict[str, Any]:
    """The row of the highest revision for each round; `reported` comes in order of revision."""
    return {row.round: row for row in reported}


def figures_of(campaign: Campaign, reported: Iterable[Any]) -> dict[str, list[Figure]]:
    """The figures that count, by indicator, in the campaign's order of rounds.

    A returned report's figures are out until a newer revision comes; a value not known, or in another unit of measure, is no figure.
    """
    current = newest(reported)
    found: dict[str, list[Figure]] = {}
    for code in (r.code for r in campaign.rounds):
        row = current.get(code)
        for value in row.figures if row is not None and row.status == "accepted" else ():
            indicator = campaign.indicator(value["indicator"])
            if indicator and value["value"] is not None and value["unit_of_measure"] == indicator.unit_of_measure:
                found.setdefault(indicator.code, []).append(_figure(row, value))
    return found


def _figure(row: Any, value: Mapping[str, Any]) -> Figure:
    return Figure(row.round, Decimal(value["value"]), value["kind"], date.fromisoformat(value["as_of"]), row.revision)


def punctuality_of(reported: Iterable[Any]) -> Punctuality:
    """Rounds on time, late and missing, by their first submission; one that came after it was missed is late."""
    states = [row.status if row.revision == MISSED else row.on_time for row in newest(reported).values()]
    return Punctuality(on_time=states.count(True), late=states.count(False), missing=states.count("missed"))


def _done(work: Any) -> bool:
    """True for a work that is confirmed and completed, or bears its plaque already."""
    return bool(work.confirmed) and work.status in DONE


async def _works_done(session: ReadSession, campaign: Campaign, owners: Iterable[str]) -> Counter[str]:
    query = select(works).where(works.c.campaign == campaign.code, works.c.unit.in_(list(owners)))
    return Counter(work.unit for work in await session.execute(query) if _done(work))


async def _works_below(session: ReadSession, campaign: Campaign, unit: str, sheet: ScoreSheet) -> list[WorksBelow]:
    """The duty of each unit below, at the movement's close; read only where a criterion looks below."""
    if not any(criterion.of_descendants for criterion in sheet.criteria):
        return []
    below = await units.on_day(session, closing_day(campaign), await units.descendants(session, unit, closing_day(campaign)))
    done = await _works_done(session, campaign, below)
    duties = {str(duty.kind): duty.required for duty in campaign.work_duties}
    return [WorksBelow(duties.get(known.kind, 0), done[known.id]) for known in below.values()]


async def _entered(session: ReadSession, campaign: Campaign, unit: str) -> dict[str, dict[str, Any]]:
    levels: dict[str, str] = {}
    adjustments: dict[str, Decimal] = {}
    for row in sorted(await about(session, entries, campaign.code, unit), key=_revision):
        if row.level is not None:
            levels[row.criterion] = row.level
        if row.points is not None:
            adjustments[row.criterion] = row.points
    return {"levels": levels, "adjustments": adjustments}


_HELD = (
    select(holds.c.hold)
    .outerjoin(lifts, lifts.c.hold == holds.c.hold)
    .where(holds.c.campaign == bindparam("campaign"), holds.c.unit == bindparam("unit"), lifts.c.hold.is_(None))
    .limit(1)
)


async def is_on_hold(session: ReadSession, campaign: str, unit: str) -> bool:
    """True while a hold was placed on the unit and not lifted."""
    return bool(await session.scalar(_HELD, {"campaign": campaign, "unit": unit}))
