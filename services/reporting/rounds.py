"""Rounds open and close by the clock, each once, in the order of time; at the deadline who is missing is told."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import insert, select, update

from services.reporting import participants
from services.reporting.models import reports, rounds
from shared import campaigns, outbox
from shared.database import ReadSession, WriteSession
from shared.events.campaign import Campaign, Round
from shared.events.reporting import ReportMissed, RoundClosed, RoundOpened
from shared.messages import Fault, Message, NotFound


class Due(NamedTuple):
    """Something that a round owes the clock; opening sorts before closing at the same instant."""

    at: datetime
    closing: bool
    campaign: Campaign
    round: Round


async def on_tick(session: WriteSession, now: datetime) -> None:
    """Open and close every round whose time has come, the earliest first."""
    for campaign in await campaigns.listed(session):
        known = await states(session, campaign.code)
        for due in sorted(_due(campaign, known, now), key=lambda d: (d.at, d.closing)):
            await (close if due.closing else open_or_move)(session, due.campaign, due.round, due.at)


async def states(session: ReadSession, campaign: str) -> dict[str, Any]:
    """The rows of the rounds that have opened, by code."""
    return {row.round: row for row in await session.execute(select(rounds).where(rounds.c.campaign == campaign))}


def _due(campaign: Campaign, known: dict[str, Any], now: datetime) -> Iterator[Due]:
    for round in campaign.rounds:
        row = known.get(round.code)
        if row is not None and row.closed_at is not None:
            continue
        moved = row is not None and (row.deadline, row.cutoff) != (round.deadline, round.cutoff)
        if (row is None and round.opens_at <= now) or moved:
            yield Due(min(now, round.deadline) if moved else round.opens_at, False, campaign, round)
        if round.deadline <= now and (row is not None or round.opens_at <= now):
            yield Due(round.deadline, True, campaign, round)


async def open_or_move(session: WriteSession, campaign: Campaign, round: Round, at: datetime) -> None:
    """The round takes reports; told again when a new version of the campaign moved its deadline while it was open."""
    this = rounds.c.campaign == campaign.code, rounds.c.round == round.code
    revision = (await session.scalar(select(rounds.c.revision).where(*this)) or 0) + 1
    values = {"revision": revision, "cutoff": round.cutoff, "deadline": round.deadline}
    if revision == 1:
        await session.execute(insert(rounds).values(campaign=campaign.code, round=round.code, opened_at=at, **values))
    else:
        await session.execute(update(rounds).where(*this).values(**values))
    event = RoundOpened(campaign=campaign.code, round=round.code, revision=revision, cutoff=round.cutoff, deadline=round.deadline)
    await outbox.record(session, event, at)


async def close(session: WriteSession, campaign: Campaign, round: Round, at: datetime) -> None:
    """The deadline passed: count, and tell each unit that owes a report and has submitted none."""
    this = rounds.c.campaign == campaign.code, rounds.c.round == round.code
    due = await participants.due_units(session, campaign.code, round.deadline)
    submitted = await _first_submissions(session, campaign.code, round.code)
    missing = sorted(due.keys() - submitted.keys())
    counts = {
        "expected": len(due), "missing": len(missing),
        "on_time": sum(on_time for unit, on_time in submitted.items() if unit in due),
    }  # fmt: skip
    revision = int(await session.scalar(select(rounds.c.revision).where(*this)) or 0) + 1
    await session.execute(update(rounds).where(*this).values(revision=revision, closed_at=at, **counts))
    event = RoundClosed(campaign=campaign.code, round=round.code, revision=revision, deadline=round.deadline, **counts)
    await outbox.record(session, event, at)
    for unit in missing:
        missed = ReportMissed(campaign=campaign.code, unit=unit, round=round.code, revision=1, deadline=round.deadline)
        await outbox.record(session, missed, at)


async def _first_submissions(session: ReadSession, campaign: str, round: str) -> dict[str, bool]:
    query = select(reports.c.unit, reports.c.on_time).where(reports.c.campaign == campaign, reports.c.round == round)
    return {row.unit: row.on_time for row in await session.execute(query)}


def find(campaign: Campaign, code: str) -> Round:
    """The round of a campaign; raises `NotFound` that lists what there is."""
    found = campaign.round(code)
    if found is None:
        known = ", ".join(round.code for round in campaign.rounds)
        raise NotFound(
            Fault("round", Message("Không có kỳ báo cáo “{round}”.", round=code), Message("Các kỳ hiện có: {known}.", known=known))
        )
    return found


def state_of(row: Any) -> str:
    """announced, open or closed."""
    if row is None:
        return "announced"
    return "open" if row.closed_at is None else "closed"
