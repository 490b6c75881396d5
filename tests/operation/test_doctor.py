"""`thidua doctor` on real servers: a healthy installation has no finding, and each of these faults has exactly its own."""

import asyncio
import contextlib
import json
import os
import re
import shutil
import ssl
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta

import asyncpg
import nats
import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Sink
from cryptography import x509
from sqlalchemy import event, insert, text
from sqlalchemy.engine import Engine

from services import local, partner_access
from services.local import Local
from services.operation import doctor, examination, presence, servers
from services.operation.examination import Check
from services.registration import campaigns, keys, partner_keys
from services.registration.app import create_app as create_registration
from services.registration.measures import broker_accounts as measure_accounts
from services.registration.partner_keys import Terms
from shared import measures, streams
from shared import settings as configuration
from shared.bundled import free_port
from shared.deadletters import dead_letters
from shared.messages import Message, Refused
from shared.outbox import outbox
from shared.testing.databases import fresh_url, postgres_url
from tests.fabric.house import opened
from tests.fabric.servers import nats_server
from tests.faults.test_full_disk import small_disk
from tests.journeys.test_trace import Collector
from tests.operation.certificates import certified
from tests.registration.conftest import REGISTERING, small

NOW = datetime.now(UTC)


@contextlib.asynccontextmanager
async def https(folder, days: int, host: str = "localhost"):
    """A server whose certificate is good for so many days, and for this host."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certified(folder, days, host))
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0, ssl=context)
    async with server:
        yield f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"


@contextlib.contextmanager
def mail_server():
    controller = Controller(Sink(), hostname="127.0.0.1", port=free_port(), ready_timeout=60)
    controller.start()
    try:
        yield f"smtp://127.0.0.1:{controller.port}"
    finally:
        controller.stop()


def back_up(folder, age: timedelta) -> None:
    folder.mkdir(exist_ok=True)
    (folder / f"thidua-{datetime.now(UTC) - age:{measures.STAMP}}.tar.gz").touch()


@contextlib.asynccontextmanager
async def listening(settings, *absent: str):
    """A pull request at each durable, as a running service has them; a service itself would mend what these tests break."""
    connection = await nats.connect(settings.nats_url)
    try:
        for place in streams.durables([local.hears_of(service) for service in configuration.SERVICES if service not in absent], []):
            request = json.dumps({"batch": 1, "expires": 120_000_000_000}).encode()
            await connection.publish(f"$JS.API.CONSUMER.MSG.NEXT.{place.stream}.{place.service}", request, reply=await heard(connection))
        await connection.flush()
        yield
    finally:
        await connection.close()


async def heard(connection) -> str:
    """An address at which the connection is interested in answers."""
    inbox = connection.new_inbox()
    await connection.subscribe(inbox)
    return inbox


@pytest.fixture
async def healthy(tmp_path):
    """The settings of an installation in which everything is right, and nothing is left out."""
    async with nats_server(tmp_path / "nats") as broker, https(tmp_path, 90) as page:
        with Collector().running() as collector, mail_server() as mail:
            back_up(tmp_path / "backups", timedelta(hours=2))
            made = configuration.load(
                {}, data=tmp_path / "data", nats_url=broker.nats, nats_monitor_url=broker.monitor, public_url=page, smtp_url=mail,
                otlp_endpoint=collector.url, backups=tmp_path / "backups",
            )  # fmt: skip
            await local.migrate_all(made)
            await local.provision(made)
            keys.signing_key(made)
            async with listening(made):
                yield made


async def test_a_healthy_installation_has_no_finding(healthy):
    found = await doctor.examine(healthy)
    assert [finding.line("en") for finding in found if finding.fault] == []
    assert len(found) >= 28
    assert "SQLite 3." in next(finding.told for finding in found if finding.name == "database's version registration")


async def test_one_machine_with_the_bundled_broker_is_healthy_too(tmp_path):
    async with Local(configuration.load({}, data=tmp_path)) as whole:
        await whole.start()
        found = await doctor.examine(configuration.load({}, data=tmp_path))
    assert [finding.line("en") for finding in found if finding.fault] == []


async def of_service(settings, service: str) -> str:
    check = next(check for check in doctor.checks(settings) if check.name == f"service {service}")
    return (await examination.look(check)).line("en")


async def test_a_service_that_does_not_run_is_told_while_the_others_are_well(tmp_path, monkeypatch):
    """Real services, of which one ends as it does when its container ends."""
    monkeypatch.setattr(presence, "WATCH_SECONDS", 1.0)
    async with Local(configuration.load({}, data=tmp_path)) as whole:
        await whole.start()
        await next(service for service in whole.services if service.name == "evaluation").stop()
        found = await doctor.examine(configuration.load({}, data=tmp_path))
    cure = "start it (thidua run evaluation, or deploy/up evaluation) and read the last lines of its log."
    assert [finding.line("en") for finding in found if finding.fault] == [
        f"NOT service evaluation: service evaluation does not run, nobody takes events for it: {cure}"
    ]


async def test_a_broker_and_databases_without_any_service_are_not_well(healthy, monkeypatch):
    monkeypatch.setattr(presence, "WATCH_SECONDS", 0.5)
    async with nats_server(healthy.data / "alone") as alone:
        given = healthy.model_copy(update={"nats_url": alone.nats, "nats_monitor_url": alone.monitor})
        await local.provision(given)
        async with listening(given, "reporting", "notification"):
            wrong = [f.name for f in await doctor.examine(given) if f.fault]
    assert wrong == ["service reporting", "service notification"]


async def test_events_that_nobody_takes_though_somebody_listens_are_told_with_the_age_of_the_oldest(healthy, monkeypatch):
    """The requests here allow one event each: the second waits."""
    monkeypatch.setattr(presence, "WATCH_SECONDS", 0.5)
    began = time.time()
    connection = await nats.connect(healthy.nats_url)
    for _ in range(3):
        await connection.jetstream().publish("registration.session.ended.v1", b"{}")
    await connection.close()
    assert re.fullmatch(r"ok  service evaluation: runs, 2 events wait, the oldest for \d+ s", await of_service(healthy, "evaluation"))
    monkeypatch.setattr(presence, "WAITING_AGE", timedelta(0))
    told = re.match(
        r"NOT service evaluation: 2 events wait for service evaluation, the oldest for (\d+) seconds, and nobody takes them", await of_service(healthy, "evaluation")
    )
    assert 0 <= int(told[1]) <= time.time() - began


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


async def test_what_the_doctor_looks_at_it_does_not_make(tmp_path):
    given = configuration.load({}, data=tmp_path / "data")
    found = await doctor.examine(given)
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "data").mkdir()
    assert await doctor.examine(given) == found
    assert list(tmp_path.rglob("*")) == [tmp_path / "data"]
    assert [finding.line("en") for finding in found if finding.fault] == [
        "NOT signing key: there is no signing key: set THIDUA_SIGNING_KEY_FILE (deploy/init makes one); without it registration makes one when it starts.",
        *(f"NOT database {service}: there are no tables yet: run thidua migrate {service}." for service in configuration.SERVICES),
        "NOT broker: the bundled NATS server does not run: run thidua up, or set THIDUA_NATS_URL for a server of your own.",
    ]


async def test_a_postgresql_without_tables_is_told_once_in_one_line(healthy):
    async with fresh_url("postgres") as url:
        found = await doctor.examine(healthy.model_copy(update={"evaluation_database_url": url}))
    assert [f.line("en") for f in found if f.fault] == ["NOT database evaluation: there are no tables yet: run thidua migrate evaluation."]
    assert [f.name for f in found if f.see] == ["outbox evaluation", "dead letters evaluation"]
    assert all(len(f.line("vi").splitlines()) == 1 for f in found)


async def test_a_database_server_that_is_away_is_told_once_for_all_services(healthy):
    away = healthy.model_copy(update={"database_url": f"postgresql://nobody@127.0.0.1:{free_port()}/none"})
    assert [finding.name for finding in await doctor.examine(away) if finding.fault] == ["database registration"]


async def test_what_does_not_answer_in_time_is_not_asked_again():
    asked = []

    async def silence():
        raise TimeoutError

    async def never():
        asked.append(1)
        return "seen"

    found = await examination.examine([Check("a", silence, Message("x")), Check("b", never, Message("y"), ("a",)), Check("c", never, Message("y"))])
    assert [finding.line("en") for finding in found][1:] == ["--  b: could not be looked at: see the line «a».", "ok  c: seen"]
    assert len(asked) == 1


async def test_a_certificate_that_runs_out_is_told(healthy, tmp_path):
    async with https(tmp_path, 5) as page:
        wrong = [f.line("en") for f in await doctor.examine(healthy.model_copy(update={"public_url": page})) if f.fault]
    assert wrong == ["NOT certificate: the TLS certificate has 5 days left: renew it and reload the server that shows it (proxy, NATS, PostgreSQL)."]


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


async def test_a_certificate_for_another_host_is_told(healthy, tmp_path):
    async with https(tmp_path, 91, "other.example") as page:
        wrong = [f.line("en") for f in await doctor.examine(healthy.model_copy(update={"public_url": page})) if f.fault]
    cure = "install one with that name (subjectAltName) and reload the server that shows it, or correct the address."
    assert wrong == [f"NOT certificate: the TLS certificate is not for 127.0.0.1: {cure}"]


async def test_a_certificate_that_this_machine_does_not_trust_is_noted_and_no_fault(tmp_path, monkeypatch):
    """The same when an intermediate is missing: who verifies finds no issuer."""
    async with https(tmp_path, 90) as page:
        assert "90 days left; from here not trusted (self-signed certificate): is its chain whole" in await servers.certificate(page)
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "90.pem"))
        assert await servers.certificate(page) == "90 days left"


@pytest.mark.parametrize(
    ("named", "host", "right"),
    [
        ("a.example", "a.example", True), ("a.example", "A.Example", True), ("*.example", "a.example", True), ("*.example", "a.b.example", False),
        ("a.example", "b.example", False), ("localhost", "127.0.0.1", True), ("a.example", "127.0.0.1", False), ("127.0.0.1.example", "127.0.0.1", False),
    ],
)  # fmt: skip
def test_a_certificate_names_hosts_whole_or_by_a_star_for_the_first_part(tmp_path, named, host, right):
    assert measures.is_for(x509.load_pem_x509_certificate(certified(tmp_path, 90, named).read_bytes()), host) is right


async def test_the_broker_s_certificate_too_is_told_when_it_runs_out(tmp_path, healthy, monkeypatch):
    for days, wrong in ((90, set()), (5, {"broker's certificate"})):
        pem = certified(tmp_path, days)
        monkeypatch.setenv("SSL_CERT_FILE", str(pem))
        speaks_tls = f'tls {{ cert_file: "{pem}", key_file: "{pem}" }}'
        async with nats_server(tmp_path / f"tls-{days}", cluster=speaks_tls) as server:
            given = healthy.model_copy(update={"nats_url": server.nats.replace("nats://127.0.0.1", "tls://localhost"), "nats_monitor_url": server.monitor})
            await local.provision(given)
            async with listening(given):
                found = await doctor.examine(given)
        assert {f.name for f in found if f.fault} == wrong
        told = next(f for f in found if f.name == "broker's certificate")
        assert f"{days} days left" in told.line("en")


async def test_a_certificate_behind_postgresql_s_question_is_seen(tmp_path):
    """Our PostgreSQL is built without TLS: this one answers the question as the protocol says and goes on in TLS, or says no."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certified(tmp_path, 30))

    async def answer(reader, writer, yes=b"S"):
        assert await reader.readexactly(8) == measures.SSL_REQUEST
        writer.write(yes)
        if yes == b"S":
            await writer.start_tls(context)
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        assert "30 days left" in await servers.certificate(f"postgresql+asyncpg://thidua:secret@127.0.0.1:{port}/thidua")
    async with await asyncio.start_server(lambda r, w: answer(r, w, b"N"), "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        assert await servers.certificate(f"postgres://127.0.0.1:{port}/thidua") == "speaks without TLS"


async def test_a_broker_that_acknowledges_before_it_writes_is_told(tmp_path, healthy):
    async with nats_server(tmp_path / "lazy", sync="") as lazy:
        given = healthy.model_copy(update={"nats_url": lazy.nats, "nats_monitor_url": lazy.monitor})
        await local.provision(given)
        async with listening(given):
            wrong = [f.line("en") for f in await doctor.examine(given) if f.fault]
    assert len(wrong) == 1
    assert "sync_interval: always" in wrong[0]


async def test_without_a_broker_the_other_lines_are_still_there(healthy):
    away = healthy.model_copy(update={"nats_url": f"nats://127.0.0.1:{free_port()}"})
    found = {finding.name: finding.fault for finding in await doctor.examine(away)}
    assert found["broker"] is not None
    assert "THIDUA_NATS_URL" in found["broker"].render("en")
    assert found["database reporting"] is None
    assert found["mail server"] is None


async def test_an_old_postgresql_is_told(healthy, monkeypatch):
    async with fresh_url("postgres") as url:
        given = healthy.model_copy(update={"registration_database_url": url})
        assert "PostgreSQL 1" in await servers.version_of_database(given, "registration")
        monkeypatch.setattr(servers, "OLDEST_POSTGRESQL", (99,))
        with pytest.raises(Refused, match="99"):
            await servers.version_of_database(given, "registration")


async def test_a_full_disk_is_told(tmp_path):
    with small_disk(tmp_path / "small") as folder:
        assert (await examination.look(next(doctor.checks(configuration.load({}, data=folder))))).fault is None
        (folder / "ballast").write_bytes(bytes(46 << 20))
        found = await examination.look(next(doctor.checks(configuration.load({}, data=folder))))
    assert "only 4 % of the disk" in found.line("en")


@pytest.mark.skipif(not shutil.which("faketime"), reason="faketime is missing: make tools")
async def test_a_wrong_clock_is_told_and_the_command_fails(healthy):
    names = ("nats_url", "nats_monitor_url", "data")
    environment = os.environ | {f"THIDUA_{name.upper()}": str(getattr(healthy, name)) for name in names}
    command = ["faketime", "-f", "+90s", sys.executable, "-m", "services", "doctor", "--language", "en"]
    done = await asyncio.to_thread(subprocess.run, command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stderr
    wrong = [line for line in done.stdout.splitlines() if line.startswith("NOT")]
    assert len(wrong) == 1, done.stdout
    assert "this machine's clock is -90 seconds off the NATS server's" in wrong[0]


async def test_the_brokers_partner_file_is_the_table_and_was_read_or_doctor_says_the_cure(tmp_path):
    async with opened(tmp_path) as house:
        file = house.folder / "accounts.conf"
        given = configuration.load(
            {}, data=tmp_path / "data", nats_url=house.url, nats_monitor_url=house.monitor, broker_keys=house.folder / "keys", broker_accounts=file
        )

        async def told() -> str:
            return (await examination.look(next(check for check in doctor.checks(given) if check.name == "broker's partner file"))).line("en")

        async def measured() -> float:
            service = create_registration(given).state.service
            await measure_accounts(service)
            await service.database.close()
            return service.telemetry.registry.get_sample_value("thidua_broker_accounts_current", {"file": str(file)})

        await local.migrate_all(given, ["registration"])
        ring = partner_access.keyring(given)
        async with local.database_of(given, "registration") as database:
            assert "differs from the partners' table: run thidua partners export --reload" in await told()  # the house's partners are in no table
            assert await measured() == 0
            partner_access.write(file, await partner_access.text(database, ring.keys))
            await partner_access.reload(given, ring.keys)
            assert await told() == "ok  broker's partner file: as the table, 0 partners"
            assert await measured() == 1
            async with database.write() as session:
                await campaigns.save(session, small(), REGISTERING)
                await partner_keys.admit(session, local.COMMAND_LINE, "kho-bac", Terms(), NOW)
            assert "differs" in await told()
            partner_access.write(file, await partner_access.text(database, ring.keys))
            os.utime(file, (later := time.time() + 10, later))
            assert "n1 has not read" in await told()
            assert await measured() == 0
            os.utime(file, (earlier := time.time() - 60, earlier))
            assert await told() == "ok  broker's partner file: as the table, 1 partners"
            file.write_text(file.read_text().replace("reporting", "somebody"))
            assert "differs" in await told()
