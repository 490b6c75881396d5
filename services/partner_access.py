"""What the broker knows of partners, kept equal to registration's table: accounts in its include file, streams, and places to listen at."""

import asyncio
import json
import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from nats.aio.client import Client
from pydantic import SecretStr

from services import excuses, local
from services.registration import partner_keys, partner_places, partners
from shared import broker, broker_keys, permissions, security, streams
from shared.database import Database
from shared.messages import Refused
from shared.settings import SERVICES, Settings, SettingsRefused

log = logging.getLogger(__name__)

RELOAD_SECONDS = 5.0


@dataclass(frozen=True)
class Keyring:
    """Where the broker's include file is, and the folder with the keys of the services and the operator."""

    keys: Path
    accounts: Path | None = None


def keyring(settings: Settings, keys: Path | None = None, to: Path | None = None) -> Keyring:
    """As named on the command line, else in the settings. Raises `SettingsRefused` when nobody names the keys."""
    found = keys or settings.broker_keys
    if found is None:
        raise SettingsRefused("THIDUA_BROKER_KEYS: name the folder that `thidua partners keys` made, here or by --keys.")
    return Keyring(found, to or settings.broker_accounts)


async def text(database: Database, keys: Path) -> str:
    """The include file as the table wants it now."""
    return await rendered(database, broker_keys.public_keys(keys, permissions.USERS))


async def rendered(database: Database, own: dict[str, str]) -> str:
    """The same, with these public keys of our own."""
    async with database.read() as session:
        admitted = await partner_keys.nkeys_of_all(session, security.wall_now())
        known: dict[str, list[str]] = {client: [] for client in await partners.clients(session)}
    hears = [local.hears_of(service) for service in SERVICES]
    return permissions.render(permissions.accounts(hears, own, known | admitted))


def write(file: Path, wanted: str) -> None:
    """Whole or not at all: a broker that reads it at this moment reads the old one or the new one."""
    fresh = file.with_name(file.name + ".new")
    fresh.write_text(wanted, encoding="utf-8")
    fresh.replace(file)


def _present(file: Path) -> str:
    return file.read_text(encoding="utf-8") if file.exists() else ""


async def reload(settings: Settings, keys: Path) -> None:
    """Have every server of the broker read its configuration again; a server that finds a fault keeps the one it has and says so.

    Twice: an account that comes with a reload reaches nothing of what it imports ("no responders") before the next one.
    """
    connection = await broker.open_once(_signed(settings, keys, permissions.SYSTEM))
    try:
        for server in await broker.servers(connection):
            for _ in range(2):
                await _reload(connection, server)
            log.info("%s: reloaded", server)
    finally:
        await connection.close()


async def _reload(connection: Client, server: str) -> None:
    answer = json.loads((await connection.request(f"$SYS.REQ.SERVER.{server}.RELOAD", b"", timeout=RELOAD_SECONDS)).data)
    if fault := answer.get("error"):
        raise Refused.because("Máy chủ NATS không nhận cấu hình mới: {reason}", reason=fault.get("description", fault))


def _signed(settings: Settings, keys: Path, user: str) -> Settings:
    return settings.model_copy(update={"nats_seed": SecretStr(broker_keys.seed_of(keys, user))})


async def watch(settings: Settings, ring: Keyring, tell: Callable[[bool], object]) -> None:
    """Bring the broker up to the table, again and again, for ever: a key holds, and a revoked one ends, within a second or two of the change.

    Each time `tell` hears whether the broker is up to the table. By looking and not by events: keys also end by themselves, and what was missed while this was away is seen as well.
    """
    assert ring.accounts is not None
    in_force = ""
    settled: set[str] | None = None
    async with local.database_of(settings, "registration") as database:
        while True:
            try:
                wanted = await text(database, ring.keys)
                if wanted != in_force or wanted != await asyncio.to_thread(_present, ring.accounts):
                    await asyncio.to_thread(write, ring.accounts, wanted)
                    await reload(settings, ring.keys)
                    in_force = wanted
                settled = await _settle(settings, ring.keys, database, settled)
                tell(True)
            except Exception as error:  # a database or a broker that is away comes back, and then all of it is tried again
                tell(False)
                log.warning("the broker is not up to the partners' table: %s", excuses.reason(error))
                await asyncio.sleep(partner_places.REST_SECONDS)
            await asyncio.sleep(partner_places.LOOK_SECONDS)


async def _settle(settings: Settings, keys: Path, database: Database, settled: set[str] | None) -> set[str]:
    """Streams and places, by the operator's key, which alone may make them all. Nothing is asked of the broker while nobody came or went."""
    async with database.read() as session:
        clients, listening = await partners.clients(session), await partners.listening(session)
    if listening == settled:
        return listening
    connection: Client = await broker.open_once(_signed(settings, keys, permissions.OPERATOR))
    try:
        wanted = {streams.stream_of_client(client) for client in clients}
        configs = [config for config in streams.stream_configs(clients, settings.replicas) if config.name in wanted]
        heard = [place for place in streams.durables(map(local.hears_of, SERVICES), clients) if place.stream in wanted]
        await streams.restore(connection.jetstream(), configs, heard)
        return await partner_places.settle(connection.jetstream(), database)
    finally:
        await connection.close()
