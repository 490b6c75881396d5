"""The audit trail in the page: who did what and when, filtered, and whether the chain of entries still holds."""

import json
from collections.abc import Iterable
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse
from sqlalchemy import Select, select

from shared import campaigns, units
from shared.audit import audit, verify
from shared.clock import local_date
from shared.database import ReadSession
from shared.events.registration import Role
from shared.security import Officer, SignedIn
from shared.service import Here
from shared.settings import SERVICES
from shared.web.actions import ACTIONS
from shared.web.pages import render
from shared.web.strict_json import clean_text

READERS = (Role.AUDITOR, Role.SECRETARY, Role.OPERATOR)
"""They read everybody's entries; all others their own unit's."""
PAGE = 50

router = APIRouter(include_in_schema=False)


def _entries(officer: Officer, action: str, who: str, before: int | None) -> Select[Any]:
    query = select(audit).order_by(audit.c.number.desc()).limit(PAGE + 1)
    if not officer.holds(*READERS):
        query = query.where(audit.c.unit == officer.unit)
    if action:
        query = query.where(audit.c.action == action)
    if who:
        query = query.where(audit.c.actor_name.contains(who, autoescape=True))
    return query if before is None else query.where(audit.c.number < before)


async def _actions(session: ReadSession, officer: Officer) -> list[str]:
    query = select(audit.c.action).distinct()
    if not officer.holds(*READERS):
        query = query.where(audit.c.unit == officer.unit)
    return sorted(await session.scalars(query))


@router.get("/audit")
async def trail(
    request: Request, officer: SignedIn, service: Here, action: str = "", who: Annotated[str, Query(max_length=100)] = "",
    before: int | None = None,
) -> HTMLResponse:
    """The newest entries first, fifty at a time."""
    async with service.database.read() as session:
        rows = list(await session.execute(_entries(officer, action, clean_text(who.strip(), "who"), before)))
        actions = await _actions(session, officer)
        names = await units.on_day(session, local_date(service.now()), {row.unit for row in rows})
        newest = next(iter(await campaigns.listed(session)), None)
    return render(
        request, "common/audit.html", rows=_told(rows[:PAGE]), names=names, more=rows[PAGE - 1].number if len(rows) > PAGE else None,
        actions=actions, words=ACTIONS, action=action, who=who, services=SERVICES, everybody=officer.holds(*READERS), campaign=newest,
    )


def _told(rows: Iterable[Any]) -> list[tuple[Any, list[tuple[str, str]]]]:
    """Each entry with its details as (name, text) pairs."""
    return [(row, [(name, _text(value)) for name, value in json.loads(row.details).items()]) for row in rows]


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


@router.get("/audit/chain")
async def chain(request: Request, officer: SignedIn, service: Here) -> HTMLResponse:
    """Reads the whole chain again and says whether it holds; asked by the page after it is shown, since this may take a second."""
    officer.must_hold(*READERS)
    async with service.database.read() as session:
        read, broken = await verify(session)
    return render(request, "common/audit_chain.html", read=read, broken=broken)
