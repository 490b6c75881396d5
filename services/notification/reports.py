"""Reports as notification sees them: known, returned or missed; and the letters that follow or become needless."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import case, func
from sqlalchemy.dialects import postgresql, sqlite

from services.notification import settlements
from services.notification.letters import Draft, Note, Origin
from services.notification.models import submissions
from services.notification.rules import UNTIL_REPORTED
from shared.database import ReadSession, WriteSession, rows_among
from shared.events.reporting import ReportAccepted, ReportMissed, ReportReturned

Told = ReportAccepted | ReportReturned | ReportMissed
Key = tuple[str, str, str]
"""Campaign, unit, and the round or the report."""

RETURNED = "report-returned"
NOTHING: dict[str, Any] = {"accepted": 0, "returned": 0, "missed": None, "event": ""}


async def take(session: WriteSession, notes: Sequence[Note[Told]]) -> list[Draft]:
    """Keep what is said of reports; gives the letters that follow, each judged by what was known before it."""
    known = await _known(session, [note.event for note in notes if not isinstance(note.event, ReportAccepted)])
    drafts: list[Draft] = []
    for event, origin in notes:
        drafts += _heard(known.setdefault(_of_round(event), dict(NOTHING)), event, origin)
    statement = _keeping(session.get_bind().dialect.name)
    for campaign, unit, round in sorted(known):
        session.later(statement, {"campaign": campaign, "unit": unit, "round": round, **known[campaign, unit, round]})
    return drafts


async def answered(session: ReadSession, notes: Sequence[Note[Told]]) -> dict[Any, datetime]:
    """Open letters that need nothing any more, and since when.

    A report that was accepted or returned is there: nothing asks for it. A new revision answers an earlier return.
    """
    there: dict[Key, datetime] = {}
    answers: dict[Key, list[tuple[int, datetime]]] = {}
    for event, origin in notes:
        if not isinstance(event, ReportMissed):
            there.setdefault(_of_round(event), origin.now)
        if isinstance(event, ReportAccepted):
            answers.setdefault((event.campaign, event.unit, event.report), []).append((event.revision, origin.now))
    over = {}
    for letter in await settlements.open_about(session, {unit for _, unit, _ in there}, (*UNTIL_REPORTED, RETURNED)):
        key = letter.campaign, letter.unit, letter.cause
        since = settlements.since(letter, answers.get(key, ())) if letter.rule == RETURNED else there.get(key)
        if since:
            over[letter] = since
    return over


def _heard(row: dict[str, Any], event: Told, origin: Origin) -> Iterator[Draft]:
    """Note in `row` what an event says, the highest revisions whatever their order; gives the letter that follows."""
    if isinstance(event, ReportAccepted):
        row["accepted"] = max(row["accepted"], event.revision)
    elif isinstance(event, ReportReturned):
        row["returned"] = max(row["returned"], event.revision)
        if row["accepted"] <= event.revision:
            parameters = {"round": event.round, "reason": event.reason, "notes": list(event.notes)}
            yield Draft(RETURNED, event.campaign, event.unit, event.report, origin, event.revision, parameters)
    else:
        row |= {"missed": event.deadline, "event": origin.event}
        if not (row["accepted"] or row["returned"]):
            parameters = {"round": event.round, "deadline": event.deadline.isoformat()}
            yield Draft("overdue", event.campaign, event.unit, event.round, origin, event.revision, parameters)


def _of_round(event: Told) -> Key:
    return event.campaign, event.unit, event.round


async def _known(session: ReadSession, events: Sequence[Told]) -> dict[Key, dict[str, Any]]:
    """What is known of the reports that events are about whose letters depend on it; asked once per round."""
    units: dict[tuple[str, str], set[str]] = {}
    for event in events:
        units.setdefault((event.campaign, event.round), set()).add(event.unit)
    found: dict[Key, dict[str, Any]] = {}
    for (campaign, round), among in units.items():
        for row in await rows_among(session, submissions, "unit", among, campaign=campaign, round=round):
            found[campaign, row.unit, round] = {name: getattr(row, name) for name in NOTHING}
    return found


@cache
def _keeping(dialect: str) -> Any:
    """What is known of a report only grows: a row is inserted, or the one that is there takes what is higher or new."""
    statement: Any = sqlite.insert(submissions) if dialect == "sqlite" else postgresql.insert(submissions)
    new, old = statement.excluded, submissions.c
    return statement.on_conflict_do_update(
        index_elements=[old.campaign, old.round, old.unit],
        set_={
            **{name: case((new[name] > old[name], new[name]), else_=old[name]) for name in ("accepted", "returned")},
            "missed": func.coalesce(new.missed, old.missed),
            "event": case((new.event != "", new.event), else_=old.event),
        },
    )
