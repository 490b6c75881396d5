"""Where partners listen: a durable in each stream that holds something for them, made when they are let in and taken away when they are shut out."""

import asyncio
import logging

import nats.errors
from nats.js import JetStreamContext

from services.registration import partners
from shared import streams
from shared.database import Database
from shared.service import Service

log = logging.getLogger(__name__)

LOOK_SECONDS = 1.0
REST_SECONDS = 5.0


async def keep(service: Service) -> None:
    """A job of the service, on a broker without accounts. Where the broker has accounts, only the operator's key may, and `thidua partners export --watch` does."""
    if service.settings.nats_seed is not None:
        return
    settled: set[str] | None = None
    while True:
        try:
            settled = await settle(service.jetstream, service.database, settled)
        except nats.errors.Error as error:
            log.warning("partners' places wait for the broker: %s", error)
            await asyncio.sleep(REST_SECONDS)
        await asyncio.sleep(LOOK_SECONDS)


async def settle(jetstream: JetStreamContext, database: Database, settled: set[str] | None = None) -> set[str]:
    """Make the places of who may listen, take away everybody else's; returns who may. Nothing is asked while that is still `settled`."""
    async with database.read() as session:
        listening, others = await partners.listening(session), await partners.not_listening(session)
    if listening != settled:
        lines = await streams.restore(jetstream, (), streams.partner_durables(listening))
        for line in [*lines, *await streams.remove(jetstream, streams.partner_durables(others))]:
            log.info(line)
    return listening
