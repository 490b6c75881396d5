"""Each of these faults has exactly its own finding, with its cure; ten at once have ten."""

import shutil
from datetime import UTC, datetime, timedelta

import nats
import pytest
from sqlalchemy import insert, text

from services import local
from services.operation import doctor
from shared import settings as configuration
from shared.bundled import free_port
from shared.deadletters import dead_letters
from shared.outbox import outbox
from tests.operation.patient import NOW, back_up, in_health


@pytest.fixture
async def healthy(tmp_path):
    async with in_health(tmp_path) as made:
        yield made


async def no_database(settings, _):
    return settings.model_copy(update={"reporting_database_url": "postgresql://nobody@127.0.0.1:1/none"})


async def no_tables(settings, folder):
    (folder / "empty.sqlite").touch()
    empty = f"sqlite+aiosqlite:///{folder / 'empty.sqlite'}"
    return settings.model_copy(update={"evaluation_database_url": empty})


async def no_file(settings, folder):
    return settings.model_copy(update={"evaluation_database_url": f"sqlite+aiosqlite:///{folder / 'nowhere' / 'none.sqlite'}"})


async def nothing_provisioned(settings, _):
    connection = await nats.connect(settings.nats_url)
    for info in await connection.jetstream().streams_info():
        await connection.jetstream().delete_stream(info.config.name)
    await connection.close()
    return settings


async def broker_away(settings, _):
    port = free_port()
    return settings.model_copy(update={"nats_url": f"nats://127.0.0.1:{port}", "nats_monitor_url": f"http://127.0.0.1:{port}"})


async def old_schema(settings, _):
    async with local.database_of(settings, "notification") as database, database.write() as session:
        await session.execute(text("UPDATE alembic_version SET version_num = 'notification_0001'"))
    return settings


async def waiting_event(settings, _):
    then = datetime.now(UTC) - timedelta(minutes=5)
    row = {"id": "1", "type": "t", "subject": "s", "body": "{}", "time": then, "recorded": then}
    async with local.database_of(settings, "registration") as database, database.write() as session:
        await session.execute(insert(outbox).values(row))
    return settings


async def dead_letter(settings, _):
    row = {"id": "1", "event": "e", "type": "t", "subject": "s", "headers": "{}", "body": b"", "reason": "r", "attempts": 8, "kept": NOW}
    async with local.database_of(settings, "notification") as database, database.write() as session:
        await session.execute(insert(dead_letters).values(row))
    return settings


async def missing_stream(settings, _):
    connection = await nats.connect(settings.nats_url)
    await connection.jetstream().delete_consumer("REPORTING", "evaluation")
    await connection.close()
    return settings


async def too_few_copies(settings, _):
    return settings.model_copy(update={"replicas": 3})


async def unverified_disk(settings, _):
    return settings.model_copy(update={"nats_monitor_url": ""})


async def bad_key(settings, folder):
    return configuration.load({"THIDUA_SIGNING_KEY": "no key"}, **settings.model_dump(exclude={"signing_key"}))


async def mail_away(settings, _):
    return settings.model_copy(update={"smtp_url": f"smtp://127.0.0.1:{free_port()}"})


async def wrong_trace_port(settings, _):
    return settings.model_copy(update={"otlp_endpoint": settings.nats_monitor_url})


async def proxy_away(settings, _):
    return settings.model_copy(update={"public_url": f"https://127.0.0.1:{free_port()}"})


async def old_backup(settings, folder):
    shutil.rmtree(settings.backups)
    back_up(settings.backups, timedelta(hours=25))
    return settings


async def no_backup(settings, folder):
    shutil.rmtree(settings.backups)
    return settings


FAULTS = [
    (no_database, {"database reporting"}, "THIDUA_DATABASE_URL"),
    (no_tables, {"database evaluation"}, "run thidua migrate evaluation"),
    (no_file, {"database evaluation"}, "run thidua migrate evaluation"),
    (old_schema, {"database notification"}, "run thidua migrate notification"),
    (waiting_event, {"outbox registration"}, "can it reach NATS"),
    (dead_letter, {"dead letters notification"}, "thidua dead-letters list notification"),
    (missing_stream, {"streams and durables evaluation"}, "thidua provision"),
    (too_few_copies, {"streams and durables registration"}, "THIDUA_REPLICAS"),
    (nothing_provisioned, {"streams and durables registration"}, "thidua provision"),
    (broker_away, {"broker"}, "Start the NATS server or correct THIDUA_NATS_URL"),
    (unverified_disk, {"broker's disk"}, "THIDUA_NATS_MONITOR_URL"),
    (bad_key, {"signing key"}, "must be an Ed25519 key in PEM form: see THIDUA_SIGNING_KEY_FILE"),
    (mail_away, {"mail server"}, "THIDUA_SMTP_URL"),
    (wrong_trace_port, {"traces"}, "THIDUA_OTLP_ENDPOINT"),
    (proxy_away, {"certificate"}, "THIDUA_PUBLIC_URL"),
    (old_backup, {"backup"}, "25 hours old"),
    (no_backup, {"backup"}, "run thidua backup"),
]


@pytest.mark.parametrize(("break_it", "names", "cure"), FAULTS, ids=lambda value: getattr(value, "__name__", ""))
async def test_a_fault_is_found_by_its_name_with_its_cure_and_nothing_else_is(healthy, tmp_path, break_it, names, cure):
    broken = await break_it(healthy, tmp_path)
    found = await doctor.examine(broken)
    wrong = {finding.name: finding for finding in found if finding.fault}
    assert set(wrong) == names
    assert cure in next(iter(wrong.values())).line("en")
    assert all(finding.line("vi") != finding.line("en") for finding in found if not finding.told)
    assert all(len(finding.line("en").splitlines()) == 1 for finding in found)
    assert {finding.see for finding in found if finding.see} <= names, "who could not look says where the cause is told"


TOGETHER = (
    old_schema, waiting_event, dead_letter, missing_stream, wrong_trace_port, unverified_disk, bad_key, mail_away, proxy_away, old_backup,
)  # fmt: skip
"""Ten faults of ten parts."""
async def test_ten_faults_at_once_give_ten_findings_and_hide_none(healthy, tmp_path):
    broken = healthy
    for break_it in TOGETHER:
        broken = await break_it(broken, tmp_path)
    wrong = [finding.name for finding in await doctor.examine(broken) if finding.fault]
    assert sorted(wrong) == sorted(next(iter(names)) for one, names, _ in FAULTS if one in TOGETHER)
