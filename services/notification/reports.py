"""Reports as notification sees them: known, returned or missed; and the letters that follow or become needless."""

from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, and_, or_, select, update

from services.notification import letters
from services.notification.letters import Draft, Origin
from services.notification.models import letters as written
from services.notification.models import submissions
from services.notification.rules import UNTIL_REPORTED
from shared.database import WriteSession, insert_new
from shared.events.reporting import ReportAccepted, ReportMissed, ReportReturned

Key = tuple[str, str, str]
"""Campaign, round, unit."""


async def accepted(session: WriteSession, event: ReportAccepted, origin: Origin) -> None:
    """The report is known from now on: no reminder leaves any more, even if it is queued; an earlier return is answered."""
    key = event.campaign, event.round, event.unit
    await _raise_to(session, key, "accepted", event.revision)
    answered = and_(written.c.rule == "report-returned", written.c.cause == event.report, written.c.revision < event.revision)
    await _settle(session, key, or_(_asks_for(event.round), answered), origin.now)


async def returned(session: WriteSession, event: ReportReturned, origin: Origin) -> None:
    """The report went back; it was there, so nothing reminds of it, and the letter with the reason takes over."""
    key = event.campaign, event.round, event.unit
    known = await _raise_to(session, key, "returned", event.revision)
    await _settle(session, key, _asks_for(event.round), origin.now)
    if known.accepted <= event.revision:
        parameters = {"round": event.round, "reason": event.reason, "notes": list(event.notes)}
        draft = Draft("report-returned", event.campaign, event.unit, event.report, event.revision, parameters)
        await letters.compose(session, [draft], origin)


async def missed(session: WriteSession, event: ReportMissed, origin: Origin) -> None:
    """The deadline passed without a report: the unit is told now, its superior a day later if nothing comes."""
    key = event.campaign, event.round, event.unit
    known = await _row(session, key)
    await session.execute(update(submissions).where(_is(key)).values(missed=event.deadline, event=origin.event))
    if not (known.accepted or known.returned):
        parameters = {"round": event.round, "deadline": event.deadline.isoformat()}
        draft = Draft("overdue", event.campaign, event.unit, event.round, event.revision, parameters)
        await letters.compose(session, [draft], origin)


async def _row(session: WriteSession, key: Key) -> Row[Any]:
    campaign, round, unit = key
    empty = {"campaign": campaign, "round": round, "unit": unit, "accepted": 0, "returned": 0, "missed": None, "event": ""}
    await insert_new(session, submissions, [empty])
    return (await session.execute(select(submissions).where(_is(key)))).one()


async def _raise_to(session: WriteSession, key: Key, column: str, revision: int) -> Row[Any]:
    """Note the highest revision heard, whatever the order, and return what is known of the report."""
    await _row(session, key)
    lower = submissions.c[column] < revision
    await session.execute(update(submissions).where(_is(key), lower).values({column: revision}))
    return await _row(session, key)


def _is(key: Key) -> ColumnElement[bool]:
    campaign, round, unit = key
    return and_(submissions.c.campaign == campaign, submissions.c.round == round, submissions.c.unit == unit)


def _asks_for(round: str) -> ColumnElement[bool]:
    """Letters that the round's report settles."""
    return and_(written.c.cause == round, written.c.rule.in_(UNTIL_REPORTED))


async def _settle(session: WriteSession, key: Key, which: ColumnElement[bool], now: datetime) -> None:
    campaign, _, unit = key
    await letters.settle(session, and_(written.c.campaign == campaign, written.c.unit == unit, which), now)
