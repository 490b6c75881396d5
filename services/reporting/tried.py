"""What became of what a partner tries out: its events, the units that they are about, and how evaluation scored those."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import select, union

from services.reporting import trials
from services.reporting.envelopes import SANDBOX
from services.reporting.models import discrepancies, inbound, observations, reports, trial_scores
from services.reporting.observations import OBSERVATION
from services.reporting.on_behalf import REPORT
from shared import units
from shared.clock import local_date
from shared.columns import among
from shared.database import ReadSession, grouped, rows_among
from shared.units import KnownUnit

UNITS_SHOWN = 200
EVENTS_SHOWN = 50


class Tried(NamedTuple):
    """A unit in a sandbox. `known`: as it is called now; `score`: None until evaluation has told one.

    `given`: by report or observation and revision, the event that gave it.
    """

    unit: str
    known: KnownUnit | None
    reports: Sequence[Any]
    observed: Sequence[Any]
    disputed: Sequence[Any]
    score: Any
    given: Mapping[tuple[str, int], Any]


class Sandbox(NamedTuple):
    """A partner's sandbox beside a campaign: since when (None: empty) and until when, its newest events, the first of its units."""

    since: datetime | None
    until: datetime | None
    events: Sequence[Any]
    units: Sequence[Tried]


async def of_client(session: ReadSession, client: str, campaign: str, now: datetime) -> Sandbox:
    """A partner's present sandbox beside a campaign."""
    shadow, since = await trials.of_client(session, client, campaign)
    return Sandbox(since, since + trials.LASTS if since else None, await _events(session, client), await _units(session, client, shadow, now))


async def _events(session: ReadSession, client: str) -> Sequence[Any]:
    columns = [column for column in inbound.c if column.name not in {"body", "headers"}]
    query = select(*columns).where(inbound.c.client == client, inbound.c.sandbox.is_(True), inbound.c.trial.is_(None))
    return (await session.execute(query.order_by(inbound.c.received_at.desc(), inbound.c.id.desc()).limit(EVENTS_SHOWN))).all()


async def _units(session: ReadSession, client: str, shadow: str, now: datetime) -> list[Tried]:
    named = union(*(select(table.c.unit).where(table.c.campaign == shadow) for table in (reports, observations))).subquery()
    among = list(await session.scalars(select(named.c.unit).order_by(named.c.unit).limit(UNITS_SHOWN)))
    reported, disputed, scored = [
        grouped(await rows_among(session, table, "unit", among, campaign=shadow), "unit") for table in (reports, discrepancies, trial_scores)
    ]
    observed = grouped(await rows_among(session, observations, "unit", among, campaign=shadow, current=True), "unit")
    known = await units.on_day(session, local_date(now), among)
    given = await _given(session, client, [row.report for rows in reported.values() for row in rows], [r.observation for rows in observed.values() for r in rows])
    return [
        Tried(
            unit, known.get(unit), sorted(reported[unit], key=lambda row: row.round), sorted(observed[unit], key=lambda row: row.indicator),
            [row for row in disputed[unit] if row.state == "open"], next(iter(scored[unit]), None), given,
        )
        for unit in among
    ]  # fmt: skip


async def _given(session: ReadSession, client: str, reported: Iterable[str], observed: Iterable[str]) -> dict[tuple[str, int], Any]:
    """The trials that became these reports and observations, by its id and revision."""
    effects = [*(f"{SANDBOX}:{REPORT}:{id}" for id in reported), *(f"{SANDBOX}:{OBSERVATION}:{id}" for id in observed)]
    columns = inbound.c.id, inbound.c.event, inbound.c.effect, inbound.c.effect_revision
    query = select(*columns).where(among(inbound.c.effect, "effects"), inbound.c.client == client, inbound.c.trial.is_(None))
    rows = await session.execute(query, {"effects": effects}) if effects else ()
    return {(row.effect.rpartition(":")[2], row.effect_revision): row for row in rows}
