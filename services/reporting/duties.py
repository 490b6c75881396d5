"""What one unit owes and has done, round by round; what is due comes first."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select

from services.reporting import completeness, openings
from services.reporting.completeness import Standing
from services.reporting.models import versions
from services.reporting.sheets import RETURNED
from shared.database import ReadSession
from shared.events.campaign import Campaign, Round
from shared.messages import Fault

URGENT = (Standing.RETURNED, Standing.WAITING, Standing.MISSING)


@dataclass(frozen=True, slots=True)
class Duty:
    """A round as one unit sees it. `returned`: the version that sent the report back; `locked`: why no report is taken now."""

    round: Round
    standing: Standing
    owed: bool
    report: Any
    returned: Any
    locked: Fault | None

    @property
    def urgent(self) -> bool:
        """True when the unit has something to do and still can."""
        return self.locked is None and self.standing in URGENT


async def of_unit(session: ReadSession, campaign: Campaign, unit: str, now: datetime) -> list[Duty]:
    """The rounds that have opened: what is urgent first (returned ones, then by deadline), then the newest."""
    opened = [round for round in campaign.rounds if round.opens_at <= now]
    lines = {line.round: line for line in await completeness.lines(session, campaign, now, opened) if line.unit == unit}
    found = []
    for round in opened:
        line = lines.get(round.code)
        if line is not None:
            returned = await _last_return(session, line.report)
            locked = await openings.reason_locked(session, campaign, round, unit, now)
            found.append(Duty(round, line.standing, line.owed, line.report, returned, locked))
    return sorted(found, key=_order)


def _order(duty: Duty) -> tuple[int, float]:
    if duty.urgent:
        return (URGENT.index(duty.standing), duty.round.deadline.timestamp())
    return (len(URGENT), -duty.round.deadline.timestamp())


async def _last_return(session: ReadSession, report: Any) -> Any:
    if report is None or report.status != RETURNED:
        return None
    query = select(versions).where(versions.c.report == report.report, versions.c.revision == report.revision)
    return (await session.execute(query)).one()


def next_round(campaign: Campaign, now: datetime) -> Round | None:
    """The next round to open."""
    return min((r for r in campaign.rounds if r.opens_at > now), key=lambda r: r.opens_at, default=None)
