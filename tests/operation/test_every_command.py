"""Every command of the image, as the parser lists them, meets bad input with one sentence that says the cure: wrong settings, no database, half a state."""

import argparse
import asyncio
import json
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from services import local
from services.command_line import main, parser
from services.partner_commands import _unit
from shared import gates, migrations, restoring
from shared import settings as configuration
from shared.bundled import free_port
from shared.settings import SERVICES, Settings
from tests.fabric.servers import nats_server
from tests.faults.test_full_disk import fill, small_disk

AWAY = "postgresql://x@127.0.0.1:1/x"
UNREACHABLE = "Không tới được cơ sở dữ liệu của "
EVENT = {"specversion": "1.0", "id": "1", "source": "//x", "type": "inbound.indicator.observed.v1"}
WITHOUT_TABLES = {"contracts", "dashboards", "doctor", "partners keys", "publish"}
"""They need none, or (the doctor) say of each what it is like."""
MAKE_TABLES = {"demo", "load", "migrate", "up"}
COPIES = {"backup", "restore"}
"""A backup takes tables as they are; what a restore meets has tests of its own."""
AT_LOAD = {
    "host": ["http://0.0.0.0", "0.0.0.0:8000", "a host"], "port": ["eighty", "70000"], "nats_url": ["http://broker:4222", "nats://a:1,nats://b:port", "nats://"],
    "nats_seed": ["no seed"], "nats_monitor_url": ["broker:8222", "http://", "ftp://broker", "http://broker:port"], "public_nats_url": ["https://broker"],
    "database_url": ["mysql://db/thidua", "nonsense", "postgresql://db:port/x", "postgresql://db/x?sslmode=require"],
    **{f"{service}_database_url": ["nonsense"] for service in SERVICES},
    "mail_from": ["nobody", "a b@c.vn", "Thi đua <a@b.vn>"], "public_url": ["thidua.example", "https://", "https:///pages"], "otlp_endpoint": ["collector:4318", "http://collector:port"],
    "trace_page": ["https://traces", "traces/{trace_id}"], "clock": ["sundial"], "replicas": ["9", "three"], "log_level": ["loud"],
}  # fmt: skip
"""What no command takes."""
WHERE_USED = {"data", "broker_keys", "broker_accounts", "signing_key", "smtp_url", "backups"}
"""Folders, files and what only one service may judge: told by the command that uses them."""


def leaves(one: argparse.ArgumentParser, name: str = "") -> Iterator[tuple[str, argparse.ArgumentParser]]:
    """Each command by its whole name."""
    below = [action for action in one._actions if isinstance(action, argparse._SubParsersAction)]
    for choice, found in below[0].choices.items() if below else ():
        yield from leaves(found, f"{name} {choice}".strip())
    if not below:
        yield name, one


def needed(one: argparse.ArgumentParser, folder: Path) -> Iterator[str]:
    """The least that it has to be told."""
    for action in one._actions:
        if action.option_strings and action.required:
            yield action.option_strings[0]
            yield "http://127.0.0.1:1" if action.dest == "address" else _word(action, folder)
        elif not action.option_strings and action.nargs not in {"*", "?"}:
            yield _word(action, folder)


def _word(action: argparse.Action, folder: Path) -> str:
    if action.choices:
        return next(iter(action.choices))
    if action.type is Path:
        return str(folder / action.dest)
    return "dinh-danh:H35.1" if action.type is _unit else "x"


NAMES = [name for name, _ in leaves(parser())]


@pytest.fixture
def told(tmp_path, monkeypatch, capfd):
    """Runs a command with the least that it needs; gives its status and the lines of standard error."""
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text(json.dumps(EVENT))
    monkeypatch.setattr(gates, "PATIENCE_SECONDS", 0.1)
    given = {"THIDUA_DATA": str(tmp_path / "data"), "THIDUA_LOG_LEVEL": "error", "THIDUA_PORT": str(free_port())}

    def run(name: str, *more: str, **environment: str) -> tuple[int, list[str]]:
        for variable, value in (given | environment).items():
            monkeypatch.setenv(variable, value)
        checks = ["--check"] if name in {"contracts", "dashboards"} else []
        status = main([*name.split(), *needed(dict(leaves(parser()))[name], tmp_path), *checks, *more])
        return status, capfd.readouterr().err.splitlines()

    return run


def keys(name: str, folder: Path) -> list[str]:
    """Where `partners export` finds keys."""
    return ["--keys", str(folder)] if name == "partners export" else []


def test_every_setting_has_a_wrong_value_here():
    assert AT_LOAD.keys() | WHERE_USED == Settings.model_fields.keys()


@pytest.mark.parametrize("name", NAMES)
def test_a_wrong_setting_and_a_missing_or_empty_secret_are_told_by_their_name(name, told, tmp_path, monkeypatch):
    (tmp_path / "empty").touch()
    for setting, values in AT_LOAD.items():
        variable = f"THIDUA_{setting.upper()}"
        for value in values:
            status, [line] = told(name, **{variable: value})
            assert (status, line.partition(": ")[0]) == (2, variable), line
            monkeypatch.delenv(variable)
    for setting in Settings.model_fields:
        variable = f"THIDUA_{setting.upper()}_FILE"
        for path, words in (("/nowhere/secret", "cannot read /nowhere/secret"), (str(tmp_path / "empty"), f"{tmp_path / 'empty'} is empty")):
            if setting in configuration.MAY_BE_EMPTY and "empty" in words:
                continue
            status, [line] = told(name, **{variable: path})
            assert (status, line.startswith(f"{variable}: {words}")) == (2, True), line
            monkeypatch.delenv(variable)


@pytest.mark.parametrize("name", [name for name in NAMES if name not in WITHOUT_TABLES])
def test_a_database_that_nobody_finds_is_told_in_one_sentence(name, told, tmp_path):
    status, lines = told(name, *keys(name, tmp_path), *(["--once"] if name == "demo" else []), THIDUA_DATABASE_URL=AWAY)
    assert (status, len(lines), lines[0].startswith(UNREACHABLE)) == (1, 1, True), lines


async def _half(settings: Settings, state: str) -> None:
    for service in SERVICES:
        async with local.database_of(settings, service) as database:
            await migrations.migrate(database, f"{service}_0002" if state == "migrated" else "head")
            if state == "restored":
                await restoring.mark(database, "thidua-1.tar.gz", "filling")


HALF = {"migrated": "Việc chuyển đổi cơ sở dữ liệu của ", "restored": "Việc phục hồi thidua-1.tar.gz vào cơ sở dữ liệu của "}


@pytest.fixture(params=HALF)
async def half(request, tmp_path):
    """What there is of an installation in this state: its broker has all that is declared."""
    async with nats_server(tmp_path / "nats") as broker:
        environment = {"THIDUA_NATS_URL": broker.nats, "THIDUA_NATS_MONITOR_URL": broker.monitor}
        settings = configuration.load(environment, data=tmp_path / "data")
        await _half(settings, request.param)
        await local.provision(settings)
        yield request.param, environment


def test_tables_that_are_half_migrated_or_half_restored_are_told_in_one_sentence_by_whoever_works_on_them(half, told, tmp_path):
    state, environment = half
    others = MAKE_TABLES | COPIES if state == "migrated" else {"demo", "restore"}
    for name in NAMES:
        if name not in WITHOUT_TABLES | others:
            status, lines = told(name, *keys(name, tmp_path), **environment)
            assert (name, status, len(lines), lines[0].startswith(HALF[state])) == (name, 1, 1, True), lines


@pytest.mark.parametrize("name", ["up", "run", "provision", "publish", "rebuild", "backup"])
def test_a_broker_that_nobody_finds_is_told_in_one_sentence(name, told, tmp_path):
    assert told("migrate")[0] == 0
    away = {"THIDUA_NATS_URL": f"nats://127.0.0.1:{free_port()}", "THIDUA_NATS_MONITOR_URL": "http://127.0.0.1:1"}
    assert told(name, **away) == (1, ["broker: nothing answers; start it, or correct THIDUA_NATS_URL."])


@pytest.mark.parametrize("name", ["up", "run", "provision", "publish", "rebuild", "backup"])
def test_what_takes_the_connection_and_says_nothing_as_a_broker_that_hangs_does_is_told_in_one_sentence(name, told):
    assert told("migrate")[0] == 0
    with socket.create_server(("127.0.0.1", 0)) as hanging:
        away = {"THIDUA_NATS_URL": f"nats://127.0.0.1:{hanging.getsockname()[1]}", "THIDUA_NATS_MONITOR_URL": "http://127.0.0.1:1"}
        status, [line] = told(name, **away)
    assert (status, line.startswith("broker: what listens there takes the connection and says nothing; restart it")) == (1, True)


@pytest.fixture
def full(tmp_path):
    """A folder on a disk without space, where one may be mounted."""
    with small_disk(tmp_path / "full") as folder:
        asyncio.run(fill(folder))
        yield folder


@pytest.mark.parametrize(("name", "words"), [("backup", ["--to"]), ("migrate", ["--data"])])
def test_a_full_disk_is_told_in_one_sentence(name, words, told, full):
    assert told("migrate")[0] == 0
    status, [line] = told(name, *words, str(full))
    assert (status, line.startswith("no space is left (")) == (1, True), line
    assert [path.name for path in full.iterdir() if path.name.startswith(".")] == []


@pytest.fixture(params=[False, True], ids=["without JetStream", "with nothing made"])
async def bare(request, tmp_path):
    """A broker that stores nothing, or in which nothing is provisioned yet."""
    async with nats_server(tmp_path / "nats", jetstream=request.param) as broker:
        yield request.param, {"THIDUA_NATS_URL": broker.nats, "THIDUA_NATS_MONITOR_URL": broker.monitor}


def test_a_broker_without_what_is_stored_there_is_told_in_one_sentence(bare, told):
    stores, named = bare
    assert told("migrate")[0] == 0
    for name in ("run", "rebuild", "publish") if stores else ("up", "run", "provision", "rebuild", "publish", "backup"):
        status, lines = told(name, **named)
        assert (name, status, len(lines)) == (name, 1, 1), lines
        assert "thidua provision" in lines[0] or "JetStream" in lines[0]


@pytest.mark.parametrize(
    ("name", "setting", "value", "status", "words"),
    [
        ("run", "THIDUA_DATA", "/proc/nowhere", 1, "(THIDUA_DATA)"),
        ("backup", "THIDUA_BACKUPS", "/proc/nowhere", 1, "(THIDUA_BACKUPS)"),
        ("partners export", "THIDUA_BROKER_KEYS", "/nowhere", 1, "hãy chạy thidua partners keys /nowhere"),
        ("run", "THIDUA_HOST", "203.0.113.1", 2, "THIDUA_HOST"),
        ("up", "THIDUA_HOST", "203.0.113.1", 2, "THIDUA_HOST"),
    ],
)
def test_what_only_its_user_can_judge_is_told_with_its_setting(name, setting, value, status, words, told):
    assert told("migrate")[0] == 0
    found, lines = told(name, **{setting: value})
    assert (found, len(lines), words in lines[0]) == (status, 1, True), lines


@pytest.mark.parametrize("text", ["", "no json", "[]", "{}", "7"])
def test_a_file_that_holds_no_event_is_told_by_its_name(text, told, tmp_path):
    (tmp_path / "file").write_text(text)
    status, [line] = told("publish")
    assert (status, line.startswith(f"Tệp {tmp_path / 'file'} không phải sự kiện CloudEvents")) == (1, True)


def test_migrations_of_a_service_that_there_is_not_are_refused_by_the_command_line(told, capfd):
    with pytest.raises(SystemExit) as ended:
        told("migrate", "archives")
    assert ended.value.code == 2
    assert "write one of registration, reporting" in capfd.readouterr().err
