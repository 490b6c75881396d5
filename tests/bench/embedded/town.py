"""The measured process seen from outside: started, waited for over HTTP, weighed, ended."""

import asyncio
import contextlib
import json
import signal
import sys
from pathlib import Path
from time import perf_counter

import httpx
import psutil

from shared.bundled import _die_with_parent, free_port
from shared.settings import SERVICES
from tests.bench.embedded.process import COMMITS

PATIENCE = 60


class Town:
    """A running embedded system: its address, its broker's, and how long it took until all four services were ready."""

    def __init__(self, process: asyncio.subprocess.Process, data: Path, port: int) -> None:
        self.process, self.data = process, data
        self.address, self.broker = f"http://127.0.0.1:{port}", ""
        self.seconds_to_ready = 0.0

    async def wait_until_ready(self, started: float) -> None:
        async with asyncio.timeout(PATIENCE), httpx.AsyncClient(base_url=self.address) as client:
            waiting = list(SERVICES)
            while waiting:
                with contextlib.suppress(httpx.TransportError):
                    while waiting and (await client.get(f"/{waiting[0]}/ready")).status_code == 200:
                        waiting.pop(0)
                await asyncio.sleep(0.01)
        self.seconds_to_ready = perf_counter() - started
        self.broker = (await self.process.stdout.readline()).decode().strip()

    def memory(self) -> dict[str, float]:
        """Resident MiB of the services' process and of the broker that it started."""
        own = psutil.Process(self.process.pid)
        services, broker = own.memory_info().rss, sum(child.memory_info().rss for child in own.children())
        return {"services": services / 2**20, "broker": broker / 2**20, "both": (services + broker) / 2**20}

    def cpu_seconds(self) -> float:
        times = psutil.Process(self.process.pid).cpu_times()
        return times.user + times.system

    async def stop(self) -> dict[str, int]:
        """End the process; when evaluation committed each report."""
        self.process.send_signal(signal.SIGTERM)
        status = await asyncio.wait_for(self.process.wait(), PATIENCE)
        if status:
            raise RuntimeError(f"the measured process ended with status {status}")
        return json.loads((self.data / COMMITS).read_text(encoding="utf-8"))


async def start(data: Path) -> Town:
    port, started = free_port(), perf_counter()
    town = Town(await _spawn("start", data, port), data, port)
    await town.wait_until_ready(started)
    return town


async def load(data: Path) -> float:
    """Put the campaign in force in a process of its own; how many seconds that took."""
    started = perf_counter()
    if status := await (await _spawn("load", data, 0)).wait():
        raise RuntimeError(f"loading the campaign ended with status {status}")
    return perf_counter() - started


async def _spawn(what: str, data: Path, port: int) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.bench.embedded.process", what, str(data), str(port),
        stdout=asyncio.subprocess.PIPE, preexec_fn=_die_with_parent,
    )  # fmt: skip
