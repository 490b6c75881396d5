"""`thidua doctor` on real servers: a healthy installation has no finding; services, clock, versions and the partners' file are looked at."""

import asyncio
import os
import re
import shutil
import subprocess
import sys
import time
from datetime import timedelta

import nats
import pytest

from services import local, partner_access
from services.local import Local
from services.operation import doctor, examination, presence, servers
from services.operation.examination import Check
from services.registration import campaigns, partner_keys
from services.registration.app import create_app as create_registration
from services.registration.measures import broker_accounts as measure_accounts
from services.registration.partner_keys import Terms
from shared import settings as configuration
from shared.bundled import free_port
from shared.messages import Message, Refused
from shared.testing.databases import fresh_url
from tests.fabric.house import opened
from tests.fabric.servers import nats_server
from tests.operation.patient import NOW, in_health, listening
from tests.registration.conftest import REGISTERING, small


@pytest.fixture
async def healthy(tmp_path):
    async with in_health(tmp_path) as made:
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
