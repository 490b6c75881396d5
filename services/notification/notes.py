"""What a batch's events say of reports and matters is noted as they come and answered together, in a fixed number of statements."""

from typing import Any

from services.notification import letters, matters, reports, settlements
from services.notification.letters import Note, Origin
from services.notification.matters import Matter
from services.notification.reports import Told
from shared.database import WriteSession


def note(session: WriteSession, event: Told | Matter, origin: Origin) -> None:
    """Keep an event for `answer`."""
    session.info.setdefault("notes", []).append(Note(event, origin))


async def answer(session: WriteSession) -> None:
    """Keep what the noted events say, write the letters that follow and settle those whose matter is over.

    Whoever reads what they say, or writes letters of their own, has them answered first. Each is judged by what the ones before
    it said; that letters are settled last changes nothing, for none is written about what is known to be over.
    """
    noted: list[Note[Any]] = session.info.pop("notes", [])
    if not noted:
        return
    of_reports = [each for each in noted if isinstance(each.event, Told)]
    of_matters = [each for each in noted if not isinstance(each.event, Told)]
    drafts = await reports.take(session, of_reports) if of_reports else []
    drafts += await matters.take(session, of_matters) if of_matters else []
    await letters.compose(session, drafts)
    over = await reports.answered(session, of_reports) if of_reports else {}
    over |= await matters.over(session, of_matters) if of_matters else {}
    await settlements.settle_each(session, over)
    await session.flush()
