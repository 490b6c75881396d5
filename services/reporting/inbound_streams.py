"""A partner that was let in while we run gets its stream, so that its first event finds it; the service binds to it by itself."""

import asyncio
import logging

import nats.errors

from services.reporting import admissions
from shared import streams
from shared.service import Service

log = logging.getLogger(__name__)

LOOK_SECONDS = 1.0
REST_SECONDS = 10.0


async def keep(service: Service) -> None:
    """A job of the service: make what is missing, for ever. Until the broker's accounts know the partner, it lets us make nothing for it."""
    made: set[str] = set()
    while True:
        async with service.database.read() as session:
            missing = set(await admissions.clients(session)) - made
        try:
            await _make(service, missing)
            made |= missing
        except nats.errors.Error as error:
            log.warning("no stream yet for %s, has `thidua partners export` been run? %s", ", ".join(sorted(missing)), error)
            await asyncio.sleep(REST_SECONDS)
        await asyncio.sleep(LOOK_SECONDS)


async def _make(service: Service, clients: set[str]) -> None:
    wanted = {streams.stream_of_client(client) for client in clients}
    configs = [config for config in streams.stream_configs(clients, service.settings.replicas) if config.name in wanted]
    places = [place for place in streams.durables([service.hears], clients) if place.stream in wanted]
    await streams.restore(service.jetstream, configs, places)
