"""Reporting rounds: told when they open, reminded of while a report is missing, told to the superior when it stays so."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, and_, bindparam, exists, or_, select, update

from services.notification import letters, settlements
from services.notification.letters import Draft, Note, Origin
from services.notification.models import closed_rounds, holds, participants, rounds, submissions, to_escalate
from services.notification.models import letters as written
from services.notification.rules import ESCALATION, REMINDERS, days_left, escalates, reminder_due
from shared.columns import among
from shared.database import ReadSession, WriteSession, upsert
from shared.events.registration import ParticipationEvent, ParticipationStatus
from shared.events.reporting import RoundClosed, RoundOpened

BEFORE_DEADLINE = (*(rule.code for rule in REMINDERS), "round-opened")
"""Letters that mean nothing once the round is closed."""
PER_TICK = 5000
"""Units of a round reminded, and superiors told, in one transaction: a country's go on with the next minute."""

_AMONG = among(participants.c.unit, "units")
_ESCALATED = (
    update(submissions)
    .where(submissions.c.campaign == bindparam("in"), submissions.c.round == bindparam("for"), submissions.c.unit == bindparam("of"))
    .values(escalated=bindparam("now"))
)


async def opened(session: WriteSession, event: RoundOpened, origin: Origin) -> None:
    """Keep the newest state of a round and tell every unit that owes a report. A later deadline is told again."""
    row = {
        "campaign": event.campaign, "round": event.round, "revision": event.revision, "opened_at": origin.now,
        "cutoff": event.cutoff, "deadline": event.deadline, "event": origin.event,
    }  # fmt: skip
    if await upsert(session, rounds, [row], newer="revision"):
        await settlements.settle(session, settlements.settling(_about(event.campaign, event.round, written.c.revision < event.revision)), origin.now)
        for each in await _open(session, event.campaign, event.round):
            owing = await _owing(session, each, origin.now)
            await letters.compose(session, [_opened(each, unit, origin) for unit in owing])


async def closed(session: WriteSession, event: RoundClosed, origin: Origin) -> None:
    """The deadline passed: reminders that have not left never will."""
    row = {"campaign": event.campaign, "round": event.round, "revision": event.revision}
    await upsert(session, closed_rounds, [row], newer="revision")
    await settlements.settle(session, settlements.settling(_about(event.campaign, event.round)), origin.now)


async def tell_of_open(session: WriteSession, joined: Sequence[Note[ParticipationEvent]]) -> None:
    """Units owe reports from now on: tell them of the rounds that are open."""
    await session.flush()
    for campaign in sorted({event.campaign for event, _ in joined}):
        for each in await _open(session, campaign):
            origins = {event.unit: origin for event, origin in joined if event.campaign == campaign and origin.now < each.deadline}
            if origins:
                owing = await _owing(session, each, max(o.now for o in origins.values()), _AMONG, units=sorted(origins))
                await letters.compose(session, [_opened(each, unit, replace(origins[unit], event=each.event)) for unit in owing])


async def remind(session: WriteSession, now: datetime, traceparent: str | None) -> None:
    """On a tick: write the reminders that fall due, once per unit, round and offset, to units still missing only."""
    for each in await _open(session):
        rule = reminder_due(each.opened_at, each.deadline, now)
        if rule is None:
            if now >= each.deadline:
                await settlements.settle(session, settlements.settling(_about(each.campaign, each.round)), now)
            continue
        told = exists().where(
            written.c.rule == rule.code, written.c.campaign == each.campaign, written.c.unit == participants.c.unit,
            written.c.cause == each.round, written.c.revision == each.revision,
        )  # fmt: skip
        parameters = _parameters(each) | {"days": days_left(each.deadline, now)}
        origin = Origin(now, each.event, traceparent)
        drafts = [
            Draft(rule.code, each.campaign, unit, each.round, origin, each.revision, parameters)
            for unit in await _owing(session, each, now, ~told, limit=PER_TICK)
        ]
        await letters.compose(session, drafts)


async def escalate(session: WriteSession, now: datetime, traceparent: str | None) -> None:
    """On a tick: tell the superior of reports that are still missing a day after the deadline; the unit was told first."""
    query = select(submissions).where(to_escalate, submissions.c.missed <= now - ESCALATION, ~exists().where(*_on_hold(submissions, now)))
    found = (await session.execute(query.order_by(submissions.c.missed, submissions.c.unit).limit(PER_TICK))).all()
    late = [row for row in found if escalates(row.missed, now)]
    await letters.compose(session, [_overdue(row, Origin(now, row.event, traceparent)) for row in late])
    if late:
        await session.execute(_ESCALATED, [{"in": row.campaign, "for": row.round, "of": row.unit, "now": now} for row in late])


def _overdue(late: Row[Any], origin: Origin) -> Draft:
    parameters = {"round": late.round, "deadline": late.missed.isoformat()}
    return Draft("overdue-superior", late.campaign, late.unit, late.round, origin, parameters=parameters)


def _opened(each: Row[Any], unit: str, origin: Origin) -> Draft:
    return Draft("round-opened", each.campaign, unit, each.round, origin, each.revision, _parameters(each))


def _parameters(each: Row[Any]) -> dict[str, Any]:
    return {"round": each.round, "deadline": each.deadline.isoformat(), "cutoff": each.cutoff.isoformat()}


def _about(campaign: str, round: str, *more: ColumnElement[bool]) -> ColumnElement[bool]:
    """Letters that announce a round or remind of its deadline."""
    of_round = and_(written.c.campaign == campaign, written.c.cause == round)
    return and_(of_round, written.c.rule.in_(BEFORE_DEADLINE), *more)


async def _open(session: ReadSession, campaign: str | None = None, round: str | None = None) -> list[Row[Any]]:
    """Rounds that are not closed, all or those of a campaign, in the order of their deadlines."""
    shut = exists().where(
        closed_rounds.c.campaign == rounds.c.campaign, closed_rounds.c.round == rounds.c.round,
        closed_rounds.c.revision >= rounds.c.revision,
    )  # fmt: skip
    query = select(rounds).where(~shut).order_by(rounds.c.deadline)
    if campaign is not None:
        query = query.where(rounds.c.campaign == campaign)
    if round is not None:
        query = query.where(rounds.c.round == round)
    return list((await session.execute(query)).all())


async def _owing(session: ReadSession, each: Row[Any], now: datetime, *more: ColumnElement[bool], limit: int | None = None, **bound: Any) -> list[str]:
    """Units that owe the round's report and have not submitted it: approved, not on hold."""
    query: Select[tuple[str]] = select(participants.c.unit).where(
        participants.c.campaign == each.campaign,
        participants.c.status == ParticipationStatus.APPROVED,
        ~exists().where(
            submissions.c.campaign == each.campaign, submissions.c.round == each.round,
            submissions.c.unit == participants.c.unit, or_(submissions.c.accepted > 0, submissions.c.returned > 0),
        ),
        ~exists().where(*_on_hold(participants, now)),
        *more,
    )  # fmt: skip
    return list(await session.scalars(query.order_by(participants.c.unit).limit(limit), bound))


def _on_hold(of: Any, now: datetime) -> list[ColumnElement[bool]]:
    """Conditions of a hold that lasts at `now` for the row of `of`."""
    return [holds.c.campaign == of.c.campaign, holds.c.unit == of.c.unit, ~holds.c.lifted, holds.c.since <= now]
