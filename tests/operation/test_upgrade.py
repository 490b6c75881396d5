"""Upgrades: the version before runs on the new schema, and replacing every service one by one, under load, loses nothing."""

import asyncio
import contextlib
import os
import signal
import sys
from datetime import UTC, datetime
from pathlib import Path

import httpx
import nats
import pytest

from services import local
from services.operation import rehearsal
from shared import clock
from shared import settings as configuration
from shared.bundled import _die_with_parent, free_port
from shared.settings import SERVICES
from tests.fabric.servers import nats_server
from tests.faults.stand import until
from tests.operation import proxy

ROOT = Path(__file__).parents[2]
UNITS = 30
ENDED = (0, -signal.SIGTERM)
"""Finished what was in hand; then the signal may do what it does."""

pytestmark = [pytest.mark.deploy, proxy.needed]


class Process:
    """One service as a process of one version of the program."""

    def __init__(self, service: str, source: Path, environment: dict[str, str], log: Path) -> None:
        self.service, self.source, self.port, self.log = service, source, free_port(), log
        self.environment = os.environ | environment | {"THIDUA_PORT": str(self.port), "PYTHONPATH": str(source)}

    async def start(self) -> None:
        with self.log.open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "services", "run", self.service, env=self.environment, cwd=self.source, stdout=log, stderr=log,
                preexec_fn=_die_with_parent,
            )  # fmt: skip
        await until(self.ready, 60, lambda: self.log.read_text()[-3000:])

    async def ready(self) -> bool:
        async with httpx.AsyncClient() as client:
            with contextlib.suppress(httpx.TransportError):
                return (await client.get(f"http://127.0.0.1:{self.port}/{self.service}/ready")).status_code == 200
        return False

    async def stop(self) -> int:
        if self.process.returncode is None:
            self.process.send_signal(signal.SIGTERM)
        return await asyncio.wait_for(self.process.wait(), 40)


async def tick(url: str) -> None:
    """Ticks each second, so that a round opens without a minute's wait."""
    connection = await nats.connect(url)
    try:
        while True:
            await clock.publish(connection.jetstream(), datetime.now(UTC), simulated=False)
            await asyncio.sleep(1)
    finally:
        await connection.close()


@pytest.mark.slow
async def test_every_service_is_replaced_under_load_and_the_version_before_runs_on_this_schema(before, tmp_path, database_url, record_property):
    async with nats_server(tmp_path / "nats") as broker:
        environment = {
            "THIDUA_DATA": str(tmp_path / "data"), "THIDUA_NATS_URL": broker.nats, "THIDUA_NATS_MONITOR_URL": broker.monitor,
            "THIDUA_DATABASE_URL": database_url,
        }  # fmt: skip
        settings = configuration.load(environment)
        await local.migrate_all(settings)
        await local.provision(settings)
        old = [Process(service, before, environment, tmp_path / f"{service}-old.log") for service in SERVICES]
        new = [Process(service, ROOT, environment, tmp_path / f"{service}-new.log") for service in SERVICES]
        ticking = asyncio.create_task(tick(broker.nats))
        try:
            for process in old:
                await process.start()
            upstreams = {o.service: [o.port, n.port] for o, n in zip(old, new, strict=True)}
            port = free_port()
            caddy = proxy.start(tmp_path, await asyncio.to_thread(proxy.make_secrets, tmp_path / "secrets"), port, upstreams)
            try:
                plan = rehearsal.Plan(f"https://127.0.0.1:{port}", UNITS, minutes=1.2, prepare=45, verify=False)
                rehearsing = asyncio.create_task(rehearsal.rehearse(settings, plan, lambda line: None))
                await asyncio.sleep(plan.prepare + 5)
                for older, newer in zip(old, new, strict=True):
                    await newer.start()
                    assert await older.stop() in ENDED, older.log.read_text()[-2000:]
                outcome = await rehearsing
            finally:
                caddy.terminate()
                await asyncio.to_thread(caddy.wait)
        finally:
            ticking.cancel()
            await asyncio.gather(*(process.stop() for process in (*old, *new) if hasattr(process, "process")))
    failed = [what for kept, what in outcome.verdicts(rehearsal.Thresholds(answered=15)) if not kept]
    assert failed == [], outcome.refused
    record_property("figure", f"upgrade under load: {len(outcome.waits)} of {UNITS} reports accepted and scored, p99 {outcome.quantile(0.99):.2f} s, sent again {outcome.again}")
