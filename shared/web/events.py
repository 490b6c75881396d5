"""From an event's id to the event: what was said, when it left, which trace it belongs to, when it was applied here."""

import json
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse
from sqlalchemy import func, select

from shared.database import ReadSession, row_of
from shared.events.registration import Role
from shared.inbox import inbox
from shared.messages import Fault, Message, NotFound
from shared.outbox import outbox
from shared.security import SignedIn
from shared.service import Here
from shared.settings import SERVICES
from shared.shadows import is_shadow
from shared.telemetry import trace_id_of
from shared.web.pages import render

READERS = (Role.OPERATOR, Role.AUDITOR, Role.SECRETARY)

router = APIRouter(include_in_schema=False)


async def heard_of(session: ReadSession, event: str) -> Any:
    """The inbox's row of an event, or None: asked of one source after the other, for with them its key begins, and they are few."""
    source = ""
    while source := await session.scalar(select(func.min(inbox.c.source)).where(inbox.c.source > source)) or "":
        if row := await row_of(session, inbox, source=source, id=event):
            return row
    return None


@router.get("/events/{event}")
async def shown(request: Request, officer: SignedIn, service: Here, event: str) -> HTMLResponse:
    """What this service recorded or applied under this id."""
    officer.must_hold(*READERS)
    async with service.database.read() as session:
        said = (await session.execute(select(outbox).where(outbox.c.id == event))).one_or_none()
        heard = await heard_of(session, event)
    if said is None and heard is None:
        raise NotFound(Fault("event", Message("Dịch vụ này không biết sự kiện {event}.", event=event[:100])))
    body = json.dumps(json.loads(said.body), ensure_ascii=False, indent=2) if said else ""
    known: Any = said or heard
    trace = trace_id_of(known.traceparent) or ""
    return render(
        request, "common/event.html", event=event, said=said, heard=heard, body=body, trace=trace, trial=said is not None and is_shadow(said.campaign),
        trace_page=service.settings.trace_page, services=SERVICES,
    )
