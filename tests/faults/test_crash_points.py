"""kill -9 at the points where a lesser fabric loses or doubles: tables and streams agree after every recovery."""

import asyncio
import json
import os
import sys

import pytest

from shared.bundled import BundledBroker, _die_with_parent
from shared.testing.databases import KINDS, fresh_url
from tests.faults.plan import ROUNDS


async def crash(rounds: int, seed: int, tmp_path, nats_url: str, database_url: str) -> dict[str, int]:
    """How often each point was died at, with no mismatch."""
    environment = {
        "THIDUA_DATA": str(tmp_path / "data"), "THIDUA_NATS_URL": nats_url, "THIDUA_DATABASE_URL": database_url, "THIDUA_CLOCK": "simulated",
    }  # fmt: skip
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.faults.crash", str(rounds), str(seed), env=os.environ | environment,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, preexec_fn=_die_with_parent,
    )  # fmt: skip
    out, errors = await process.communicate()
    assert process.returncode == 0, errors.decode()[-4000:]
    return json.loads(out.splitlines()[-1])


def told(died: dict[str, int], kind: str, rounds: int) -> str:
    assert set(died.values()) == {rounds}
    return f"2 crash points, {kind}: {', '.join(died)}, {rounds} times each: 0 mismatches between tables and streams"


async def test_tables_and_streams_agree_wherever_a_process_dies(seed, tmp_path, nats_url, database_url, database_kind, figure):
    figure(told(await crash(1, seed, tmp_path, nats_url, database_url), database_kind, 1))


@pytest.mark.faults
async def test_they_agree_however_often_it_dies(seed, tmp_path, figure):
    """Both databases at once, each with a broker of its own: most of the time is waiting for what a dead process held."""

    async def play(kind: str) -> None:
        folder = tmp_path / kind
        broker = BundledBroker(folder / "nats")
        await broker.start()
        try:
            async with fresh_url(kind) as url:
                figure(told(await crash(ROUNDS // 2, seed, folder, broker.url, url), kind, ROUNDS // 2))
        finally:
            await broker.stop()

    async with asyncio.TaskGroup() as group:
        for kind in KINDS:
            group.create_task(play(kind))
