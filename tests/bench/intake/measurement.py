"""The intake of one service under a deadline: as many reports as it takes, a steady rush with readers beside it, and a flood.

Sixty-four clerks' programs post to `/reporting/api/reports` over kept connections; each has units of its own, whose reports it corrects
in turn. Accepted means status 201, given after the commit. The service is `thidua run reporting`, a process of its own.
"""

import asyncio
import contextlib
import json
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import uvloop

from shared import settings as configuration
from shared.bundled import free_port
from shared.testing.databases import fresh_url
from tests.bench.embedded.measurement import spread
from tests.bench.intake import crowd, granian, stand
from tests.bench.intake.crowd import Answer
from tests.bench.intake.stand import Intake
from tests.fabric.servers import nats_server

CONNECTIONS, UNITS_EACH = 64, 10
READERS = 4
STRESS = 833
"""Accepted reports a second of the stress minute: three times a million in an hour."""
FLOOD = 2600
"""More at one moment than may wait."""
WARM_SECONDS = 2.0
ACCEPTED, OVERLOADED = 201, 503
GOALS = {"sqlite": 1000, "postgres": 1500}


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


@contextlib.asynccontextmanager
async def running(kind: str, command: Sequence[str]) -> AsyncIterator[Intake]:
    """A service on servers of its own, everybody's reports opened and the caches warm."""
    async with running_all(kind, command, 1) as [intake]:
        yield intake


@contextlib.asynccontextmanager
async def running_all(kind: str, command: Sequence[str], processes: int) -> AsyncIterator[list[Intake]]:
    """So many processes of it on the same servers and durables."""
    folder = _folder()
    try:
        async with fresh_url(kind) as url, nats_server(folder / "nats") as broker:
            settings = configuration.load(
                {}, data=folder, port=free_port(), nats_url=broker.nats, nats_monitor_url=broker.monitor, database_url=url,
                clock="simulated", log_level="warning",
            )  # fmt: skip
            await stand.prepare(settings, broker, CONNECTIONS * UNITS_EACH)
            async with contextlib.AsyncExitStack() as stack:
                each = [settings.model_copy(update={"port": free_port()}) for _ in range(processes)]
                intakes = [await stack.enter_async_context(stand.running(one, command)) for one in each]
                for intake in intakes:
                    await crowd.as_fast_as_answered([intake.port], _reports(), WARM_SECONDS)
                yield intakes
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _folder() -> Path:
    """Servers that give up root's rights must reach it."""
    folder = Path(tempfile.mkdtemp(prefix="thidua-intake-"))
    folder.chmod(0o755)
    return folder


def _everybody() -> list[str]:
    return stand.units(CONNECTIONS * UNITS_EACH)


def _reports() -> list[Any]:
    return [stand.requests(own) for own in crowd.shared_out(_everybody(), CONNECTIONS)]


async def rush(intakes: Sequence[Intake], seconds: float) -> dict[str, float]:
    """As fast as they answer."""
    cpu = _cpu_seconds(intakes)
    answers = await crowd.as_fast_as_answered([intake.port for intake in intakes], _reports(), seconds)
    accepted = _accepted(answers)
    took = max(answer.answered for answer in answers) - min(answer.due for answer in answers)
    used = (_cpu_seconds(intakes) - cpu) * 1000 / max(1, len(accepted))
    return {"accepted_per_s": len(accepted) / took, **_waits(accepted), "not_accepted": len(answers) - len(accepted), "processor_ms": used}


async def steady(intakes: Sequence[Intake], rate: float, seconds: float) -> dict[str, float]:
    """A fixed rate, shared out over processes of the service, and readers who look at their page of what is due meanwhile."""
    before, ports = _resident_mib(intakes), [intake.port for intake in intakes]
    pages = [crowd.again_and_again(stand.page(unit)) for unit in _everybody()[:READERS]]
    answers, seen = await asyncio.gather(
        crowd.at_a_rate(ports, _reports(), rate, seconds), crowd.at_a_rate(ports, pages, READERS * 2, seconds)
    )
    accepted = _accepted(answers)
    return {
        "rate": rate, **_waits(accepted), "not_accepted": len(answers) - len(accepted),
        "pages_p99_ms": spread([one.waited_ms for one in seen if one.status == 200])["p99"],
        "pages_failed": sum(one.status != 200 for one in seen), "grown_mib": _resident_mib(intakes) - before,
    }  # fmt: skip


def _cpu_seconds(intakes: Sequence[Intake]) -> float:
    return sum(intake.cpu_seconds() for intake in intakes)


def _resident_mib(intakes: Sequence[Intake]) -> float:
    return sum(intake.resident_mib() for intake in intakes)


async def flood(intake: Intake) -> dict[str, float]:
    """More at one moment than may wait: who is over is told to come again, and whoever was accepted counts."""
    before, own = intake.resident_mib(), _everybody()
    requests = [next(stand.requests([own[number % len(own)]])) for number in range(FLOOD)]
    answers = await crowd.in_one_moment([intake.port], requests)
    turned_away = [answer for answer in answers if answer.status == OVERLOADED]
    return {
        "sent": FLOOD, "accepted": len(_accepted(answers)), "turned_away": len(turned_away),
        "told_when": sum(bool(answer.retry_after) for answer in turned_away), "grown_mib": intake.resident_mib() - before,
    }  # fmt: skip


def _accepted(answers: Sequence[Answer]) -> list[Answer]:
    return [answer for answer in answers if answer.status == ACCEPTED]


def _waits(answers: Sequence[Answer]) -> dict[str, float]:
    waited = spread([answer.waited_ms for answer in answers])
    return {"p50_ms": waited["p50"], "p99_ms": waited["p99"]}


async def measure(kinds: Sequence[str], *, quick: bool) -> dict[str, Any]:
    """By database: the rush, the stress minute, half of what was accepted in the rush, the flood; on PostgreSQL rush and stress minute with
    two processes; then the rush behind another server.
    """
    found: dict[str, Any] = {}
    for kind in kinds:
        say(f"intake on {kind} …")
        async with running(kind, stand.UVICORN) as intake:
            one: dict[str, Any] = {"rush": await rush([intake], 5 if quick else 20)}
            one["stress"] = await steady([intake], STRESS, 5 if quick else 60)
            one["half"] = await steady([intake], one["rush"]["accepted_per_s"] / 2, 5 if quick else 20)
            one["flood"] = await flood(intake)
        if kind == "postgres":
            async with running_all(kind, stand.UVICORN, 2) as intakes:
                one["two_rush"] = await rush(intakes, 5 if quick else 20)
                one["two_stress"] = await steady(intakes, STRESS, 5 if quick else 60)
        if not quick:
            one["granian"] = await _behind_granian(kind)
        found[kind] = one
    return found


async def _behind_granian(kind: str) -> dict[str, float] | None:
    try:
        command = await granian.command()
    except granian.NotRun as error:
        say(f"  granian not run: {error}")
        return None
    async with running(kind, command) as intake:
        return await rush([intake], 20)


def table(found: dict[str, Any]) -> str:
    """What a person reads."""
    lines = []
    for kind, one in found.items():
        for name, figures in one.items():
            told = "not run" if figures is None else ", ".join(f"{n.replace('_', ' ')} {v:.1f}" for n, v in figures.items())
            lines.append(f"{kind:9} {name:8} {told}")
        reached = one["rush"]["accepted_per_s"]
        lines.append(f"{kind:9} goal     at least {GOALS[kind]}/s: {reached:.0f} {'met' if reached >= GOALS[kind] else 'MISSED'}")
    return "\n".join(lines)


def main(kinds: Sequence[str], *, quick: bool, as_json: bool) -> int:
    """0 unless a report was neither accepted nor told to come again."""
    found = uvloop.run(measure(kinds, quick=quick))
    print(json.dumps(found) if as_json else table(found))
    odd = sum(one["rush"]["not_accepted"] for one in found.values())
    return 1 if odd else 0
