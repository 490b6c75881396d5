"""What must hold of databases before a command works on them: they answer, and their tables are whole and such that this program runs on them."""

import argparse
import asyncio
import functools
from collections.abc import Awaitable, Callable

from services import excuses
from services.local import database_of
from shared import gates
from shared.database import is_outage
from shared.messages import Refused
from shared.settings import Settings

Command = Callable[[argparse.Namespace, Settings], Awaitable[int]]


async def reached(settings: Settings, *services: str, patience: float | None = None) -> None:
    """Raises `Refused` when a service's database does not answer within `patience` seconds (`gates.PATIENCE_SECONDS`)."""
    last = asyncio.get_running_loop().time() + (gates.PATIENCE_SECONDS if patience is None else patience)
    for service in services:
        await _reached(settings, service, last)


async def _reached(settings: Settings, service: str, last: float) -> None:
    async with database_of(settings, service) as database:
        while True:
            try:
                async with database.reader.connect():
                    return
            except Exception as error:
                if excuses.is_full(error):
                    raise
                if not is_outage(error) or asyncio.get_running_loop().time() > last:
                    raise Refused.because(
                        "Không tới được cơ sở dữ liệu của {service} ({reason}): hãy kiểm tra {setting} và máy chủ PostgreSQL.",
                        service=service, reason=excuses.reason(error), setting=settings.database_setting_of(service),
                    ) from None  # fmt: skip
            await asyncio.sleep(gates.REST_SECONDS)


async def whole(settings: Settings, *services: str, patience: float | None = None) -> None:
    """The same, and each service's tables are those of this program or of a newer one, none of them half migrated or half restored."""
    seconds = gates.PATIENCE_SECONDS if patience is None else patience
    await reached(settings, *services, patience=seconds)
    for service in services:
        await gates.migrated(settings, service, seconds)


def on_tables(*services: str) -> Callable[[Command], Command]:
    """A command that works on the tables of these services, or of the one that is named to it. Whoever types it is not kept waiting."""

    def gated(command: Command) -> Command:
        @functools.wraps(command)
        async def checked(given: argparse.Namespace, settings: Settings) -> int:
            await whole(settings, *(services or (given.service,)), patience=0)
            return await command(given, settings)

        return checked

    return gated
