"""How much memory the nightly backup and the proxy take: `python -m tests.bench.memory backup DIR | proxy`.

DIR is what `thidua demo --once --keep DIR` left; a backup is made of it as it is, and again when it holds ten times as many rows and messages.
"""

import asyncio
import os
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from time import perf_counter
from typing import Any

import httpx
import nats
import uvicorn

from services.local import QuietServer
from shared.bundled import BundledBroker, free_port
from shared.settings import SERVICES
from tests.operation import proxy

TIMES = 10
PART = 200
CROWDS, SECONDS = (32, 128, 512), 8.0
PAGE = b"x" * 60_000
MIB = 1 << 20


async def backup(data: Path) -> None:
    """Peak resident memory of `thidua backup` as a process of its own, the broker in another."""
    broker = BundledBroker(data / "nats")
    await broker.start()
    try:
        for size in (1, TIMES):
            if size > 1:
                await _grow(data, broker.url)
            with tempfile.TemporaryDirectory(dir=data) as to:
                peak = await asyncio.to_thread(_peak_of_backup, data, broker.url, to)
            print(f"backup: {_rows(data)} rows, {await _messages(broker.url)} messages: at most {peak / MIB:.0f} MiB", flush=True)
    finally:
        await broker.stop()


def _peak_of_backup(data: Path, url: str, to: str) -> int:
    environment = os.environ | {"THIDUA_DATA": str(data), "THIDUA_NATS_URL": url, "THIDUA_LOG_LEVEL": "error"}
    process = subprocess.Popen([sys.executable, "-m", "services", "backup", "--to", to], env=environment, stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    assert status == 0
    return used.ru_maxrss * 1024


def _databases(data: Path) -> list[sqlite3.Connection]:
    return [sqlite3.connect(data / f"{service}.sqlite") for service in SERVICES]


def _rows(data: Path) -> int:
    number = 0
    for database in _databases(data):
        tables = [name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        number += sum(database.execute(f'SELECT count(*) FROM "{table}"').fetchone()[0] for table in tables)
        database.close()
    return number


async def _messages(url: str) -> int:
    connection = await nats.connect(url)
    number = sum(info.state.messages for info in await connection.jetstream().streams_info())
    await connection.close()
    return number


async def _grow(data: Path, url: str) -> None:
    """What came and went is the most of what there is, and all of it grows alike: so copies of those rows, and messages of a letter's size."""
    wanted, databases = _rows(data) * (TIMES - 1), _databases(data)
    there = sum(database.execute("SELECT (SELECT count(*) FROM outbox) + (SELECT count(*) FROM inbox)").fetchone()[0] for database in databases)
    for database in databases:
        for table in ("outbox", "inbox"):
            names = [column for _, column, *_ in database.execute(f"PRAGMA table_info({table})")]
            other = {"id": "id || '-' || n", "position": f"position + n * (SELECT max(position) FROM {table})"}
            values = ", ".join(other.get(name, name) for name in names)
            copies = f"WITH RECURSIVE g(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM g WHERE n < {round(wanted / there)})"
            database.execute(f"{copies} INSERT INTO {table} ({', '.join(names)}) SELECT {values} FROM {table}, g")
        database.commit()
        database.close()
    await _publish(url, await _messages(url) * (TIMES - 1))


async def _publish(url: str, number: int) -> None:
    connection = await nats.connect(url)
    jetstream = connection.jetstream()
    for begun in range(0, number, PART):
        await asyncio.gather(*(jetstream.publish("notification.filling.v1", os.urandom(600)) for _ in range(min(PART, number - begun))))
    await connection.close()


async def through_proxy(folder: Path, clients: int) -> None:
    """Peak resident memory of Caddy with deploy/proxy/Caddyfile while pages go through it by many connections, each with TLS of its own."""
    port, behind = free_port(), free_port()
    server = QuietServer(uvicorn.Config(_page, port=behind, log_level="error", lifespan="off"))
    serving = asyncio.create_task(server.serve())
    caddy = proxy.start(folder, await asyncio.to_thread(proxy.make_secrets, folder / "secrets"), port, {service: [behind] for service in SERVICES})
    try:
        answered = sum(await asyncio.gather(*(_client(f"https://127.0.0.1:{port}") for _ in range(clients))))
        status = await asyncio.to_thread(Path(f"/proc/{caddy.pid}/status").read_text)
        [peak] = [line.split()[1] for line in status.splitlines() if line.startswith("VmHWM:")]
        print(f"proxy: {clients} connections, {answered} pages of {len(PAGE) // 1000} kB in {SECONDS:g} s: at most {int(peak) / 1024:.0f} MiB")
    finally:
        caddy.terminate()
        await asyncio.to_thread(caddy.wait)
        server.should_exit = True
        await serving


async def _page(_scope: Any, _receive: Callable[[], Awaitable[Any]], send: Callable[[Any], Awaitable[None]]) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/html")]})
    await send({"type": "http.response.body", "body": PAGE})


async def _client(address: str) -> int:
    answered, until = 0, perf_counter() + SECONDS
    async with httpx.AsyncClient(base_url=address, verify=False, timeout=30) as client:
        while perf_counter() < until:
            try:
                answered += (await client.get("/reporting/due")).status_code == 200
            except httpx.ConnectError:  # it is starting
                await asyncio.sleep(0.2)
    return answered


if __name__ == "__main__":
    if sys.argv[1:] == ["proxy"]:
        for crowd in CROWDS:
            with tempfile.TemporaryDirectory() as name:
                asyncio.run(through_proxy(Path(name), crowd))
    elif sys.argv[1:2] == ["backup"] and len(sys.argv) == 3:
        asyncio.run(backup(Path(sys.argv[2])))
    else:
        sys.exit(__doc__)
