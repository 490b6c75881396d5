"""The path of a trace through a service, from rows that stay when the trace itself has expired: what was heard, what was said, when."""

import re
from datetime import datetime
from typing import Any, NamedTuple

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse
from sqlalchemy import Column, Select, func, select

from shared.columns import end_of_trace
from shared.database import ReadSession
from shared.inbox import inbox
from shared.messages import Fault, Message, NotFound
from shared.outbox import outbox
from shared.security import SignedIn
from shared.service import Here
from shared.web.events import READERS
from shared.web.pages import render

router = APIRouter(include_in_schema=False)

TRACE = re.compile(r"[0-9a-f]{32}")
SHOWN = 200


class Step(NamedTuple):
    """An event on its way: applied here at `at`, or recorded here at `at` and published at `sent`."""

    at: datetime
    type: str
    event: str
    said: bool
    sent: datetime | None = None


def heard(trace: str) -> Select[Any]:
    """What a service applied of a trace, first things first."""
    return _of_trace(select(inbox.c.applied, inbox.c.type, inbox.c.id), inbox.c.traceparent, trace).order_by(inbox.c.applied, inbox.c.id)


def said(trace: str) -> Select[Any]:
    """What a service said of a trace, first things first."""
    query = select(outbox.c.recorded, outbox.c.type, outbox.c.id, outbox.c.sent)
    return _of_trace(query, outbox.c.traceparent, trace).order_by(outbox.c.recorded, outbox.c.id)


def _of_trace(query: Select[Any], traceparent: Column[Any], trace: str) -> Select[Any]:
    return query.where(end_of_trace(traceparent) == trace[-12:], func.substr(traceparent, 4, 32) == trace).limit(SHOWN + 1)


async def steps(session: ReadSession, trace: str) -> list[Step]:
    """The steps of a trace in this service, in their order: one more than is shown, where there are more."""
    found = [Step(row.applied, row.type, row.id, said=False) for row in await session.execute(heard(trace))]
    found += [Step(row.recorded, row.type, row.id, said=True, sent=row.sent) for row in await session.execute(said(trace))]
    return sorted(found, key=lambda step: (step.at, step.said))[: SHOWN + 1]


@router.get("/fragments/path/{trace}")
async def path(request: Request, officer: SignedIn, service: Here, trace: str) -> HTMLResponse:
    """The part of a path that lies in the service: types and times, and nothing of what was said.

    Whoever is signed in may see it: a trace's number is random, and stands only on pages of events and figures that one may read.
    """
    if not TRACE.fullmatch(trace):
        raise NotFound(Fault("trace", Message("Không có dấu vết này.")))
    async with service.database.read() as session:
        found = await steps(session, trace)
    more = len(found) > SHOWN
    return render(request, "common/path_fragment.html", steps=found[:SHOWN], more=more, shown=SHOWN, sees_events=officer.holds(*READERS))
