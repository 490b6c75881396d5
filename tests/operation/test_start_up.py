"""Bad input at start-up: one sentence that names the setting and the cure, and a status that is not 0; what is beside the job never stops it."""

import asyncio
import os
import sys
from asyncio.subprocess import PIPE
from datetime import datetime, timedelta

import pytest
import yaml
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from services import databases, local
from services.command_line import main
from services.operation import doctor
from services.registration.app import create_app
from services.simulation.story import SECRETARY
from shared import gates
from shared import settings as configuration
from shared.bundled import free_port
from shared.clock import LOCAL
from shared.messages import Refused
from shared.testing.databases import postgres_url
from tests.fabric.servers import nats_server
from tests.journeys.conftest import staged
from tests.operation.certificates import certified
from tests.operation.kubernetes import DEPLOY

UNIT = "xa-ta-tong"
RSA = rsa.generate_private_key(65537, 2048).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
BACKUP = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))["services"]["backup"]
NIGHTLY = BACKUP["command"]


async def run(*words: str, seconds: float = 120, **environment: str) -> tuple[int, str]:
    """Exit status and the last line of standard error of `thidua ...`."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "services", *words, env=os.environ | environment | {"THIDUA_LOG_LEVEL": "error"}, stdout=PIPE, stderr=PIPE
    )
    _, errors = await asyncio.wait_for(process.communicate(), seconds)
    lines = errors.decode().strip().splitlines()
    return process.returncode, lines[-1] if lines else ""


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({"THIDUA_PORT": "eighty"}, "THIDUA_PORT: "),
        ({"THIDUA_SIGNING_KEY_FILE": "/nowhere/key"}, "THIDUA_SIGNING_KEY_FILE: cannot read /nowhere/key"),
        ({"THIDUA_NATS_URL_FILE": "/nowhere/url"}, "THIDUA_NATS_URL_FILE: cannot read /nowhere/url"),
        ({"THIDUA_DATABASE_URL": "mysql://db/thidua"}, "THIDUA_DATABASE_URL: "),
        ({"THIDUA_DATABASE_URL": "nonsense"}, "THIDUA_DATABASE_URL: "),
        ({"THIDUA_PUBLIC_URL": "thidua.example"}, "THIDUA_PUBLIC_URL: "),
        ({"THIDUA_OTLP_ENDPOINT": "collector:4318"}, "THIDUA_OTLP_ENDPOINT: "),
        ({"THIDUA_OTLP_ENDPOINT": "http://collector:port"}, "THIDUA_OTLP_ENDPOINT: "),
        ({"THIDUA_DATABASE_URL": "postgresql://db:port/thidua"}, "THIDUA_DATABASE_URL: write postgresql://"),
        ({"THIDUA_DATABASE_URL": "postgresql://db/thidua?sslmode=require"}, "THIDUA_DATABASE_URL: write no ssl or sslmode into it: for TLS set PGSSLMODE"),
        ({"THIDUA_NATS_URL": "http://broker:4222"}, "THIDUA_NATS_URL: write nats://host:4222"),
        ({"THIDUA_NATS_URL": "nats://a:4222,nats://b:port"}, "THIDUA_NATS_URL: write nats://host:4222"),
        ({"THIDUA_NATS_URL": "nats://"}, "THIDUA_NATS_URL: write nats://host:4222"),
        ({"THIDUA_NATS_SEED": "no seed"}, "THIDUA_NATS_SEED: write the seed of a user"),
        ({"THIDUA_TRACE_PAGE": "https://traces"}, "THIDUA_TRACE_PAGE: write {trace_id}"),
        ({"THIDUA_REPLICAS": "9"}, "THIDUA_REPLICAS: "),
        ({"THIDUA_DATA": "/proc/nowhere"}, "/proc/nowhere: "),
    ],
)
@pytest.mark.parametrize("command", [["run", "reporting"], NIGHTLY], ids=lambda command: command[0])
def test_a_wrong_setting_or_a_missing_secret_ends_with_its_name_and_the_cure(command, environment, words, monkeypatch, capsys):
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert main(command) == (1 if "THIDUA_DATA" in environment else 2)
    told = capsys.readouterr().err.splitlines()
    assert len(told) == 1
    assert told[0].startswith(words)


@pytest.mark.parametrize("text", ["", "no key", "-----BEGIN PRIVATE KEY-----\nbm8=\n-----END PRIVATE KEY-----", RSA])
def test_registration_does_not_start_on_a_damaged_key_and_says_where_to_look(text, tmp_path):
    (tmp_path / "signing-key.pem").write_text(text)
    by_folder, by_name = configuration.load({}, data=tmp_path), configuration.load({"THIDUA_SIGNING_KEY": text or "empty"}, data=tmp_path)
    for settings in (by_folder, by_name):
        with pytest.raises(Refused) as caught:
            create_app(settings)
        [told] = [fault.render("en") for fault in caught.value.faults]
        assert told == "The signing key must be an Ed25519 key in PEM form: see THIDUA_SIGNING_KEY_FILE, or signing-key.pem in the data folder."


async def test_the_nightly_backup_ends_with_one_sentence_where_no_tables_or_no_database_are(tmp_path):
    assert "entrypoint" not in BACKUP, "a way past the command line is a way past its one sentence"
    status, told = await run(*NIGHTLY, THIDUA_DATA=str(tmp_path))
    assert (status, told) == (1, "Cơ sở dữ liệu của registration chưa có các bảng của bản này: hãy chạy thidua migrate.")
    none = postgres_url().replace("/postgres?", "/none?")
    status, told = await run(*NIGHTLY, THIDUA_DATA=str(tmp_path), THIDUA_REPORTING_DATABASE_URL=none)
    assert status == 1
    assert told.startswith("Không tới được cơ sở dữ liệu của reporting")


async def test_the_nightly_backup_waits_for_its_hour_and_ends_in_time_when_it_is_told_to(tmp_path):
    await local.migrate_all(configuration.load({}, data=tmp_path))
    hour = f"{datetime.now(LOCAL) + timedelta(hours=6):%H:%M}"
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "services", "backup", "--nightly", hour, env=os.environ | {"THIDUA_DATA": str(tmp_path)}, stderr=PIPE
    )
    async with asyncio.timeout(60):
        while b"waiting" not in await process.stderr.readline():
            pass
        process.terminate()
        assert await process.wait() == 0


async def test_a_database_that_is_not_there_ends_with_one_sentence(tmp_path):
    none = postgres_url().replace("/postgres?", "/none?")
    status, told = await run("run", "reporting", THIDUA_DATA=str(tmp_path), THIDUA_REPORTING_DATABASE_URL=none)
    assert status == 1
    assert told.startswith("Không tới được cơ sở dữ liệu của reporting")
    assert "hãy kiểm tra THIDUA_REPORTING_DATABASE_URL và" in told


def test_a_secret_s_file_that_holds_no_text_is_told_by_its_name(tmp_path, monkeypatch, capsys):
    (tmp_path / "seed").write_bytes(b"\xff\xfe\x00")
    monkeypatch.setenv("THIDUA_NATS_SEED_FILE", str(tmp_path / "seed"))
    assert main(["run", "reporting"]) == 2
    assert capsys.readouterr().err == f"THIDUA_NATS_SEED_FILE: cannot read {tmp_path / 'seed'} (no text); name a readable file.\n"


@pytest.mark.parametrize("way", ["password", "certificate"])
async def test_a_broker_that_lets_nobody_in_ends_with_one_sentence(tmp_path, way):
    pem = certified(tmp_path, 90)
    closed = {"password": "authorization { user: a, password: b }", "certificate": f'tls {{ cert_file: "{pem}", key_file: "{pem}" }}'}[way]
    async with nats_server(tmp_path / "nats", cluster=closed) as server:
        status, told = await run("run", "reporting", THIDUA_DATA=str(tmp_path), THIDUA_NATS_URL=server.nats, THIDUA_NATS_MONITOR_URL=server.monitor)
    assert status == 1
    assert told.startswith("Máy chủ NATS không cho kết nối (")
    assert {"password": "Authorization Violation", "certificate": "CERTIFICATE_VERIFY_FAILED"}[way] in told


@pytest.mark.parametrize("url", ["postgresql://x@nowhere.invalid/thidua", "postgresql://x@127.0.0.1:1/thidua"], ids=["no such host", "nobody there"])
def test_migrations_of_a_database_that_nobody_finds_end_with_one_sentence(url, tmp_path, monkeypatch, capsys):
    """A job of a deployment: its last line is all that an operator sees."""
    monkeypatch.setattr(gates, "PATIENCE_SECONDS", 0.1)
    monkeypatch.setenv("THIDUA_DATA", str(tmp_path))
    monkeypatch.setenv("THIDUA_REPORTING_DATABASE_URL", url)
    assert main(["migrate", "reporting"]) == 1
    [told] = capsys.readouterr().err.splitlines()
    assert told.startswith("Không tới được cơ sở dữ liệu của reporting")


async def test_a_database_that_does_not_answer_is_waited_for_and_then_told(tmp_path, monkeypatch):
    monkeypatch.setattr(gates, "PATIENCE_SECONDS", 0.6)
    away = configuration.load({}, data=tmp_path, database_url=f"postgresql://nobody@127.0.0.1:{free_port()}/none")
    began = asyncio.get_running_loop().time()
    with pytest.raises(Refused) as caught:
        await databases.reached(away, "reporting")
    assert asyncio.get_running_loop().time() - began > 0.5
    assert "The database of reporting cannot be reached" in caught.value.faults[0].render("en")


async def test_a_dead_trace_store_and_a_dead_mail_server_never_stop_the_main_job(tmp_path, broker):
    """A report is scored and told while both are away; the service stays ready and stops in time."""
    async with staged(tmp_path / "data", broker, "", otlp_endpoint=f"http://127.0.0.1:{free_port()}") as stage:
        await stage.take_part(UNIT)
        await stage.at(stage.scene.loaded.campaign.rounds[0].opens_at)
        post = stage.service("notification")
        post.settings = stage.scene.local.settings = post.settings.model_copy(update={"smtp_url": f"smtp://127.0.0.1:{free_port()}"})
        await stage.do("report", UNIT)
        async with asyncio.timeout(60):
            while any([await service.ready() for service in stage.scene.local.services]):
                await asyncio.sleep(0.05)
        while float((await stage.score(UNIT))["score"]) == 0:
            await asyncio.sleep(0.05)
        assert {"round-opened"} <= {letter["rule"] for letter in await stage.letters(f"{UNIT}.clerk")}
        ranking = await stage.ask(SECRETARY, "GET", "/evaluation/api/rankings/current")
        assert ranking["ranking_hash"]
        wrong = {f.name for f in await doctor.examine(stage.scene.local.settings) if f.fault}
        assert {"mail server", "traces"} <= wrong
