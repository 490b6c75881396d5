"""What watching takes of memory. `python -m tests.bench.watching [--scrapes 720]`: Debian's Prometheus, with the configuration and alarms of deploy/,
asks four real services on a real day five times a second, while every query of the dashboards is asked again and again; 720 scrapes are what it
holds in memory at its 15 s, three hours. Beside it Debian's Alertmanager has a hundred alarms and writes its letters.
"""

import argparse
import asyncio
import contextlib
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

import httpx
import psutil
import uvloop

from services.notification.sink import Sink
from shared.bundled import BundledBroker, free_port
from shared.settings import SERVICES
from tests.bench.road.measurement import machine, say
from tests.journeys.conftest import staged
from tests.operation.alertmanager import HOST, alertmanager, prometheus
from tests.operation.test_dashboards import figures, live, more, queries

ALARMS = 100
LOOK_SECONDS = 5
"""How often the dashboards ask: as often as Grafana does when somebody looks."""
MIB = 1 << 20


class Watched(NamedTuple):
    """What was there when it was measured, and the most that each process held, in MiB."""

    scrapes: int
    series: int
    letters: int
    prometheus: float
    alertmanager: float


async def measure(scrapes: int, folder: Path, every: str = "200ms") -> Watched:
    """Until each service was scraped so many times."""
    broker = BundledBroker(folder / "nats")
    await broker.start()
    async with contextlib.AsyncExitStack() as stack:
        stack.push_async_callback(broker.stop)
        mail = Sink(folder / "mail")
        await mail.start()
        stack.push_async_callback(mail.stop)
        stage = await stack.enter_async_context(staged(folder / "data", broker, "", backups=folder))
        port = free_port()
        await stage.scene.local.serve(port)
        alarms = await stack.enter_async_context(alertmanager(folder, mail.url, ALARM_MAIL="truc@laichau.example"))
        watching = await stack.enter_async_context(prometheus(folder, dict.fromkeys(SERVICES, port), alarms, every))
        await live(stage)
        await more(stage)
        await _alarmed(alarms)
        return await _looked(watching, scrapes, mail, folder)


async def _alarmed(alarms: httpx.AsyncClient) -> None:
    """A hundred at once, of ten kinds."""
    kinds = [{"alertname": f"Kind{number % 10}", "installation": HOST, "severity": "critical", "unit": str(number)} for number in range(ALARMS)]
    told = {"summary": "Sự kiện chờ phát đã lâu", "description": "Không mất gì. " * 10}
    (await alarms.post("/api/v2/alerts", json=[{"labels": labels, "annotations": told} for labels in kinds])).raise_for_status()


async def _looked(watching: httpx.AsyncClient, scrapes: int, mail: Sink, folder: Path) -> Watched:
    done = 0
    while done < scrapes:
        for _, expression in queries():
            await figures(watching, expression)
        done = int(min(await figures(watching, 'count_over_time(up{job="thidua"}[1h])'), default=0))
        say(f"{done} scrapes of {scrapes}")
        await asyncio.sleep(LOOK_SECONDS)
    [series] = await figures(watching, "prometheus_tsdb_head_series")
    return Watched(done, int(series), mail.received, _most(folder, "prometheus.yml"), _most(folder, "alertmanager.yml"))


def _most(folder: Path, configuration: str) -> float:
    """The most memory that the process with this configuration has ever held, in MiB."""
    [process] = [one for one in psutil.Process().children() if any(str(folder) in word and word.endswith(configuration) for word in one.cmdline())]
    [line] = [line for line in Path(f"/proc/{process.pid}/status").read_text().splitlines() if line.startswith("VmHWM:")]
    return int(line.split()[1]) * 1024 / MIB


def table(found: Watched, day: str) -> str:
    """What a person reads."""
    return "\n".join([
        f"{day}: each of four services scraped {found.scrapes} times, {found.series} series, {ALARMS} alarms, {found.letters} letters",
        f"Prometheus    {found.prometheus:6.0f} MiB at most",
        f"Alertmanager  {found.alertmanager:6.0f} MiB at most",
    ])  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.watching", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scrapes", type=int, default=720)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="thidua-watching-") as name:
        found = uvloop.run(measure(given.scrapes, Path(name)))
    print(table(found, machine()["date"]), file=sys.stdout)


if __name__ == "__main__":
    main()
