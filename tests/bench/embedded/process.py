"""The process that is measured: all four services on one port, told when to end by SIGTERM.

Usage: python -m tests.bench.embedded.process start|load DATA PORT. `load` only puts the campaign in force. `start` prints the broker's address
once it listens, and at its end writes to DATA/commits.json when evaluation committed the score of each accepted report (event id ->
nanoseconds of the wall's clock).
"""

import asyncio
import importlib
import json
import signal
import sys
import time
from pathlib import Path

import uvloop

from services.local import Local
from shared import settings as configuration
from shared.events.reporting import ReportAccepted

COMMITS = "commits.json"


def watch(inbox) -> dict[str, int]:
    """Note when the transaction that applied a report, scores included, was committed."""
    commits: dict[str, int] = {}
    apply = inbox.apply

    async def applied(batch) -> None:
        await apply(batch)
        now = time.time_ns()
        for delivery in batch:
            if delivery.meta.type == ReportAccepted.TYPE:
                commits.setdefault(delivery.meta.id, now)

    inbox.apply = applied
    return commits


async def load(local: Local) -> None:
    demo, scene = (importlib.import_module(f"services.simulation.{name}") for name in ("demo", "scene"))
    await scene.Scene(local, scene.Mark(str(demo.CAMPAIGN), 1)).prepare()


async def serve(local: Local, port: int) -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    await local.start()
    commits = watch(next(s for s in local.services if s.name == "evaluation").inbox)
    await local.serve(port)
    print(local.settings.nats_url, flush=True)
    await stop.wait()
    (local.settings.data / COMMITS).write_text(json.dumps(commits), encoding="utf-8")


async def main(what: str, data: str, port: str) -> None:
    wanted = configuration.load({}, data=Path(data), clock="simulated", log_level="warning")
    async with Local(wanted, mail_sink=True) as local:
        await (load(local) if what == "load" else serve(local, int(port)))


if __name__ == "__main__":
    uvloop.run(main(*sys.argv[1:4]))
