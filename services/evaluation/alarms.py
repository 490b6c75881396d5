"""Early warnings and front-runners: what the figures say now against what was told before; only a difference is told."""

import uuid
from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Table, select

from services.evaluation.models import findings, warnings
from services.evaluation.records import Record
from services.evaluation.scoring.exact import rounded
from services.evaluation.scoring.pace import Lead, Outlook, Watch, watch
from shared import outbox
from shared.columns import one_of
from shared.database import ReadSession, WriteSession, upsert_later
from shared.events.campaign import Campaign
from shared.events.evaluation import FrontRunnerFound, FrontRunnerLost, WarningCleared, WarningRaised

NAMES = uuid.UUID("5a4b9f0e-6a52-5d3c-9e5b-2f6f1c1d7a10")
"""Names of warnings come from what they are about, so that a rebuild gives the same ones and letters still find them."""


class Told:
    """The means to tell something of one unit."""

    def __init__(self, session: WriteSession, campaign: str, unit: str, now: datetime) -> None:
        self.session, self.now = session, now
        self.about = {"campaign": campaign, "unit": unit}

    def name(self, kind: str, indicator: str, since: str) -> str:
        """The id of a warning or finding that began in a round."""
        return str(uuid.uuid5(NAMES, "|".join((kind, *self.about.values(), indicator, since))))


async def settle(
    told: Told, campaign: Campaign, record: Record, warned: Iterable[Any], found: Iterable[Any]
) -> dict[str, Watch]:
    """Raise, clear, find and lose what the unit's figures and targets call for now. Where a level is only to be kept, nobody leads.

    `warned`, `found`: what was told of the unit before, open or closed. Returns what is watched, by indicator.
    """
    watched: dict[str, Watch] = {}
    kept = {criterion.indicator for criterion in record.sheet.criteria if criterion.method == "keep"}
    for code, targets in record.facts.targets.items():
        indicator = campaign.indicator(code)
        if indicator is None:
            continue
        seen = watched[code] = watch(campaign, indicator, targets, record.facts.figures.get(code, ()))
        await _warn(told, code, seen, {row.warning: row for row in warned if row.indicator == code})
        await _lead(told, code, None if code in kept else seen.lead, {row.finding: row for row in found if row.indicator == code})
    return watched


async def _warn(told: Told, indicator: str, seen: Watch, rows: dict[str, Any]) -> None:
    wanted = told.name("warning", indicator, seen.raised.round) if seen.raised else ""
    for row in rows.values():
        if row.open and row.warning != wanted:
            await _clear(told, row, seen.latest)
    if seen.raised and seen.latest:
        await _raise(told, (wanted, indicator, seen.raised.round), seen.latest, rows.get(wanted))


async def _raise(told: Told, name: tuple[str, str, str], outlook: Outlook, row: Any) -> None:
    """A new warning is told; one already told only takes the newest numbers."""
    warning, indicator, since = name
    numbers = _numbers(outlook)
    if row is not None and row.open:
        if any(getattr(row, field) != value for field, value in numbers.items()):
            upsert_later(told.session, warnings, row._asdict() | numbers)
        return
    revision = row.revision + 1 if row else 1
    kept: dict[str, Any] = {"warning": warning, **told.about, "indicator": indicator, "revision": revision, **numbers}
    upsert_later(told.session, warnings, kept | {"round": since, "open": True, "raised_at": told.now, "cleared_at": None})
    await outbox.record(told.session, WarningRaised(**kept, round=outlook.round, at=told.now), told.now)


def _numbers(outlook: Outlook) -> dict[str, Decimal]:
    return {"projected": rounded(outlook.projected), "target": rounded(outlook.target), "percent": rounded(outlook.percent)}


async def _clear(told: Told, row: Any, outlook: Outlook | None) -> None:
    percent = rounded(outlook.percent) if outlook else row.percent
    kept = row._asdict() | {"revision": row.revision + 1, "open": False, "percent": percent, "cleared_at": told.now}
    upsert_later(told.session, warnings, kept)
    await outbox.record(told.session, WarningCleared(**kept, at=told.now), told.now)


async def _lead(told: Told, indicator: str, lead: Lead | None, rows: dict[str, Any]) -> None:
    wanted = told.name("front-runner", indicator, lead.since) if lead else ""
    for row in rows.values():
        if row.open and row.finding != wanted:
            kept = row._asdict() | {"revision": row.revision + 1, "open": False}
            upsert_later(told.session, findings, kept)
            await outbox.record(told.session, FrontRunnerLost(**kept, at=told.now), told.now)
    if lead:
        await _find(told, (wanted, indicator), lead, rows.get(wanted))


async def _find(told: Told, name: tuple[str, str], lead: Lead, row: Any) -> None:
    numbers = {"percent": rounded(lead.percent), "rounds": lead.rounds}
    if row is not None and row.open:
        if (row.percent, row.rounds) != (numbers["percent"], numbers["rounds"]):
            upsert_later(told.session, findings, row._asdict() | numbers)
        return
    revision = row.revision + 1 if row else 1
    kept: dict[str, Any] = {"finding": name[0], **told.about, "indicator": name[1], "revision": revision, **numbers}
    upsert_later(told.session, findings, kept | {"since": lead.since, "open": True, "found_at": told.now})
    await outbox.record(told.session, FrontRunnerFound(**kept, at=told.now), told.now)


async def open_warnings(session: ReadSession, campaign: str, visible: set[str] | None) -> list[Any]:
    """Open warnings about the visible units (None: all), the lowest percent first."""
    return sorted(await _open(session, warnings, campaign, visible), key=lambda row: (row.percent, row.unit, row.indicator))


async def open_findings(session: ReadSession, campaign: str, visible: set[str] | None) -> list[Any]:
    """Front-runners among the visible units (None: all), the highest percent first."""
    return sorted(await _open(session, findings, campaign, visible), key=lambda row: (-row.percent, row.unit, row.indicator))


async def _open(session: ReadSession, table: Table, campaign: str, visible: set[str] | None) -> list[Any]:
    query = select(table).where(table.c.campaign == campaign, table.c.open.is_(True))
    if visible is not None:
        query = query.where(one_of(table.c.unit, visible))
    return list(await session.execute(query))
