"""A broker with accounts as `thidua partners export` makes them, and everybody's keys."""

import contextlib
import json
from collections.abc import AsyncIterator
from importlib import import_module
from pathlib import Path

from nats.aio.client import Client
from nats.errors import Error

from shared import broker, broker_keys, permissions, streams
from shared.broker import servers
from shared.inbox import Hears
from shared.settings import SERVICES
from tests.fabric.servers import nats_server

CLIENTS = ("kho-bac", "thong-ke")
HEARS: list[Hears] = [import_module(f"services.{service}.subscribers").hears for service in SERVICES]


class House:
    """A broker with accounts, and everybody's seeds."""

    def __init__(self, folder: Path, url: str) -> None:
        self.folder, self.url, self.monitor = folder, url, ""
        self.seeds = {user: broker_keys.seed_of(folder / "keys", user) for user in permissions.USERS}
        self.partners: dict[str, list[str]] = {}

    def issue(self, client: str, *, instead: bool = False) -> str:
        """A key of a partner, beside or instead of the ones before; returns its seed."""
        seed, public = broker_keys.new_seed()
        self.partners[client] = [*([] if instead else self.partners.get(client, [])), public]
        self.seeds[client] = seed
        return seed

    def write(self) -> None:
        own = broker_keys.public_keys(self.folder / "keys", permissions.USERS)
        text = permissions.render(permissions.accounts(HEARS, own, self.partners))
        (self.folder / "accounts.conf").write_text(text)

    async def reload(self) -> None:
        self.write()
        async with self.connected("system") as system:
            [server] = await servers(system)
            answer = json.loads((await system.request(f"$SYS.REQ.SERVER.{server}.RELOAD", b"", timeout=60)).data)
            assert "error" not in answer

    @contextlib.asynccontextmanager
    async def connected(self, user: str, complaints: list[str] | None = None, seed: str = "") -> AsyncIterator[Client]:
        async def complain(error: Exception) -> None:
            if complaints is not None:
                complaints.append(str(error))

        prefix = f"_INBOX_{user}" if user in SERVICES else "_INBOX"
        connection = await broker.connected(
            self.url, nkeys_seed_str=seed or self.seeds[user], inbox_prefix=prefix, error_cb=complain, allow_reconnect=False, connect_timeout=20
        )
        try:
            yield connection
        finally:
            with contextlib.suppress(Error):
                await connection.close()


@contextlib.asynccontextmanager
async def opened(tmp_path: Path) -> AsyncIterator[House]:
    """The broker, its streams and places provisioned."""
    broker_keys.make(tmp_path / "keys", permissions.USERS)
    made = House(tmp_path, "")
    for client in CLIENTS:
        made.issue(client)
    made.write()
    async with nats_server(tmp_path, cluster='include "accounts.conf"') as address:
        made.url, made.monitor = address.nats, address.monitor
        async with made.connected("operator") as operator:
            configs = streams.stream_configs(CLIENTS, 1)
            places = [*streams.durables(HEARS, CLIENTS), *streams.partner_durables(CLIENTS)]
            await streams.provision(operator.jetstream(), configs, places)
        yield made
