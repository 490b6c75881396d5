"""Reports as notification sees them: known, returned or missed; and the letters that follow or become needless."""

from datetime import datetime
from typing import Any

from sqlalchemy import and_, bindparam, or_

from services.notification import letters
from services.notification.letters import Draft, Origin, settling
from services.notification.models import letters as written
from services.notification.models import submissions
from services.notification.rules import UNTIL_REPORTED
from shared.database import WriteSession, row_of, upsert
from shared.events.reporting import ReportAccepted, ReportMissed, ReportReturned

Told = ReportAccepted | ReportReturned | ReportMissed

_ASKS = and_(
    written.c.campaign == bindparam("in_campaign"), written.c.unit == bindparam("of_unit"),
    written.c.cause == bindparam("of_round"), written.c.rule.in_(UNTIL_REPORTED),
)  # fmt: skip
"""Letters that the round's report settles."""
_ANSWERED = and_(
    written.c.campaign == bindparam("in_campaign"), written.c.unit == bindparam("of_unit"),
    written.c.cause == bindparam("of_report"), written.c.rule == "report-returned", written.c.revision < bindparam("before"),
)  # fmt: skip
"""Letters about an earlier return that a new revision answers."""
_BY_RETURN, _BY_REPORT = settling(_ASKS), settling(or_(_ASKS, _ANSWERED))


async def accepted(session: WriteSession, event: ReportAccepted, origin: Origin) -> None:
    """The report is known from now on: no reminder leaves any more, even if it is queued; an earlier return is answered."""
    await _note(session, event, accepted=event.revision)
    await letters.settle(session, _BY_REPORT, origin.now, **_about(event), of_report=event.report, before=event.revision)


async def returned(session: WriteSession, event: ReportReturned, origin: Origin) -> None:
    """The report went back; it was there, so nothing reminds of it, and the letter with the reason takes over."""
    known = await _note(session, event, returned=event.revision)
    await letters.settle(session, _BY_RETURN, origin.now, **_about(event))
    if known["accepted"] <= event.revision:
        parameters = {"round": event.round, "reason": event.reason, "notes": list(event.notes)}
        draft = Draft("report-returned", event.campaign, event.unit, event.report, event.revision, parameters)
        await letters.compose(session, [draft], origin)


async def missed(session: WriteSession, event: ReportMissed, origin: Origin) -> None:
    """The deadline passed without a report: the unit is told now, its superior a day later if nothing comes."""
    known = await _note(session, event, missed=event.deadline, event_id=origin.event)
    if not (known["accepted"] or known["returned"]):
        parameters = {"round": event.round, "deadline": event.deadline.isoformat()}
        draft = Draft("overdue", event.campaign, event.unit, event.round, event.revision, parameters)
        await letters.compose(session, [draft], origin)


async def _note(
    session: WriteSession, event: Told, *, accepted: int = 0, returned: int = 0, missed: datetime | None = None, event_id: str = ""
) -> dict[str, Any]:
    """Keep what is known of a unit's report for a round: the highest revisions heard, whatever their order."""
    keys = {"campaign": event.campaign, "round": event.round, "unit": event.unit}
    before = await row_of(session, submissions, **keys)
    known: dict[str, Any] = before._asdict() if before else keys | {"accepted": 0, "returned": 0, "missed": None, "event": ""}
    known |= {"accepted": max(known["accepted"], accepted), "returned": max(known["returned"], returned)}
    known |= {"missed": missed or known["missed"], "event": event_id or known["event"]}
    await upsert(session, submissions, [known])
    return known


def _about(event: Told) -> dict[str, Any]:
    return {"in_campaign": event.campaign, "of_unit": event.unit, "of_round": event.round}
