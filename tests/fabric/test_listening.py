"""On PostgreSQL a relay hears what processes without one commit, also after the server has ended its connection or was started again."""

import pytest

from shared import settings as configuration
from shared.database import Database
from shared.events.registration import SessionEnded
from shared.inbox import Hears
from shared.outbox import record, waiting
from shared.service import Service
from tests.fabric.conftest import NOW, run_service, until
from tests.faults.postgres import Postgres, own_postgres


@pytest.fixture
def postgres():
    with own_postgres() as server:
        yield server


@pytest.fixture
async def relaying(tmp_path, nats_url, postgres, monkeypatch):
    """A service that looks for itself so seldom that only what it is told can wake it."""
    monkeypatch.setattr("shared.outbox.POLL_SECONDS", 600)
    monkeypatch.setattr("shared.outbox.LISTEN_SECONDS", 0.05)
    url = postgres.url.replace("postgresql://", "postgresql+asyncpg://")
    async with run_service(configuration.load({}, data=tmp_path, nats_url=nats_url, database_url=url, clock="simulated"), Hears("registration")) as service:
        yield service


async def what_a_command_says_is_published(relaying: Service) -> None:
    """A command has no relay: it commits, and PostgreSQL tells."""
    command = Database(relaying.database.url, "registration")
    try:
        async with command.write() as session:
            await record(session, SessionEnded(session="s", officer="x"), NOW)

        async def published() -> bool:
            return not await waiting(command)

        await until(published)
    finally:
        await command.close()


@pytest.mark.parametrize("fault", [Postgres.terminate, Postgres.restart])
async def test_it_hears_before_and_after_and_what_was_said_meanwhile(fault, relaying, postgres):
    await what_a_command_says_is_published(relaying)
    await fault(postgres)
    await what_a_command_says_is_published(relaying)
    await what_a_command_says_is_published(relaying)
