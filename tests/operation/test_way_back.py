"""An upgrade that is taken back: `migrate`, `provision` and `run` of the version before meet the newer one's tables and streams, and go on."""

import pytest
from alembic.script import ScriptDirectory
from sqlalchemy import text

from services import local
from services.operation import backup, doctor
from shared import gates, migrations
from shared import settings as configuration
from shared.messages import Refused
from shared.migrations import compatible
from shared.settings import SERVICES
from shared.testing.databases import fresh_database
from tests.fabric.servers import nats_server
from tests.operation.newer import following, newer, upgraded
from tests.operation.programs import ended, started

OURS = {service: str(migrations.head_of(service)) for service in SERVICES}
UNKNOWN = "Cơ sở dữ liệu của {} ở lược đồ {} mà bản này không biết, và ở đó không ghi rằng bản này ({}) chạy được: hãy chạy bản đã chuyển đổi nó hoặc bản mới hơn"


@pytest.fixture
async def installation(tmp_path, database_url):
    """The environment of an installation of this version, migrated and provisioned."""
    async with nats_server(tmp_path / "nats") as broker:
        environment = {
            "THIDUA_DATA": str(tmp_path / "data"), "THIDUA_NATS_URL": broker.nats, "THIDUA_NATS_MONITOR_URL": broker.monitor,
            "THIDUA_DATABASE_URL": database_url,
        }  # fmt: skip
        settings = configuration.load(environment)
        await local.migrate_all(settings)
        await local.provision(settings)
        yield environment, settings


async def told_of_tables(settings) -> dict[str, doctor.Finding]:
    return {found.name: found for found in await doctor.examine(settings) if found.name in {f"database {service}" for service in SERVICES}}


@pytest.mark.slow
async def test_the_jobs_and_services_of_the_version_before_pass_on_what_a_newer_one_left(installation, tmp_path):
    environment, settings = installation
    await upgraded(settings, tmp_path / "newer")
    told = "registration, reporting, evaluation, notification: the tables are a newer version's; this version runs on them, nothing to do"
    assert await ended("services", "migrate", **environment) == (0, [told])
    assert (await ended("services", "provision", **environment))[0] == 0
    async with started("reporting", **environment) as probe:
        assert await probe("ready") == 200
    for service, found in (await told_of_tables(settings)).items():
        assert found.fault is None
        assert found.told == f"{following(OURS[service.split()[1]], 2)}, a newer version's; this version ({OURS[service.split()[1]]}) runs on it"
    with newer(tmp_path / "again"):
        stood = await local.migrate_all(settings)
        assert {one.place for one in stood.values()} == {"current"}, "what the version before did took nothing back"


@pytest.mark.slow
async def test_where_the_newer_version_took_something_away_the_version_before_ends_with_one_sentence(installation, tmp_path):
    environment, settings = installation
    await upgraded(settings, tmp_path / "newer", floor=2)
    present = following(OURS["reporting"], 2)
    for command in (["migrate", "reporting"], ["run", "reporting"]):
        status, [told] = await ended("services", *command, **environment)
        assert (status, told.startswith(UNKNOWN.format("reporting", present, OURS["reporting"]))) == (1, True), told
    assert {found.fault.render("en").split(",")[0] for found in (await told_of_tables(settings)).values()} == {
        f"The database of {service} is at schema {following(OURS[service], 2)}" for service in SERVICES
    }


async def test_a_newer_migration_cut_short_leaves_tables_on_which_both_versions_know_what_to_do(installation, tmp_path):
    """After its first revision of two the version before runs on them, even if the second takes something away, and the newer one goes on from there."""
    _, settings = installation
    async with local.database_of(settings, "evaluation") as database:
        with newer(tmp_path / "newer", floor=1):
            await migrations.migrate(database, following(OURS["evaluation"]))
            with pytest.raises(Refused, match=r"dừng ở .* hãy chạy lại thidua migrate"):
                await gates.migrated(settings, "evaluation")
        await gates.migrated(settings, "evaluation")
        with newer(tmp_path / "again", floor=1):
            await migrations.migrate(database)
            await gates.migrated(settings, "evaluation")
        with pytest.raises(Refused, match="mà bản này không biết"):
            await gates.migrated(settings, "evaluation")


@pytest.mark.parametrize("strange", ["elsewhere_0001", "reporting_0999"])
async def test_a_revision_of_which_nothing_says_that_this_version_runs_on_it_is_refused_and_not_touched(strange, database_kind):
    async with fresh_database("reporting", database_kind) as database:
        async with database.write() as session:
            await session.execute(text("UPDATE alembic_version SET version_num = :revision"), {"revision": strange})
            await session.execute(text(f"DELETE FROM {compatible.TABLE}"))
        assert (await migrations.standing_of(database)).place == "foreign"
        with pytest.raises(Refused, match=strange):
            await migrations.migrate(database)
        assert await migrations.revision_of(database) == strange


async def test_tables_made_before_programs_were_noted_are_noted_by_the_next_revision(tmp_path, database_kind):
    async with fresh_database("reporting", database_kind) as database:
        async with database.write() as session:
            await session.execute(text(f"DROP TABLE {compatible.TABLE}"))
        assert (await migrations.standing_of(database)).place == "current"
        with newer(tmp_path):
            await migrations.migrate(database)
        assert (await migrations.standing_of(database)).place == "newer"


async def test_an_older_schema_is_behind_whatever_it_says_of_programs(database_kind):
    async with fresh_database("reporting", database_kind) as database:
        first, *_ = [one.revision for one in ScriptDirectory.from_config(migrations.configuration("reporting")).walk_revisions()][::-1]
        async with database.write() as session:
            await session.execute(text("UPDATE alembic_version SET version_num = :revision"), {"revision": first})
        assert (await migrations.standing_of(database)).place == "behind"


async def test_a_backup_of_newer_tables_by_the_version_before_is_restored_by_the_newer_one(installation, tmp_path):
    """The version before cannot know what is in it, and says so."""
    _, settings = installation
    await upgraded(settings, tmp_path / "newer")
    file = await backup.backup(settings, tmp_path / "backups")
    async with nats_server(tmp_path / "other") as broker:
        empty = settings.model_copy(update={"data": tmp_path / "host", "nats_url": broker.nats, "database_url": ""})
        empty = empty.model_copy(update={"signing_key": configuration.load({"THIDUA_SIGNING_KEY_FILE": str(settings.data / "signing-key.pem")}).signing_key})
        with pytest.raises(Refused, match="mới hơn chương trình này"):
            await backup.restore(empty, file)
        with newer(tmp_path / "again"):
            await backup.restore(empty, file)
            await gates.migrated(empty, "reporting")
        await gates.migrated(empty, "reporting")
