"""kill -9 at the points where a lesser fabric loses or doubles: between commit and publish, publish and mark, effect and ack."""

import asyncio
import signal
import sys

import nats
import pytest
from sqlalchemy import func, select

from shared import streams
from shared.database import Database
from shared.outbox import outbox
from tests.faults.victim import hears, sums

COUNT = 60


async def victim(role, point, data, nats_url, database_url, *, dies):
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.faults.victim", role, point, str(data), nats_url, database_url, str(COUNT),
        stderr=asyncio.subprocess.PIPE,
    )
    _, errors = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == (-signal.SIGKILL if dies else 0), errors.decode()


@pytest.fixture
async def place(tmp_path, nats_url, database_url):
    connection = await nats.connect(nats_url)
    await streams.provision(connection.jetstream(), streams.stream_configs([], 1), streams.durables([hears], []))
    yield tmp_path, nats_url, database_url, connection.jetstream()
    await connection.close()


def database_of(tmp_path, database_url, service):
    return Database(database_url or f"sqlite+aiosqlite:///{tmp_path / service}.sqlite", service)


@pytest.mark.parametrize("point", ["after_commit", "after_publish"])
async def test_a_teller_killed_there_publishes_each_event_and_the_stream_keeps_one_copy(place, point):
    tmp_path, nats_url, database_url, jetstream = place
    await victim("teller", point, tmp_path, nats_url, database_url, dies=True)
    before = (await jetstream.stream_info("REGISTRATION")).state.messages
    assert before == (0 if point == "after_commit" else COUNT), "the process must have died at the point it was told to"
    await victim("teller", "none", tmp_path, nats_url, database_url, dies=False)
    assert (await jetstream.stream_info("REGISTRATION")).state.messages == COUNT
    database = database_of(tmp_path, database_url, "registration")
    async with database.read() as session:
        assert await session.scalar(select(func.count()).select_from(outbox)) == COUNT
        assert await session.scalar(select(func.count()).where(outbox.c.sent.is_(None))) == 0
    await database.close()


@pytest.mark.parametrize("point", ["before_ack", "half_batch"])
async def test_a_hearer_killed_there_counts_each_event_once(place, point):
    tmp_path, nats_url, database_url, _ = place
    await victim("teller", "none", tmp_path, nats_url, database_url, dies=False)
    await victim("hearer", point, tmp_path, nats_url, database_url, dies=True)
    await victim("hearer", "none", tmp_path, nats_url, database_url, dies=False)
    database = database_of(tmp_path, database_url, "evaluation")
    async with database.read() as session:
        row = (await session.execute(select(sums.c.sum, sums.c.count))).one()
    await database.close()
    assert (row.sum, row.count) == (sum(range(COUNT)), COUNT)
