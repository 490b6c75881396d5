"""nats-servers configured by the test, as a province would configure its own: with a monitoring page, alone or in a cluster."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import NamedTuple

import httpx

from shared.bundled import _die_with_parent, free_port, program

CONFIGURATION = """
listen: "{}"
http: "{}"
server_name: {name}
{jetstream}
{cluster}
"""


class Address(NamedTuple):
    nats: str
    monitor: str


@contextlib.asynccontextmanager
async def nats_server(
    folder: Path, *, sync: str = "sync_interval: always", jetstream: bool = True, name: str = "n1", cluster: str = ""
) -> AsyncIterator[Address]:
    """A server that answers on both its ports, ended afterwards."""
    address = Address(f"nats://127.0.0.1:{free_port()}", f"http://127.0.0.1:{free_port()}")
    block = f'jetstream {{ store_dir: "{folder}/jetstream"\n {sync} }}' if jetstream else ""
    file = _configure(folder, CONFIGURATION.format(*(one.partition("//")[2] for one in address), name=name, jetstream=block, cluster=cluster))
    with (folder / "nats.log").open("ab") as log:
        process = await asyncio.create_subprocess_exec(
            program(), "-c", str(file), stdout=log, stderr=log, start_new_session=True, preexec_fn=_die_with_parent
        )
    try:
        await answering(f"{address.monitor}/varz")
        yield address
    finally:
        process.terminate()
        await process.wait()


def _configure(folder: Path, text: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "nats.conf").write_text(text)
    return folder / "nats.conf"


async def answering(page: str) -> None:
    async with asyncio.timeout(60), httpx.AsyncClient() as client:
        while True:
            with contextlib.suppress(httpx.TransportError):
                await client.get(page)
                return
            await asyncio.sleep(0.02)


@contextlib.asynccontextmanager
async def nats_cluster(folder: Path, size: int = 3) -> AsyncIterator[list[Address]]:
    """A cluster; its leader may still have to be chosen."""
    routes = [free_port() for _ in range(size)]
    others = ", ".join(f'"nats://127.0.0.1:{route}"' for route in routes)
    async with contextlib.AsyncExitStack() as stack:
        yield [
            await stack.enter_async_context(
                nats_server(
                    folder / f"n{number}", name=f"n{number}", cluster=f'cluster {{ name: c, listen: "127.0.0.1:{route}", routes: [{others}] }}'
                )
            )
            for number, route in enumerate(routes)
        ]


@contextlib.asynccontextmanager
async def server_that_says(version: str) -> AsyncIterator[str]:
    """No broker: something that greets like a nats-server of that version and answers a ping, for versions that cannot be had."""
    info = {"server_id": "OLD", "server_name": "old", "version": version, "proto": 1, "headers": True, "max_payload": 1 << 20, "jetstream": True}

    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(f"INFO {json.dumps(info)}\r\n".encode())
        while line := await reader.readline():
            if line.startswith(b"PING"):
                writer.write(b"PONG\r\n")
        writer.close()

    server = await asyncio.start_server(greet, "127.0.0.1", 0)
    try:
        yield f"nats://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
