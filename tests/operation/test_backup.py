"""The restore drill: a backup taken under load, put back on an empty host, gives the same ranking and loses nobody's report."""

import asyncio
import contextlib
import shutil
import subprocess
import tarfile
import tempfile
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from errno import ENOSPC

import pytest
from nats.errors import NoServersError
from sqlalchemy import func, select

from services import local
from services.command_line import parser
from services.commands import COMMAND_LINE, COMMANDS
from services.evaluation import rankings, rebuild
from services.local import Local
from services.operation import archives, backup
from services.registration import keys
from services.simulation.story import SECRETARY
from shared import audit, broker, campaigns
from shared import settings as configuration
from shared.bundled import BundledBroker
from shared.messages import Refused
from shared.outbox import outbox
from shared.settings import SERVICES
from shared.testing.databases import fresh_url
from tests.journeys.conftest import staged

UNITS = ("xa-ta-tong", "xa-mu-ca", "xa-bum-nua", "xa-bum-to", "huyen-muong-te")


async def ranking(stage):
    return (await stage.ask(SECRETARY, "GET", "/evaluation/api/rankings/current"))["ranking_hash"]


async def play(stage) -> None:
    await stage.take_part(*UNITS)
    await stage.at(stage.scene.loaded.campaign.rounds[0].opens_at)
    for unit in UNITS[:3]:
        await stage.do("report", unit)
    await stage.rest()


@contextlib.asynccontextmanager
async def empty_host(folder, kind, key):
    """Another machine: nothing but the program and the signing key."""
    other = BundledBroker(folder / "nats")
    await other.start()
    try:
        async with fresh_url(kind) as url:
            yield configuration.load({}, data=folder / "data", nats_url=other.url, database_url=url, clock="simulated", signing_key=key)
    finally:
        await other.stop()


def key_of(settings) -> str:
    keys.signing_key(settings)
    return (settings.data / "signing-key.pem").read_text()


async def hash_after_catching_up(settings) -> tuple[str, dict[str, int]]:
    """Start the services, let them hear everything again, and read the ranking and how many events each has recorded."""
    async with Local(settings) as whole:
        await whole.start()
        evaluation = whole.services[2]
        while any([sum((await service.lag()).values()) for service in whole.services]):
            await asyncio.sleep(0.05)
        async with evaluation.database.read() as session:
            found = (await rankings.in_force(session, (await campaigns.listed(session))[0]))[0]
        return found, {service.name: await recorded(service.database) for service in whole.services}


async def recorded(database) -> int:
    async with database.read() as session:
        return await session.scalar(select(func.count()).select_from(outbox))


async def test_the_drill_gives_the_same_ranking(tmp_path, broker, database_kind, database_url):
    """Whatever database it was and will be: from SQLite to PostgreSQL and back too."""
    async with staged(tmp_path / "data", broker, database_url) as stage:
        await play(stage)
        settings = stage.scene.local.settings
        before, events = await ranking(stage), {s.name: await recorded(s.database) for s in stage.scene.local.services}
        file = await backup.backup(settings, tmp_path / "backups")
        key = key_of(settings)
    for kind in ("sqlite", "postgres"):
        async with empty_host(tmp_path / f"to-{kind}", kind, key) as host:
            await backup.restore(host, file)
            assert await hash_after_catching_up(host) == (before, events)
            assert {service: await in_stream(host, service) for service in SERVICES} == events, "nothing is published twice"
            async with local.database_of(host, "registration") as database, database.read() as session:
                assert (await audit.verify(session))[1] is None


async def test_a_backup_under_load_is_of_one_piece(tmp_path, broker, database_url):
    """Reports go on coming in while it is made; what is put back is a state that once was, with every stream and table agreeing."""
    async with staged(tmp_path / "data", broker, database_url) as stage:
        await play(stage)
        settings = stage.scene.local.settings
        enough = asyncio.Event()
        loading = asyncio.create_task(load(stage, enough))
        file = await backup.backup(settings, tmp_path / "backups")
        enough.set()
        assert await loading > len(UNITS)
        await stage.rest()
        key = key_of(settings)
    async with empty_host(tmp_path / "other", "sqlite", key) as host:
        await backup.restore(host, file)
        found, events = await hash_after_catching_up(host)
        assert (await rebuild.rebuild(host))["ranking_hash"] == found, "the tables and the streams tell different stories"
        for service in SERVICES:
            assert await in_stream(host, service) >= events[service] > 0


async def load(stage, enough: asyncio.Event) -> int:
    """New versions of reports, one after another; how many."""
    acts = [next(a for a in stage.acts["report"] if a.unit == unit) for unit in UNITS]
    number = 0
    while not enough.is_set():
        number += 1
        act = acts[number % len(acts)]
        await stage.hands.do(replace(act, at=act.at + timedelta(seconds=number)))
    return number


async def in_stream(settings, service: str) -> int:
    connection = await broker.open_once(settings)
    try:
        return (await connection.jetstream().stream_info(service.upper())).state.messages
    finally:
        await connection.close()


@pytest.fixture
async def archive(tmp_path, settings):
    """A small archive and the settings of the installation that made it."""
    await local.migrate_all(settings)
    await local.provision(settings)
    return await backup.backup(settings, tmp_path / "backups"), settings


async def refusal(work) -> str:
    with pytest.raises(Refused) as caught:
        await work
    return caught.value.faults[0].render("en")


async def test_nothing_is_put_back_over_something(archive, tmp_path, broker):
    file, settings = archive
    async with local.database_of(settings, "evaluation") as database, database.write() as session:
        await audit.record(session, COMMAND_LINE, "thing.done", "thing", datetime.now(UTC))
    assert "database of evaluation is not empty" in await refusal(backup.restore(settings, file))


async def test_a_changed_archive_is_refused(archive, tmp_path):
    file, settings = archive
    inside = tmp_path / "inside"
    with tarfile.open(file) as tar:
        tar.extractall(inside, filter="data")
    await asyncio.to_thread(subprocess.run, ["sha256sum", "--quiet", "-c", archives.SUMS], cwd=inside, check=True)

    async def packed(name: str) -> str:
        with tarfile.open(tmp_path / name, "w:gz") as tar:
            tar.add(inside, arcname=".")
        return await refusal(backup.check(settings, tmp_path / name, tmp_path / f"check-{name}"))

    with (inside / "reporting" / "audit.jsonl.gz").open("ab") as one:
        one.write(b"x")
    assert "reporting/audit.jsonl.gz in the backup is damaged" in await packed("damaged.tar.gz")
    sums = (inside / archives.SUMS).read_text()
    (inside / archives.SUMS).write_text(sums.replace("  reporting/audit", "  reporting/other"))
    assert "the file was changed" in await packed("resummed.tar.gz")
    (tmp_path / "half.tar.gz").write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    assert "cannot be read" in await refusal(backup.check(settings, tmp_path / "half.tar.gz", tmp_path / "check-half"))


async def test_a_file_damaged_anywhere_in_it_is_refused_with_a_sentence(archive, tmp_path):
    """Whether the packing, a list or a file's own bytes are hit: never a traceback, never a quiet yes."""
    file, settings = archive
    whole = file.read_bytes()
    broken = tmp_path / "broken.tar.gz"
    for part, at in enumerate([*(len(whole) * twentieth // 20 for twentieth in range(1, 20)), len(whole) - 8, len(whole) - 1]):
        broken.write_bytes(whole[:at] + bytes([whole[at] ^ 0xFF]) + whole[at + 1 :])
        assert "broken.tar.gz" in (told := await refusal(backup.check(settings, broken, tmp_path / f"check-{part}"))) or "in the backup is" in told


async def test_what_is_sealed_with_the_same_key_but_is_no_backup_is_refused(archive, tmp_path):
    _, settings = archive
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "ranking.json").write_text("{}")
    archives.seal(tmp_path / "other", tmp_path / "2023.tar.gz", keys.signing_key(settings))
    assert "2023.tar.gz is not a backup" in await refusal(backup.check(settings, tmp_path / "2023.tar.gz", tmp_path / "check"))
    (tmp_path / "text.tar.gz").write_text("not packed at all")
    assert "text.tar.gz cannot be read" in await refusal(backup.check(settings, tmp_path / "text.tar.gz", tmp_path / "check-text"))


async def test_an_archive_is_not_checked_with_a_key_that_was_made_for_it(archive, tmp_path):
    """Else that key would be the installation's from then on."""
    file, _ = archive
    elsewhere = configuration.load({}, data=tmp_path / "elsewhere")
    assert "there is no signing key" in await refusal(backup.check(elsewhere, file, tmp_path / "check"))
    assert not (tmp_path / "elsewhere").exists()


async def test_files_in_the_folder_evidence_are_kept_and_the_archive_says_how_many(archive, tmp_path):
    """The program takes no files from officers; whoever keeps some there has them in the backup."""
    file, settings = archive
    assert (await backup.check(settings, file, tmp_path / "none"))["evidence"] == 0
    (settings.data / backup.EVIDENCE).mkdir()
    (settings.data / backup.EVIDENCE / "bien-ban.pdf").write_bytes(b"%PDF")
    again = await backup.backup(settings, tmp_path / "again")
    assert (await backup.check(settings, again, tmp_path / "some"))["evidence"] == 1
    assert (tmp_path / "some" / backup.EVIDENCE / "bien-ban.pdf").read_bytes() == b"%PDF"


async def test_an_archive_is_for_its_owner_alone_and_is_checked_where_there_is_space(archive, tmp_path, monkeypatch):
    """In a container /tmp is small and in memory."""
    file, settings = archive
    assert file.stat().st_mode & 0o777 == 0o600
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "nowhere"))
    assert await COMMANDS["restore"](parser().parse_args(["restore", "--check", str(file)]), settings) == 0
    assert not list(settings.data.glob(".thidua-restore-*"))


async def test_a_backup_whose_packing_fails_leaves_nothing_half_made(archive, tmp_path, monkeypatch):
    _, settings = archive

    def full(*_, **__):
        raise OSError(ENOSPC, "No space left on device")

    monkeypatch.setattr(tarfile.TarFile, "add", full)
    with pytest.raises(OSError, match="No space left"):
        await backup.backup(settings, tmp_path / "full")
    assert list((tmp_path / "full").iterdir()) == []


async def test_another_installations_archive_is_refused(archive, tmp_path):
    file, settings = archive
    stranger = settings.model_copy(update={"data": tmp_path / "stranger"})
    keys.signing_key(stranger)
    assert "is not this key's" in await refusal(backup.check(stranger, file, tmp_path / "check"))


async def test_a_backup_that_fails_leaves_no_file_that_looks_like_one(tmp_path, settings, monkeypatch):
    await local.migrate_all(settings)
    shutil.rmtree(settings.data / "nats", ignore_errors=True)
    away = settings.model_copy(update={"nats_url": "nats://127.0.0.1:1"})
    with pytest.raises(NoServersError):
        await backup.backup(away, tmp_path / "backups")
    assert list((tmp_path / "backups").iterdir()) == []
