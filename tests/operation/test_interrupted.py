"""What was cut short by kill -9: start-up says in one sentence what is half done and the cure, nothing is ready, and the same command again completes it."""

import asyncio
import contextlib

import nats
import pytest

from services import local
from services.local import Local
from services.operation import backup, tables
from services.registration import campaigns, keys
from services.simulation.demo import CAMPAIGN
from shared import migrations, restoring
from shared import settings as configuration
from shared.bundled import free_port
from shared.messages import Refused
from shared.outbox import waiting
from shared.security import wall_now
from shared.settings import SERVICES
from shared.testing.databases import fresh_url
from tests.fabric.servers import nats_server
from tests.operation.programs import ended, started

HALF_OF_ALL = "CREATE INDEX submissions_missed:1"
"""In the middle of notification's last revision, after the other three services are done."""


async def test_a_migration_killed_half_way_is_told_at_the_start_and_completed_by_the_same_job(tmp_path, database_url, database_kind):
    """SQLite keeps each whole revision, PostgreSQL all of a service's or none: neither ever keeps half a revision."""
    async with nats_server(tmp_path / "nats") as broker:
        environment = {
            "THIDUA_DATA": str(tmp_path / "data"), "THIDUA_NATS_URL": broker.nats, "THIDUA_NATS_MONITOR_URL": broker.monitor,
            "THIDUA_DATABASE_URL": database_url,
        }  # fmt: skip
        settings = configuration.load(environment)
        async with local.database_of(settings, "notification") as database:
            await migrations.migrate(database, "notification_0002")
            assert await ended("tests.operation.interrupted", HALF_OF_ALL, "--", "migrate", **environment) == (0, [])
            kept = {"sqlite": "notification_0004", "postgres": "notification_0002"}[database_kind]
            assert await migrations.revision_of(database) == kept
        await local.provision(settings)
        told = f"Việc chuyển đổi cơ sở dữ liệu của notification dừng ở {kept}, bản này cần {migrations.head_of('notification')}: hãy chạy lại thidua migrate"
        assert await ended("services", "run", "notification", **environment) == (1, [f"{told}, việc dở dang sẽ được làm tiếp."])
        assert await ended("services", "migrate", **environment) == (0, ["migrated: registration, reporting, evaluation, notification"])
        async with started("notification", **environment) as probe:
            assert await probe("ready") == 200


async def test_probes_tell_live_from_started_from_ready(tmp_path):
    """When the broker is away a process is not to be restarted, only to be sent nothing."""
    async with contextlib.AsyncExitStack() as stack:
        broker = await stack.enter_async_context(nats_server(tmp_path / "nats"))
        environment = {"THIDUA_DATA": str(tmp_path / "data"), "THIDUA_NATS_URL": broker.nats, "THIDUA_NATS_MONITOR_URL": broker.monitor}
        settings = configuration.load(environment)
        await local.migrate_all(settings)
        await local.provision(settings)
        async with started("reporting", **environment) as probe:
            assert [await probe(name) for name in ("live", "started", "ready")] == [200, 200, 200]
            await stack.aclose()
            assert [await probe(name) for name in ("live", "started", "ready")] == [200, 200, 503]


async def test_a_broker_or_a_database_that_never_comes_ends_with_one_sentence_that_names_its_setting(tmp_path):
    away = {"THIDUA_DATA": str(tmp_path), "THIDUA_NATS_URL": f"nats://127.0.0.1:{free_port()}", "THIDUA_NATS_MONITOR_URL": "http://127.0.0.1:1", "PATIENCE": "0.5"}
    status, told = await ended("tests.operation.interrupted", "--", "run", "reporting", **away)
    assert (status, told) == (1, ["broker: nothing answers; start it, or correct THIDUA_NATS_URL."])
    away["THIDUA_DATABASE_URL"] = f"postgresql://thidua:secret@127.0.0.1:{free_port()}/thidua"
    status, told = await ended("tests.operation.interrupted", "--", "run", "reporting", **away)
    assert (status, len(told)) == (1, 1)
    assert told[0].startswith("Không tới được cơ sở dữ liệu của reporting (")
    assert told[0].endswith("hãy kiểm tra THIDUA_DATABASE_URL và máy chủ PostgreSQL.")
    assert "secret" not in told[0]


FIRST_STEPS = ("INSERT INTO half_restored:3", "INSERT INTO {registration}units (:1", "UPDATE outbox SET sent:2")
"""While the marks are put, while registration is filled (the others are), and when the streams are back."""
LAST_STEPS = ("INSERT INTO half_restored:6", "DROP TABLE half_restored:2")
"""While all are marked as filled, and while the marks are taken away."""


@pytest.fixture
async def archive(tmp_path, settings):
    """A backup of an installation with a campaign and its events, and what was in it."""
    async with Local(settings) as whole:
        async with local.database_of(settings, "registration") as database, database.write() as session:
            await campaigns.load(session, CAMPAIGN, wall_now())
        await whole.start()
        async with asyncio.timeout(60):
            while any([sum((await service.lag()).values()) or await waiting(service.database) for service in whole.services]):
                await asyncio.sleep(0.05)
        await local.provision(settings)
        keys.signing_key(settings)
        return await backup.backup(settings, tmp_path / "backups"), await contents(settings, tmp_path / "before")


async def contents(settings, folder) -> dict[str, object]:
    """Rows by table and messages by stream; fewer rows or messages, or more, are another content."""
    found: dict[str, object] = {}
    for service in SERVICES:
        async with local.database_of(settings, service) as database:
            found[service] = await tables.dump(database, folder / service)
    connection = await nats.connect(settings.nats_url)
    found["streams"] = {info.config.name: info.state.messages for info in await connection.jetstream().streams_info()}
    await connection.close()
    return found


@pytest.mark.slow
@pytest.mark.parametrize("to", ["sqlite", "postgres"])
async def test_a_restore_killed_wherever_it_was_is_completed_by_the_same_command_and_no_service_starts_before(archive, settings, tmp_path, to):
    file, content = archive
    async with nats_server(tmp_path / "other") as broker, fresh_url(to) as url:
        environment = {
            "THIDUA_DATA": str(tmp_path / "host"), "THIDUA_NATS_URL": broker.nats, "THIDUA_NATS_MONITOR_URL": broker.monitor, "THIDUA_DATABASE_URL": url,
            "THIDUA_SIGNING_KEY_FILE": str(settings.data / "signing-key.pem"),
        }  # fmt: skip
        host = configuration.load(environment)
        points = [point.format(registration="registration." if url else "") for point in FIRST_STEPS]
        assert await ended("tests.operation.interrupted", *points, "--", "restore", str(file), **environment) == (0, [])
        await local.provision(host)
        half = f"Việc phục hồi {file.name} vào cơ sở dữ liệu của evaluation bị ngắt giữa chừng: hãy chạy lại thidua restore {file.name}"
        assert await ended("services", "run", "evaluation", **environment) == (1, [f"{half}, việc đó sẽ làm lại từ đầu."])
        with pytest.raises(Refused, match=r"registration bị ngắt"):
            await local.migrate_all(host)
        with pytest.raises(Refused, match="bị ngắt"):
            await backup.backup(host, tmp_path / "half")
        assert await ended("tests.operation.interrupted", *LAST_STEPS, "--", "restore", str(file), **environment) == (0, [])
        other = file.rename(file.with_name("thidua-20200101T000000Z.tar.gz"))
        with pytest.raises(Refused, match=rf"hãy chạy lại thidua restore {file.name}"):
            await backup.restore(host, other)
        other.rename(file)
        await backup.restore(host, file)
        assert await contents(host, tmp_path / "after") == content
        assert not list(host.data.glob(".thidua-restore-*")), "what was unpacked is gone"
        for service in SERVICES:
            async with local.database_of(host, service) as database:
                assert await restoring.mark_of(database) is None
        with pytest.raises(Refused, match="không trống"):
            await backup.restore(host, file)
