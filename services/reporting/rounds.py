"""Rounds open and close by the clock, each once, in the order of time; at the deadline who is missing is told."""

from collections.abc import AsyncIterator, Iterator
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Select, and_, case, exists, func, insert, select, update

from services.reporting import participants
from services.reporting.models import participants as participants_table
from services.reporting.models import reports, rounds
from shared import campaigns, outbox
from shared.database import CHUNK, ReadSession, WriteSession, look_anew
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
    await look_anew(session, participants_table, reports)
    due = participants.due(campaign.code, round.deadline, await participants.held_at(session, campaign.code, round.deadline))
    counts = await _counts(session, due, round)
    revision = int(await session.scalar(select(rounds.c.revision).where(*this)) or 0) + 1
    await session.execute(update(rounds).where(*this).values(revision=revision, closed_at=at, **counts))
    event = RoundClosed(campaign=campaign.code, round=round.code, revision=revision, deadline=round.deadline, **counts)
    await outbox.record(session, event, at)
    async for unit in _missing(session, due, round):
        missed = ReportMissed(campaign=campaign.code, unit=unit, round=round.code, revision=1, deadline=round.deadline)
        await outbox.record(session, missed, at)


async def _counts(session: ReadSession, due: Select[Any], round: Round) -> dict[str, int]:
    """How many owe a report, have submitted it on time, or not at all; counted by the database, for they may be a million."""
    owing = due.subquery()
    came = and_(reports.c.campaign == owing.c.campaign, reports.c.unit == owing.c.unit, reports.c.round == round.code)
    query = select(
        func.count().label("expected"),
        func.count(case((reports.c.on_time, 1))).label("on_time"),
        func.count(case((reports.c.report.is_(None), 1))).label("missing"),
    ).select_from(owing.outerjoin(reports, came))
    return dict((await session.execute(query)).one()._mapping)  # noqa: SLF001 - a row's public mapping is called so


async def _missing(session: WriteSession, due: Select[Any], round: Round) -> AsyncIterator[str]:
    """The units that owe a report and submitted none, in order; what was recorded of those before is written meanwhile."""
    came = reports.c.campaign == participants_table.c.campaign, reports.c.unit == participants_table.c.unit
    silent = due.where(~exists().where(*came, reports.c.round == round.code)).order_by(participants_table.c.unit).limit(CHUNK)
    last = ""
    while found := list(await session.execute(silent.where(participants_table.c.unit > last))):
        for row in found:
            yield row.unit
        last = found[-1].unit
        await outbox.write(session)


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
