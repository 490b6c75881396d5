"""A partner that was let in while we run gets its stream, so that its first event finds it; the service binds to it by itself."""

import asyncio

from services.reporting import admissions
from shared import streams
from shared.service import Service

LOOK_SECONDS = 1.0


async def keep(service: Service) -> None:
    """A job of the service: make what is missing, for ever."""
    made: set[str] = set()
    while True:
        async with service.database.read() as session:
            missing = set(await admissions.clients(session)) - made
        if missing:
            wanted = {streams.stream_of_client(client) for client in missing}
            configs = [c for c in streams.stream_configs(missing, service.settings.replicas) if c.name in wanted]
            await streams.restore(service.jetstream, configs, [p for p in streams.durables([service.hears], missing) if p.stream in wanted])
            made |= missing
        await asyncio.sleep(LOOK_SECONDS)
