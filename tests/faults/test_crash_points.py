"""kill -9 at the points where a lesser fabric loses or doubles: tables and streams agree after every recovery."""

import asyncio
import json
import os
import sys

import pytest

from shared.bundled import _die_with_parent
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


@pytest.mark.parametrize("rounds", [1, pytest.param(ROUNDS // 2, marks=pytest.mark.faults)])
async def test_tables_and_streams_agree_wherever_a_process_dies(rounds, seed, tmp_path, nats_url, database_url, database_kind, figure):
    died = await crash(rounds, seed, tmp_path, nats_url, database_url)
    assert set(died.values()) == {rounds}
    figure(f"2 crash points, {database_kind}: {', '.join(died)}, {rounds} times each: 0 mismatches between tables and streams")
