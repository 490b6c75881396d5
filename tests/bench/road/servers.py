"""The servers that contestants share: NATS, one or three nodes, that acknowledges what is on the disk, and PostgreSQL as it comes."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from pathlib import Path

import nats
import nats.errors
from nats.js.errors import Error as JetStreamError

from shared import bundled
from shared.bundled import BundledBroker, free_port
from shared.testing.databases import fresh_url

CLUSTER = """\
listen: "127.0.0.1:{port}"
server_name: n{number}
max_payload: {payload}
jetstream {{ store_dir: "{store}", sync_interval: always }}
cluster {{ name: bench, listen: "127.0.0.1:{own}", routes: {routes} }}
"""
NODES = 3
PATIENCE = 60


@contextlib.asynccontextmanager
async def broker(folder: Path, replicas: int) -> AsyncIterator[str]:
    """The address of a broker that keeps `replicas` copies, each synced to the disk before it is acknowledged."""
    if replicas == 1:
        single = BundledBroker(folder / "nats")
        await single.start()
        try:
            yield single.url
        finally:
            await single.stop()
    else:
        async with _cluster(folder) as url:
            yield url


@contextlib.asynccontextmanager
async def _cluster(folder: Path) -> AsyncIterator[str]:
    ports, routes = [free_port() for _ in range(NODES)], [free_port() for _ in range(NODES)]
    processes = [await _node(_configuration(folder / f"nats{n}", n, ports[n], routes)) for n in range(NODES)]
    url = f"nats://127.0.0.1:{ports[0]}"  # clients learn of the others from it
    try:
        await _led(url)
        yield url
    finally:
        for process in processes:
            process.terminate()
        await asyncio.gather(*(process.wait() for process in processes))


def _configuration(folder: Path, number: int, port: int, routes: list[int]) -> Path:
    folder.mkdir(parents=True)
    others = json.dumps([f"nats-route://127.0.0.1:{own}" for own in routes if own != routes[number]])
    config = CLUSTER.format(
        port=port, number=number, payload=bundled.MAX_PAYLOAD, store=folder / "jetstream", own=routes[number], routes=others
    )
    path = folder / "nats.conf"
    path.write_text(config, encoding="utf-8")
    return path


async def _node(config: Path) -> asyncio.subprocess.Process:
    with config.with_suffix(".log").open("ab") as log:
        return await asyncio.create_subprocess_exec(
            bundled.program(), "-c", str(config), stdout=log, stderr=log, preexec_fn=bundled._die_with_parent
        )


async def _led(url: str) -> None:
    """A cluster that just started answers nothing until it has a leader."""
    async with asyncio.timeout(PATIENCE):
        while True:
            with contextlib.suppress(nats.errors.Error, JetStreamError, OSError):
                connection = await nats.connect(url, allow_reconnect=False, connect_timeout=1)
                try:
                    await connection.jetstream().account_info()
                    return
                finally:
                    await connection.close()
            await asyncio.sleep(0.2)


@contextlib.asynccontextmanager
async def database(kind: str) -> AsyncIterator[str]:
    """The plain address of a new PostgreSQL database, or nothing for SQLite."""
    async with fresh_url(kind) as url:
        yield url.replace("postgresql+asyncpg://", "postgresql://", 1)
