"""The doctor tells who acknowledges before it is on the disk, and what is nearly full."""

import asyncio
import contextlib

import asyncpg
import nats
import pytest
from sqlalchemy import event
from sqlalchemy.engine import Engine

from services import local
from services.operation import doctor, examination
from shared import settings as configuration
from shared.testing.databases import fresh_url, postgres_url
from tests.fabric.servers import nats_server
from tests.faults.test_full_disk import small_disk
from tests.operation.patient import in_health, listening


@pytest.fixture
async def healthy(tmp_path):
    async with in_health(tmp_path) as made:
        yield made


@contextlib.asynccontextmanager
async def set_in_postgres(change: str, back: str):
    """A real server that runs with this setting; it is the tests' own, and is as before afterwards."""
    connection = await asyncpg.connect(postgres_url())
    try:
        await connection.execute(change)
        await connection.execute("SELECT pg_reload_conf()")
        yield
    finally:
        await connection.execute(back)
        await connection.execute("SELECT pg_reload_conf()")
        await connection.close()


@pytest.mark.parametrize("name", ["fsync", "full_page_writes"])
async def test_a_postgresql_that_does_not_write_is_told(healthy, name):
    async with fresh_url("postgres") as url:
        given = healthy.model_copy(update={"reporting_database_url": url})
        await local.migrate_all(given, ["reporting"])
        async with set_in_postgres(f"ALTER SYSTEM SET {name} = off", f"ALTER SYSTEM RESET {name}"):
            wrong = await until_told(given)
    assert [name for name, _ in wrong] == ["database's disk reporting"]
    assert f"({name} = off): set it to on in postgresql.conf" in wrong[0][1]


async def until_told(given) -> list[tuple[str, str]]:
    """What doctor says once the server has read its configuration again, which it does a moment after it was asked to."""
    async with asyncio.timeout(60):
        while not (wrong := [(f.name, f.line("en")) for f in await doctor.examine(given) if f.fault]):
            await asyncio.sleep(0.05)
    return wrong


async def test_a_role_or_database_that_does_not_wait_for_the_disk_is_told_whatever_the_files_say(healthy):
    async with fresh_url("postgres") as url:
        given = healthy.model_copy(update={"evaluation_database_url": url})
        await local.migrate_all(given, ["evaluation"])
        assert [f.line("en") for f in await doctor.examine(given) if f.fault] == []
        name = url.partition("?")[0].rpartition("/")[2]
        async with set_in_postgres(f'ALTER DATABASE "{name}" SET synchronous_commit = off', f'ALTER DATABASE "{name}" RESET synchronous_commit'):
            wrong = [f.line("en") for f in await doctor.examine(given) if f.fault]
    assert len(wrong) == 1
    assert "NOT database's disk evaluation: PostgreSQL of evaluation acknowledges what is not safely on its disk (synchronous_commit = off)" in wrong[0]


async def test_a_postgresql_that_takes_no_writes_is_told(healthy):
    async with fresh_url("postgres") as url:
        given = healthy.model_copy(update={"evaluation_database_url": url})
        await local.migrate_all(given, ["evaluation"])
        name = url.partition("?")[0].rpartition("/")[2]
        on, reset = (f'ALTER DATABASE "{name}" {words}' for words in ("SET default_transaction_read_only = on", "RESET default_transaction_read_only"))
        async with set_in_postgres(on, reset):
            [wrong] = [f.line("en") for f in await doctor.examine(given) if f.fault]
    assert wrong.startswith("NOT database's disk evaluation: PostgreSQL of evaluation can only be read (transaction_read_only = on): it is a standby, or ")


async def test_an_sqlite_that_does_not_wait_for_the_disk_is_told(healthy):
    """The program sets FULL on each connection; here something sets it off before each transaction."""

    def off(connection):
        connection.exec_driver_sql("PRAGMA synchronous=OFF")

    told = {f.name: f for f in await doctor.examine(healthy)}["database's disk reporting"]
    assert (told.fault, told.told) == (None, "synchronous FULL, journal wal")
    event.listen(Engine, "begin", off)
    try:
        wrong = [f.line("en") for f in await doctor.examine(healthy) if f.fault]
    finally:
        event.remove(Engine, "begin", off)
    assert wrong == [
        f"NOT database's disk {service}: SQLite of {service} acknowledges before it has written (synchronous=0): it must be FULL."
        for service in configuration.SERVICES
    ]


async def test_a_broker_whose_store_is_nearly_full_is_told(tmp_path, healthy):
    async with nats_server(tmp_path / "small", sync="sync_interval: always\n max_file_store: 1000000") as small:
        given = healthy.model_copy(update={"nats_url": small.nats, "nats_monitor_url": small.monitor})
        await local.provision(given)
        async with listening(given):
            assert [f.line("en") for f in await doctor.examine(given) if f.fault] == []
            connection = await nats.connect(small.nats)
            for _ in range(19):
                await connection.jetstream().publish("clock.minute.ticked.v1", bytes(50_000))
            await connection.close()
            wrong = [f.line("en") for f in await doctor.examine(given) if f.fault]
    assert len(wrong) == 1
    assert "NOT broker's space: Only 5 % of what the NATS server n1 may store is free" in wrong[0]


async def test_a_broker_that_acknowledges_before_it_writes_is_told(tmp_path, healthy):
    async with nats_server(tmp_path / "lazy", sync="") as lazy:
        given = healthy.model_copy(update={"nats_url": lazy.nats, "nats_monitor_url": lazy.monitor})
        await local.provision(given)
        async with listening(given):
            wrong = [f.line("en") for f in await doctor.examine(given) if f.fault]
    assert len(wrong) == 1
    assert "sync_interval: always" in wrong[0]


async def test_a_full_disk_is_told(tmp_path):
    with small_disk(tmp_path / "small") as folder:
        assert (await examination.look(next(doctor.checks(configuration.load({}, data=folder))))).fault is None
        (folder / "ballast").write_bytes(bytes(46 << 20))
        found = await examination.look(next(doctor.checks(configuration.load({}, data=folder))))
    assert "only 4 % of the disk" in found.line("en")
