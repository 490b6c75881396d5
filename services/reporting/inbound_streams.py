"""A partner that was let in while we run gets its stream, so that its first event finds it; and a stream is kept from filling with what is done."""

import asyncio
import logging

import nats.errors

from services.reporting import admissions
from shared import streams
from shared.service import Service

log = logging.getLogger(__name__)

LOOK_SECONDS = 1.0
REST_SECONDS = 10.0
FULL_ENOUGH = 0.5
"""Of the messages or bytes that a partner's stream may hold: from then on what was decided is taken out of it."""


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


async def make_room(service: Service) -> None:
    """A job of the service: what was decided is kept in our tables, so that only what waits can fill a partner's stream and have it refused."""
    while True:
        for client in sorted(service.partners):
            try:
                await clear(service, client)
            except nats.errors.Error as error:
                log.warning("the stream of %s could not be cleared: %s", client, error)
        await asyncio.sleep(REST_SECONDS)


async def clear(service: Service, client: str) -> None:
    """Take out of a partner's stream what was decided, if the stream is half full."""
    stream = streams.stream_of_client(client)
    info = await service.jetstream.stream_info(stream)
    if max(_share(info.state.messages, info.config.max_msgs), _share(info.state.bytes, info.config.max_bytes)) < FULL_ENOUGH:
        return
    decided = (await service.jetstream.consumer_info(stream, service.name)).ack_floor
    if decided and decided.stream_seq >= info.state.first_seq:
        await service.jetstream.purge_stream(stream, seq=decided.stream_seq + 1)


def _share(there: int, bound: int | None) -> float:
    return there / bound if bound and bound > 0 else 0.0
