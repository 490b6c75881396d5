"""Completeness and timeliness: who owes what in a round, what came on time, late or not at all, and the books of a campaign."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import select

from services.reporting import ledger, participants
from services.reporting.models import reports
from services.reporting.rules.timeliness import Hold, owes
from services.reporting.sheets import RETURNED
from shared import units
from shared.clock import local_date
from shared.database import ReadSession
from shared.events.campaign import Campaign, Round
from shared.units import KnownUnit


class Standing(StrEnum):
    """Where a unit stands in a round. Returned: it had submitted, and owes a new revision."""

    ON_TIME = "on-time"
    LATE = "late"
    RETURNED = "returned"
    WAITING = "waiting"
    MISSING = "missing"
    ON_HOLD = "on-hold"


@dataclass(frozen=True, slots=True)
class Line:
    """One unit in one round. `owed`: it took part before the deadline and was not on hold then."""

    unit: str
    cluster: str
    round: str
    owed: bool
    standing: Standing
    report: Any = None


async def lines(session: ReadSession, campaign: Campaign, now: datetime, among: Iterable[Round] | None = None) -> list[Line]:
    """Every unit that takes part, in each of the rounds (all, if none are named)."""
    members = await participants.listed(session, campaign.code)
    on_hold = await participants.holds_of(session, campaign.code)
    rows = await session.execute(select(reports).where(reports.c.campaign == campaign.code))
    submitted = {(row.unit, row.round): row for row in rows}
    return [
        _line(member, on_hold.get(unit, []), round, submitted.get((unit, round.code)), now)
        for round in (campaign.rounds if among is None else among)
        for unit, member in members.items()
        if member.since < round.deadline or (unit, round.code) in submitted
    ]


def _line(member: Any, on_hold: list[Hold], round: Round, report: Any, now: datetime) -> Line:
    """Before the deadline a hold counts as it stands now."""
    owed = member.since < round.deadline and owes(member.since, on_hold, min(now, round.deadline))
    return Line(member.unit, member.cluster, round.code, owed, _standing(owed, round, report, now), report)


def _standing(owed: bool, round: Round, report: Any, now: datetime) -> Standing:
    if report is not None:
        if report.status == RETURNED:
            return Standing.RETURNED
        return Standing.ON_TIME if report.on_time else Standing.LATE
    if not owed:
        return Standing.ON_HOLD
    return Standing.MISSING if now >= round.deadline else Standing.WAITING


@dataclass(frozen=True, slots=True)
class Tally:
    """Counts over unit-rounds. expected = received + missing; received = on_time + late, by the first submission.

    `unasked`: submitted by units that owed nothing (on hold at the deadline); in no other count. Returned and corrected count those of
    the received that were returned at least once, or accepted more than once.
    """

    expected: int
    received: int
    on_time: int
    late: int
    missing: int
    returned: int
    corrected: int
    unasked: int


def tally(found: Iterable[Line]) -> Tally:
    """Count lines."""
    listed = list(found)
    owed = [line for line in listed if line.owed]
    came = [line.report for line in owed if line.report is not None]
    return Tally(
        expected=len(owed),
        received=len(came),
        on_time=sum(report.on_time for report in came),
        late=sum(not report.on_time for report in came),
        missing=len(owed) - len(came),
        returned=sum(report.returns > 0 for report in came),
        corrected=sum(report.acceptances > 1 for report in came),
        unasked=sum(line.report is not None for line in listed if not line.owed),
    )


async def books(session: ReadSession, campaign: Campaign, now: datetime) -> dict[str, Any]:
    """The campaign's counts over all rounds whose deadline has passed, and those of partners' events.

    `open` counts the reports of rounds that still run; they enter the other counts at the deadline.
    """
    passed = [round for round in campaign.rounds if round.deadline <= now]
    running = [round for round in campaign.rounds if round.opens_at <= now < round.deadline]
    counts = tally(await lines(session, campaign, now, passed))
    in_hand = sum(line.report is not None for line in await lines(session, campaign, now, running))
    names = Tally.__dataclass_fields__
    return {name: getattr(counts, name) for name in names} | {"open": in_hand, "observations": await ledger.counts(session)}


async def names(session: ReadSession, now: datetime) -> dict[str, KnownUnit]:
    """Units by id as they are now."""
    return await units.on_day(session, local_date(now))
