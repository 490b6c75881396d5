"""What a batch's events say is noted as they come and answered together, in a fixed number of statements."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from services.notification import letters, matters, participants, reports, settlements
from services.notification.letters import Note, Origin
from services.notification.reports import Told
from shared.database import WriteSession
from shared.events.registration import ParticipationEvent, UnitChanged
from shared.inbox import lock

LETTERS = ("notification letters",)
"""The key under which letters are written: by one transaction at a time."""
_NOTES = "notes"


async def note(session: WriteSession, event: Any, origin: Origin) -> None:
    """Keep an event for `answer`. What was noted before of another kind is answered before: it may bear on this one."""
    noted: list[Note[Any]] = session.info.get(_NOTES, [])
    if noted and _answerer(noted[0].event) is not _answerer(event):
        await lock(session, LETTERS)
        await answer(session)
    session.info.setdefault(_NOTES, []).append(Note(event, origin))


async def answer(session: WriteSession) -> None:
    """Keep what the noted events say, write the letters that follow and settle those whose matter is over.

    `LETTERS` is held. Whoever reads what they say, or writes letters of their own, has them answered first. Each is judged by what the ones before
    it said.
    """
    noted: list[Note[Any]] = session.info.pop(_NOTES, [])
    if noted:
        await _answerer(noted[0].event)(session, noted)
        await session.flush()


def _answerer(event: Any) -> Callable[[WriteSession, Sequence[Note[Any]]], Awaitable[None]]:
    if isinstance(event, ParticipationEvent):
        return participants.answer
    return letters.find_superiors if isinstance(event, UnitChanged) else _answer_reports_and_matters


async def _answer_reports_and_matters(session: WriteSession, noted: Sequence[Note[Any]]) -> None:
    """That letters are settled last changes nothing, for none is written about what is known to be over."""
    of_reports = [each for each in noted if isinstance(each.event, Told)]
    of_matters = [each for each in noted if not isinstance(each.event, Told)]
    drafts = await reports.take(session, of_reports) if of_reports else []
    drafts += await matters.take(session, of_matters) if of_matters else []
    await letters.compose(session, drafts)
    over = await reports.answered(session, of_reports) if of_reports else {}
    over |= await matters.over(session, of_matters) if of_matters else {}
    await settlements.settle_each(session, over)
