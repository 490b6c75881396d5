"""What the reports of some units are judged by, read table by table for all of them at once."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import and_, bindparam, select

from services.reporting.models import commitments, figures, observations, openings, participants, reports
from shared.columns import among
from shared.database import ReadSession, grouped, rows_among
from shared.shadows import original_of


@dataclass(frozen=True, slots=True)
class Background:
    """Rows about one unit: its participation (None: not approved), targets in every version, openings, reports and current observations.

    `figures`: by round the figures that were accepted last, in the order of the form, each with its report's status.
    """

    participant: Any
    committed: Sequence[Any]
    opened: Sequence[Any]
    reports: Mapping[str, Any]
    figures: Mapping[str, Sequence[Any]]
    observed: Sequence[Any]


_JUDGED = figures.c.indicator, figures.c.value, figures.c.kind, figures.c.as_of, figures.c.note
_FIGURES = (
    select(reports.c.unit, reports.c.round, reports.c.status, *_JUDGED)  # what judges and pages need: each column costs at every report
    .join(figures, and_(figures.c.report == reports.c.report, figures.c.revision == reports.c.accepted_revision))
    .where(reports.c.campaign == bindparam("campaign"), among(reports.c.unit, "units"))
    .order_by(figures.c.place)
)


async def of_units(session: ReadSession, campaign: str, among: Collection[str]) -> dict[str, Background]:
    """The background of each unit; of a unit nobody has heard of it is empty. In a shadow who takes part, with which targets, is as in earnest."""
    earnest = original_of(campaign)
    about = {
        table: grouped(await rows_among(session, table, "unit", among, campaign=code), "unit")
        for table, code in ((participants, earnest), (commitments, earnest), (openings, earnest), (reports, campaign))
    }
    seen = grouped(await rows_among(session, observations, "unit", among, campaign=campaign, current=True), "unit")
    given = grouped(await session.execute(_FIGURES, {"campaign": campaign, "units": sorted(among)}), "unit")
    return {
        unit: Background(
            next(iter(about[participants][unit]), None),
            about[commitments][unit],
            about[openings][unit],
            {row.round: row for row in about[reports][unit]},
            grouped(given[unit], "round"),
            seen[unit],
        )
        for unit in among
    }


async def of_unit(session: ReadSession, campaign: str, unit: str) -> Background:
    """The background of one unit."""
    return (await of_units(session, campaign, [unit]))[unit]
