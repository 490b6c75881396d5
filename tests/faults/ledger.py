"""The producer: sends reports at a rate, again until each is acknowledged, and writes down, fsynced, what was acknowledged."""

import asyncio
import json
import os
import random
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from time import perf_counter

import httpx

UNITS = 40
PER_CALL = 10
AGAIN_SECONDS = 0.2
CALL_SECONDS = 10.0


class Ledger:
    """What callers were told is accepted: one line each, on the disk before anybody relies on it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = path.open("a", encoding="utf-8")

    def acknowledged(self, lines: list[dict]) -> None:
        self._file.writelines(json.dumps(line) + "\n" for line in lines)
        self._file.flush()
        os.fsync(self._file.fileno())

    def lines(self) -> list[dict]:
        return [json.loads(line) for line in self.path.read_text(encoding="utf-8").splitlines()]

    def books(self) -> dict[str, tuple[int, int]]:
        """By unit: how many reports, and their sum."""
        number: Counter[str] = Counter()
        total: Counter[str] = Counter()
        for line in self.lines():
            number[line["unit"]] += 1
            total[line["unit"]] += line["amount"]
        return {unit: (number[unit], total[unit]) for unit in number}

    def __len__(self) -> int:
        return len(self.lines())

    def close(self) -> None:
        self._file.close()


class Producer:
    """Reports from a seed, in an open loop. `answers` counts what callers were answered, `times` says when and how long each call took."""

    def __init__(self, address: Callable[[], str], ledger: Ledger, seed: int, prefix: str = "r") -> None:
        self.address, self.ledger, self.prefix, self.per_call = address, ledger, prefix, PER_CALL
        self.dice = random.Random(seed)
        self.answers: Counter[str] = Counter()
        self.times: list[tuple[float, float]] = []
        self.made = 0
        self._client = httpx.AsyncClient(timeout=CALL_SECONDS)

    def call(self) -> list[dict]:
        lines = []
        for _ in range(self.per_call):
            self.made += 1
            unit = f"u{self.dice.randrange(UNITS)}"
            lines.append({"key": f"{self.prefix}{self.made}", "unit": unit, "amount": self.dice.randrange(1, 1000)})
        return lines

    async def ask(self, lines: list[dict]) -> httpx.Response:
        return await self._client.post(f"{self.address()}/reporting/api/reports", json=lines)

    async def send(self, lines: list[dict]) -> None:
        """Until it is acknowledged: the same keys again whenever the answer is an error or none."""
        while True:
            started = perf_counter()
            try:
                response = await self.ask(lines)
            except httpx.HTTPError as error:
                self.answers[type(error).__name__] += 1
            else:
                self.answers[str(response.status_code)] += 1
                if response.is_success:
                    self.times.append((started, perf_counter() - started))
                    self.ledger.acknowledged(lines)
                    return
            await asyncio.sleep(AGAIN_SECONDS)

    async def run(self, per_second: int, seconds: float) -> float:
        """Send for so long, wait until the last is acknowledged; how many a second were really carried."""
        stop = asyncio.Event()
        asyncio.get_running_loop().call_later(seconds, stop.set)
        return await self.until(per_second, stop)

    async def until(self, per_second: int, stop: asyncio.Event) -> float:
        """Send until `stop`, in an open loop: a call leaves at its own time, whatever became of those before."""
        started, calls = perf_counter(), 0
        async with asyncio.TaskGroup() as group:
            while not stop.is_set():
                group.create_task(self.send(self.call()))
                calls += 1
                await asyncio.sleep(max(0.0, started + calls * self.per_call / per_second - perf_counter()))
        return calls * self.per_call / (perf_counter() - started)

    async def close(self) -> None:
        await self._client.aclose()


def p99(values: list[float]) -> float:
    ordered = sorted(values)
    return ordered[int(len(ordered) * 0.99)]
