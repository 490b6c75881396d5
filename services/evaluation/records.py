"""What is kept of a unit, row by row as it was heard, and the facts that its score is computed from."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from sqlalchemy import Table, bindparam, func, select

from services.evaluation.models import commitments, entries, holds, lifts, participations, reports, works
from services.evaluation.scoring.facts import Facts, Punctuality, WorksBelow
from services.evaluation.scoring.figures import Figure, Target
from shared import units
from shared.clock import local_date
from shared.columns import among
from shared.database import ReadSession, grouped, rows_among
from shared.events.campaign import Campaign, ScoreSheet
from shared.events.registration import WorkStatus
from shared.shadows import original_of

DONE = {WorkStatus.COMPLETED, WorkStatus.UNVEILED}
MISSED = 0
"""The revision under which a missed round is kept: whatever is submitted later stands above it."""


@dataclass(frozen=True, slots=True)
class Record:
    """A participating unit: its cluster, sheet and facts, whether it is on hold, the newest report revision that counts, and the place
    among the campaign's rounds of the newest one with an accepted report (-1: none).
    """

    cluster: str
    sheet: ScoreSheet
    facts: Facts
    on_hold: bool
    report_revision: int
    reported: int


def closing_day(campaign: Campaign) -> date:
    """The day by whose names, parents and identifiers a movement's ranking is made, whatever is reorganised later."""
    return local_date(campaign.ends_at)


async def of_units(session: ReadSession, campaign: Campaign, among: Sequence[str]) -> dict[str, Record]:
    """All that is known of participating units; a unit whose registration or cluster's sheet is not known is left out.

    In a shadow who takes part, with which targets and works, is as in earnest; what was reported and decided is the shadow's own.
    """
    earnest = original_of(campaign.code)
    members = {row.unit: row for row in await about(session, participations, earnest, among)}
    sheets = {unit: sheet for unit, row in members.items() if (sheet := campaign.sheet_of(row.cluster))}
    kept = ((commitments, earnest), (works, earnest), (entries, campaign.code))
    rows = {table: await by_unit(session, table, code, sheets) for table, code in kept}
    reported_by = grouped(await _current_reports(session, campaign.code, sheets), "unit")
    held = await on_hold(session, campaign.code, sheets)
    found = {}
    for unit, sheet in sheets.items():
        reported = reported_by[unit]
        facts = Facts(
            targets=targets_of(rows[commitments][unit]),
            figures=figures_of(campaign, reported),
            punctuality=punctuality_of(reported),
            works_done=sum(map(_done, rows[works][unit])),
            works_below=await _works_below(session, campaign, unit, sheet),
            **_entered(rows[entries][unit]),
        )
        current = newest(reported)
        counted = max((row.revision for row in current.values()), default=0)
        found[unit] = Record(members[unit].cluster, sheet, facts, unit in held, counted, _last_reported(campaign, current))
    return found


async def about(session: ReadSession, table: Table, campaign: str, among: Collection[str]) -> list[Any]:
    """A table's rows about some units of one campaign, in order of revision."""
    return sorted(await rows_among(session, table, "unit", among, campaign=campaign), key=lambda row: row.revision)


async def by_unit(session: ReadSession, table: Table, campaign: str, among: Collection[str]) -> defaultdict[str, list[Any]]:
    """The same by unit; units without rows have none."""
    return grouped(await about(session, table, campaign, among), "unit")


_LATER = reports.alias("later")
_COUNTED = [reports.c[name] for name in ("unit", "round", "revision", "status", "on_time", "figures")]
_CURRENT = select(*_COUNTED).where(
    reports.c.campaign == bindparam("campaign"),
    among(reports.c.unit, "units"),
    reports.c.revision
    == select(func.max(_LATER.c.revision))
    .where(_LATER.c.campaign == reports.c.campaign, _LATER.c.unit == reports.c.unit, _LATER.c.round == reports.c.round)
    .scalar_subquery(),
)


async def _current_reports(session: ReadSession, campaign: str, among: Collection[str]) -> Sequence[Any]:
    """The newest revision of each report: what a unit corrected before is not read again at each correction."""
    return (await session.execute(_CURRENT, {"campaign": campaign, "units": sorted(among)})).all()


def targets_of(committed: Iterable[Any]) -> dict[str, list[Target]]:
    """Every version of every commitment, by indicator, oldest version first, from rows in order of revision."""
    found: dict[str, list[Target]] = {}
    for row in committed:
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


def _last_reported(campaign: Campaign, current: Mapping[str, Any]) -> int:
    codes = [r.code for r in campaign.rounds]
    return max((codes.index(code) for code, row in current.items() if row.status == "accepted" and code in codes), default=-1)


def _figure(row: Any, value: Mapping[str, Any]) -> Figure:
    day = date.fromisoformat(value["as_of"])
    return Figure(row.round, Decimal(value["value"]), value["kind"], day, row.revision, value.get("note", ""))


def punctuality_of(reported: Iterable[Any]) -> Punctuality:
    """Rounds on time, late and missing, by their first submission; one that came after it was missed is late."""
    states = [row.status if row.revision == MISSED else row.on_time for row in newest(reported).values()]
    return Punctuality(on_time=states.count(True), late=states.count(False), missing=states.count("missed"))


def _done(work: Any) -> bool:
    """True for a work that is confirmed and completed, or bears its plaque already."""
    return bool(work.confirmed) and work.status in DONE


async def _works_done(session: ReadSession, campaign: Campaign, owners: Iterable[str]) -> Counter[str]:
    found = await rows_among(session, works, "unit", owners, campaign=original_of(campaign.code))
    return Counter(work.unit for work in found if _done(work))


async def _works_below(session: ReadSession, campaign: Campaign, unit: str, sheet: ScoreSheet) -> list[WorksBelow]:
    """The duty of each unit below, at the movement's close; read only where a criterion looks below."""
    if not any(criterion.of_descendants for criterion in sheet.criteria):
        return []
    below = await units.on_day(session, closing_day(campaign), await units.descendants(session, unit, closing_day(campaign)))
    done = await _works_done(session, campaign, below)
    duties = {str(duty.kind): duty.required for duty in campaign.work_duties}
    return [WorksBelow(duties.get(known.kind, 0), done[known.id]) for known in below.values()]


def _entered(entered: Iterable[Any]) -> dict[str, dict[str, Any]]:
    levels: dict[str, str] = {}
    adjustments: dict[str, Decimal] = {}
    for row in entered:
        if row.level is not None:
            levels[row.criterion] = row.level
        if row.points is not None:
            adjustments[row.criterion] = row.points
    return {"levels": levels, "adjustments": adjustments}


async def on_hold(session: ReadSession, campaign: str, among: Collection[str]) -> set[str]:
    """The units on which a hold was placed and not lifted."""
    return set(await session.scalars(_HELD, {"campaign": campaign, "units": sorted(among)}))


_HELD = (
    select(holds.c.unit)
    .outerjoin(lifts, lifts.c.hold == holds.c.hold)
    .where(holds.c.campaign == bindparam("campaign"), among(holds.c.unit, "units"), lifts.c.hold.is_(None))
)
