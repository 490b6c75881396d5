"""Where a unit's figure comes from: every report and every partner's event that gave it, the newest first."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any, NamedTuple

from sqlalchemy import and_, func, select

from services.reporting.models import figures, inbound, observations, reports, versions
from services.reporting.observations import OBSERVATION
from services.reporting.on_behalf import REPORT
from shared.database import ReadSession
from shared.telemetry import trace_id_of


class Source(NamedTuple):
    """One figure as it came in: by a unit's report, or from a partner beside it. `inbound` and `receipt` are those of a partner's event.

    `event`: the one in which reporting told of a report; `trace`: in which everything about it happened, empty when nobody kept it.
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
    event: str | None
    trace: str


async def of_figure(session: ReadSession, campaign: str, unit: str, indicator: str) -> list[Source]:
    """Everything that was ever said of a unit's indicator."""
    found = [*await _reported(session, campaign, unit, indicator), *await _observed(session, campaign, unit, indicator)]
    return sorted(found, key=lambda source: source.at, reverse=True)


async def _reported(session: ReadSession, campaign: str, unit: str, indicator: str) -> list[Source]:
    query = (
        select(
            figures, versions.c.at, versions.c.channel, versions.c.actor_name, versions.c.event, inbound.c.id, inbound.c.receipt, inbound.c.client,
            func.coalesce(inbound.c.traceparent, versions.c.traceparent).label("traceparent"),
        )
        .join(reports, reports.c.report == figures.c.report)
        .join(versions, and_(versions.c.report == figures.c.report, versions.c.revision == figures.c.revision))
        .outerjoin(inbound, and_(inbound.c.effect == f"{REPORT}:" + figures.c.report, inbound.c.effect_revision == versions.c.revision))
        .where(reports.c.campaign == campaign, reports.c.unit == unit, figures.c.indicator == indicator)
        .order_by(figures.c.revision.desc())
    )
    return [_source(row, row.channel, row.actor_name, row.report, row.client, row.event) for row in await session.execute(query)]


async def _observed(session: ReadSession, campaign: str, unit: str, indicator: str) -> list[Source]:
    query = (
        select(observations, inbound.c.id, inbound.c.receipt, inbound.c.traceparent)
        .outerjoin(inbound, and_(inbound.c.effect == f"{OBSERVATION}:" + observations.c.observation, inbound.c.effect_revision == observations.c.revision))
        .where(observations.c.campaign == campaign, observations.c.unit == unit, observations.c.indicator == indicator)
        .order_by(observations.c.revision.desc())
    )
    return [_source(row, "partner", row.client, None, row.client) for row in await session.execute(query)]


def _source(row: Any, channel: str, by: str, report: str | None, client: str | None, event: str | None = None) -> Source:
    said = (row.value, row.unit_of_measure, row.kind, row.as_of)
    return Source(row.at, *said, channel, by, report, client, row.id, row.receipt, event, trace_id_of(row.traceparent) or "")


async def unit_of(session: ReadSession, effect: str | None) -> str | None:
    """The unit about which an inbound event became something here; None when it became nothing, or a proposal to registration."""
    what, _, id = (effect or "").partition(":")
    if what == OBSERVATION:
        return await session.scalar(select(observations.c.unit).where(observations.c.observation == id).limit(1))
    if what == REPORT:
        return await session.scalar(select(reports.c.unit).where(reports.c.report == id))
    return None
