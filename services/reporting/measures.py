"""What reporting measures: the next deadline and who has reported by it, and what became of partners' events in the last day."""

from datetime import datetime, timedelta

from sqlalchemy import bindparam, func, select

from services.reporting.ledger import IN_EARNEST
from services.reporting.models import inbound, participants, reports, rounds
from shared import streams
from shared.database import ReadSession
from shared.events.reporting import Channel
from shared.security import wall_now
from shared.service import Service
from shared.telemetry import Telemetry

OUTCOMES = ("on_time", "late", "refused", "returned")
STATES = ("expected", "on_time", "late")
"""How a round's units are told to stand."""
DAY = timedelta(days=1)


def prepare(telemetry: Telemetry) -> None:
    """A report comes by one of these ways and becomes one of these."""
    telemetry.campaigns.expect(telemetry.reports, Channel, OUTCOMES)


async def deadlines(service: Service) -> None:
    """Each open round: seconds to its deadline, and its units by how they stand."""
    telemetry = service.telemetry
    telemetry.deadline.clear()
    async with service.database.read() as session:
        for row in (await session.execute(select(rounds))).all():
            if row.closed_at is None:
                telemetry.deadline.labels(row.campaign, row.round).set((row.deadline - service.now()).total_seconds())
            for state, number in (await _standing(session, row.campaign, row.round)).items():
                telemetry.round_units.labels(row.campaign, row.round, state).set(number)


async def _standing(session: ReadSession, campaign: str, round: str) -> dict[str, int]:
    expected = select(func.count()).select_from(participants).where(participants.c.campaign == campaign)
    query = select(reports.c.on_time, func.count()).where(reports.c.campaign == campaign, reports.c.round == round)
    came = {row[0]: row[1] for row in await session.execute(query.group_by(reports.c.on_time))}
    return dict(zip(STATES, (int(await session.scalar(expected) or 0), came.get(True, 0), came.get(False, 0)), strict=True))


async def partners(service: Service) -> None:
    """Per partner: events that reached its stream ever, trials too; when the last one in earnest came, and what became of those of the last day."""
    telemetry = service.telemetry
    for place in service.places():
        client = place.stream.removeprefix(streams.stream_of_client(""))
        if client in service.partners:
            delivered = (await service.jetstream.consumer_info(place.stream, place.service)).delivered
            telemetry.partner_received.labels(client).set(delivered.stream_seq if delivered else 0)
            async with service.database.read() as session:
                newest = await session.scalar(_NEWEST, {"client": client})
            telemetry.partner_heard.labels(client).set(_made_at(newest) if newest else 0)
    telemetry.partner_events.clear()
    query = select(inbound.c.client, inbound.c.state, func.count()).where(inbound.c.id >= _first_id(wall_now() - DAY), IN_EARNEST)
    async with service.database.read() as session:
        for client, outcome, number in (await session.execute(query.group_by(inbound.c.client, inbound.c.state))).all():
            telemetry.partner_events.labels(client, outcome).set(number)


_NEWEST = (
    select(inbound.c.id)
    .where(inbound.c.client == bindparam("client"), IN_EARNEST)
    .order_by(inbound.c.received_at.desc(), inbound.c.id.desc())
    .limit(1)
)


def _made_at(id: str) -> float:
    """When an id was made, in seconds: a UUIDv7 begins with its milliseconds."""
    return int(id.replace("-", "")[:12], 16) / 1000


def _first_id(instant: datetime) -> str:
    """What the ids of rows made since then sort after: a UUIDv7 begins with its milliseconds."""
    digits = f"{int(instant.timestamp() * 1000):012x}"
    return f"{digits[:8]}-{digits[8:]}"
