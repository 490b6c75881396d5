"""Where a unit's figure comes from: every report and every partner's event that gave it, the newest first."""

import json
from datetime import date, datetime
from decimal import Decimal
from typing import Any, NamedTuple

from sqlalchemy import and_, func, select

from services.reporting.forms import Reading
from services.reporting.models import figures, inbound, observations, reports, versions
from services.reporting.observations import OBSERVATION
from services.reporting.on_behalf import REPORT
from services.reporting.proposals import PROPOSAL
from services.reporting.scope import Named
from services.reporting.sheets import RETURNED
from shared import units
from shared.database import ReadSession, rows_of
from shared.telemetry import trace_id_of

CURRENT, SUPERSEDED = "current", "superseded"


class Source(NamedTuple):
    """One figure as it came in: by a unit's report, or from a partner beside it. `inbound` and `receipt` are those of a partner's event.

    `said`: the id that the partner gave its event; `event`: the one in which reporting told of a report; `trace`: in which everything about
    it happened, empty when nobody kept it. `state`: current, superseded by a later figure of the same round or day, or returned.
    """

    at: datetime
    value: Decimal | None
    unit_of_measure: str
    kind: str
    as_of: date
    channel: str
    by: str
    report: str | None
    client: str | None
    inbound: str | None
    receipt: str | None
    said: str | None
    event: str | None
    trace: str
    state: str


async def of_figure(session: ReadSession, campaign: str, unit: str, indicator: str) -> list[Source]:
    """Everything that was ever said of a unit's indicator."""
    found = [*await _reported(session, campaign, unit, indicator), *await _observed(session, campaign, unit, indicator)]
    return sorted(found, key=lambda source: source.at, reverse=True)


async def _reported(session: ReadSession, campaign: str, unit: str, indicator: str) -> list[Source]:
    query = (
        select(
            figures, versions.c.at, versions.c.channel, versions.c.actor_name, versions.c.event, inbound.c.id, inbound.c.receipt, inbound.c.client,
            inbound.c.event.label("said"), reports.c.accepted_revision, reports.c.status,
            func.coalesce(inbound.c.traceparent, versions.c.traceparent).label("traceparent"),
        )
        .join(reports, reports.c.report == figures.c.report)
        .join(versions, and_(versions.c.report == figures.c.report, versions.c.revision == figures.c.revision))
        .outerjoin(inbound, and_(inbound.c.effect == f"{REPORT}:" + figures.c.report, inbound.c.effect_revision == versions.c.revision))
        .where(reports.c.campaign == campaign, reports.c.unit == unit, figures.c.indicator == indicator)
        .order_by(figures.c.revision.desc())
    )
    return [_source(row, row.channel, row.actor_name, row.report, row.client, row.event, _standing(row)) for row in await session.execute(query)]


def _standing(row: Any) -> str:
    """Of a figure in a report: whether it is the one that counts for its round."""
    if row.revision != row.accepted_revision:
        return SUPERSEDED
    return RETURNED if row.status == RETURNED else CURRENT


async def _observed(session: ReadSession, campaign: str, unit: str, indicator: str) -> list[Source]:
    query = (
        select(observations, inbound.c.id, inbound.c.receipt, inbound.c.traceparent, inbound.c.event.label("said"))
        .outerjoin(inbound, and_(inbound.c.effect == f"{OBSERVATION}:" + observations.c.observation, inbound.c.effect_revision == observations.c.revision))
        .where(observations.c.campaign == campaign, observations.c.unit == unit, observations.c.indicator == indicator)
        .order_by(observations.c.revision.desc())
    )
    found = await session.execute(query)
    return [_source(row, "partner", row.client, None, row.client, None, CURRENT if row.current else SUPERSEDED) for row in found]


def _source(row: Any, channel: str, by: str, report: str | None, client: str | None, event: str | None, state: str) -> Source:
    said = (row.value, row.unit_of_measure, row.kind, row.as_of)
    return Source(row.at, *said, channel, by, report, client, row.id, row.receipt, row.said, event, trace_id_of(row.traceparent) or "", state)


async def unit_of(session: ReadSession, event: Any) -> str | None:
    """The unit about which an inbound event became something; None when it became nothing, or a proposal about several units."""
    what, _, id = (event.effect or "").partition(":")
    if what == OBSERVATION:
        return await session.scalar(select(observations.c.unit).where(observations.c.observation == id).limit(1))
    if what == REPORT:
        return await session.scalar(select(reports.c.unit).where(reports.c.report == id))
    return await _proposed_about(session, event) if what == PROPOSAL else None


async def _proposed_about(session: ReadSession, event: Any) -> str | None:
    """The unit that an accepted proposal names, binary or structured. Of a very long body only the beginning is kept, and names none."""
    try:
        body = json.loads(event.body)
    except ValueError:
        return None
    reading = Reading(body["data"] if isinstance(body.get("data"), dict) else body)
    if "unit" not in reading.data:
        return None
    named, day = Named.read(reading.inner("unit"), "unit"), reading.day("day")
    return await units.resolve(session, named.scheme, named.value, day) if day else None


async def of_proposal(session: ReadSession, proposal: str) -> str | None:
    """The row of the inbound event that became a proposal to registration."""
    return next((row.id for row in await rows_of(session, inbound, effect=f"{PROPOSAL}:{proposal}")), None)
