"""How every contestant is measured: rounds of reports as fast as it takes them, then a fixed rate, then its books against what was sent."""

import asyncio
import contextlib
import json
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import psutil

from shared.bundled import _die_with_parent

STALLED_SECONDS = 60
"""So long without a commit, and what is still on the way counts as lost."""
POLL_SECONDS = 0.05
STOP_SECONDS = 15


class Plan(NamedTuple):
    """How much is sent: `rounds` times `count` reports, after `warm_up`, and then `rate` a second for `seconds`."""

    rounds: int
    count: int
    rate: int
    seconds: int
    warm_up: int = 200

    @property
    def total(self) -> int:
        return self.warm_up + self.rounds * self.count + self.rate * self.seconds


@dataclass(frozen=True)
class Setting:
    """Which database, and how many copies the broker keeps."""

    name: str
    database: str
    replicas: int


@dataclass(frozen=True)
class Stage:
    """What a contestant is given: the setting, servers, the file of reports, and a folder for its own files and logs."""

    setting: Setting
    folder: Path
    reports: Path
    broker: str
    database: str


@dataclass
class Road:
    """A running contestant: its producer takes orders; a report is through when each of `ends` has noted its commit."""

    stage: Stage
    ends: Sequence[str]
    processes: dict[str, asyncio.subprocess.Process]
    producer: str
    faults: Callable[[int, int], Awaitable[list[str]]]
    """`await faults(count, thousandths)`: what in its books differs from what was sent."""


Contestant = Callable[[Stage], AbstractAsyncContextManager[Road]]


@dataclass
class Result:
    """What was measured, rates and processor time per report by round; `lost` reports never arrived, `faults` are differences in the books."""

    per_second: list[float] = field(default_factory=list)
    processor_ms: list[float] = field(default_factory=list)
    latencies: list[float] = field(default_factory=list)
    lost: int = 0
    faults: list[str] = field(default_factory=list)

    def figures(self) -> dict[str, float]:
        """Median, least and most of the rounds; percentiles that are measured values."""
        ordered = sorted(self.latencies)
        at = {"p50_ms": 0.5, "p99_ms": 0.99, "p999_ms": 0.999, "max_ms": 1.0}
        rates = {"reports_per_s": median(self.per_second), "least": min(self.per_second), "most": max(self.per_second)}
        rates["processor_ms"] = median(self.processor_ms)
        found = rates | {name: ordered[min(len(ordered) - 1, int(len(ordered) * share))] for name, share in at.items()}
        return {name: round(value, 2) for name, value in found.items()}


class Log:
    """A file in which one process notes instants by report; what is new is read at each look."""

    def __init__(self, path: Path) -> None:
        self.path, self.offset = path, 0
        self.instants: dict[str, int] = {}

    def look(self) -> dict[str, int]:
        """All instants so far; a report that comes again keeps its first."""
        if self.path.exists():
            with self.path.open("rb") as file:
                file.seek(self.offset)
                lines, _, _ = file.read().rpartition(b"\n")
            self.offset += len(lines) + 1 if lines else 0
            for line in lines.decode().splitlines():
                identity, _, instant = line.partition(" ")
                self.instants.setdefault(identity, int(instant))
        return self.instants


class Watch:
    """Sends orders and waits until every report of them is through."""

    def __init__(self, road: Road) -> None:
        self.road = road
        self.sent = Log(road.stage.folder / "sent")
        self.ends = [Log(road.stage.folder / f"commits.{end}") for end in road.ends]
        self.ordered = 0

    async def send(self, count: int, rate: int) -> dict[str, tuple[int, int]]:
        """When each report that came through was submitted and committed at the last of the ends."""
        before = set(self.sent.look())
        process = self.road.processes[self.road.producer]
        process.stdin.write(f"{json.dumps([self.ordered, count, rate])}\n".encode())
        self.ordered += count
        await self._until_through()
        through = set.intersection(*(set(end.look()) for end in self.ends)) - before
        return {i: (at, max(end.instants[i] for end in self.ends)) for i, at in self.sent.look().items() if i in through}

    def processor_seconds(self) -> float:
        """What the contestant's own processes have used so far, without servers: it hardly depends on what else the machine does."""
        times = [psutil.Process(process.pid).cpu_times() for process in self.road.processes.values()]
        return sum(one.user + one.system for one in times)

    async def _until_through(self) -> None:
        seen, quiet = -1, 0.0
        while quiet < STALLED_SECONDS:
            await asyncio.sleep(POLL_SECONDS)
            self._must_run()
            known = [len(log.look()) for log in (self.sent, *self.ends)]
            if min(known) >= self.ordered:
                return
            seen, quiet = sum(known), 0.0 if sum(known) != seen else quiet + POLL_SECONDS

    def _must_run(self) -> None:
        for name, process in self.road.processes.items():
            if process.returncode is not None:
                raise Broken(f"{name} ended with status {process.returncode}: {tail(self.road.stage.folder / f'{name}.log')}")


class Broken(Exception):
    """A contestant did not work; the text says how."""


def tail(path: Path) -> str:
    """The last line of a log."""
    return next(iter(path.read_text(encoding="utf-8", errors="replace").splitlines()[-1:]), "no word in its log")


async def measure(contestant: Contestant, stage: Stage, plan: Plan, thousandths: int) -> Result:
    """Run one contestant through the plan."""
    found = Result()
    async with contestant(stage) as road:
        watch = Watch(road)
        arrived = len(await watch.send(plan.warm_up, 0))
        for _ in range(plan.rounds):
            before = watch.processor_seconds()
            through = await watch.send(plan.count, 0)
            arrived += len(through)
            seconds = (max(done for _, done in through.values()) - min(at for at, _ in through.values())) / 1e9
            found.per_second.append(len(through) / seconds)
            found.processor_ms.append((watch.processor_seconds() - before) * 1000 / len(through))
        through = await watch.send(plan.rate * plan.seconds, plan.rate)
        arrived += len(through)
        found.latencies = [(done - at) / 1e6 for at, done in through.values()]
        found.lost = plan.total - arrived
        found.faults = await road.faults(plan.total, thousandths)
    return found


@contextlib.asynccontextmanager
async def running(folder: Path, commands: Mapping[str, Sequence[str]], **environment: str) -> AsyncIterator[dict[str, Any]]:
    """Processes by name, each with a log in `folder`, ended afterwards; their standard input stays open for orders."""
    processes: dict[str, asyncio.subprocess.Process] = {}
    try:
        for name, command in commands.items():
            with (folder / f"{name}.log").open("ab") as log:
                processes[name] = await asyncio.create_subprocess_exec(
                    *command, stdin=asyncio.subprocess.PIPE, stdout=log, stderr=log, env=os.environ | environment,
                    preexec_fn=_die_with_parent,
                )  # fmt: skip
        yield processes
    finally:
        await asyncio.gather(*map(_end, processes.values()))


async def _end(process: asyncio.subprocess.Process) -> None:
    with contextlib.suppress(ProcessLookupError):
        process.terminate()
    try:
        await asyncio.wait_for(process.wait(), STOP_SECONDS)
    except TimeoutError:
        process.kill()
        await process.wait()


async def until_ready(folder: Path, processes: Mapping[str, asyncio.subprocess.Process]) -> None:
    """Wait until each process has made the file `<name>.ready`."""
    async with asyncio.timeout(STALLED_SECONDS):
        while missing := [name for name in processes if not (folder / f"{name}.ready").exists()]:
            for name in missing:
                if processes[name].returncode is not None:
                    raise Broken(f"{name} ended with status {processes[name].returncode}: {tail(folder / f'{name}.log')}")
            await asyncio.sleep(POLL_SECONDS)


def python(module: str, *arguments: object) -> list[str]:
    """The command line of a module of ours."""
    return [sys.executable, "-m", module, *map(str, arguments)]
