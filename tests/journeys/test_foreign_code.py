"""Other people's code at both doors, on a broker with accounts: official SDKs, and the guide's commands as they stand."""

import asyncio
import base64
import contextlib
import hashlib
import json
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator
from datetime import timedelta
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import nats
import pytest
import pytest_asyncio
import uvicorn
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from services.local import QuietServer
from services.reporting import guides, ledger
from services.reporting.guides import Place
from shared import settings as configuration
from shared.bundled import free_port
from shared.events import catalogue
from shared.events.clock import MinuteTicked
from shared.events.documents import FOLDER, as_yaml
from shared.events.registration import PartnerAdmitted, PartnerKey
from shared.migrations import migrate
from shared.service import Service
from tests.fabric.house import House, opened
from tests.reporting import world
from tests.reporting.world import OPENED, everything, hear, observed

NOW = OPENED + timedelta(days=2)
PROGRAMS = Path(__file__).parent / "node"
PYTHON = Path(__file__).parent / "python"
KEY = "thidua.kho-bac.secret"
SECONDS = 60


@cache
def node() -> tuple[str, str]:
    """Node and a folder with what the programs import, installed once; a reason to skip when there is no Node."""
    found, npm = shutil.which("node"), shutil.which("npm")
    if not (found and npm):
        pytest.skip("Node is missing")
    made = Path(sys.prefix) / f".node-{hashlib.sha256((PROGRAMS / 'package.json').read_bytes()).hexdigest()[:12]}"
    if not (made / "complete").exists():
        fresh = made.with_name(f"{made.name}-{os.getpid()}")
        shutil.copytree(PROGRAMS, fresh)
        install = (npm, "install", "--no-audit", "--no-fund", "--no-package-lock", "--silent", "--prefix", str(fresh))
        if subprocess.run(install, check=False, stdin=subprocess.DEVNULL).returncode != 0:
            shutil.rmtree(fresh, ignore_errors=True)
            pytest.skip("npm cannot install the official SDKs here")
        (fresh / "complete").touch()
        with contextlib.suppress(OSError):  # another worker was first
            fresh.rename(made)
    for program in PROGRAMS.glob("*.mjs"):
        shutil.copy(program, made)
    return found, str(made)


async def run(*command: str, folder: Path | None = None, **environment: str) -> str:
    """The output of a program that must end well."""
    process = await asyncio.create_subprocess_exec(
        *command, cwd=folder, env=os.environ | environment, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    async with asyncio.timeout(SECONDS):
        out, err = await process.communicate()
    assert process.returncode == 0, err.decode()
    return out.decode()


class Town:
    """Reporting, running on the broker with accounts, with its pages on a port."""

    def __init__(self, house: House, service: Service, web: str) -> None:
        self.house, self.service, self.web = house, service, web

    async def states(self, count: int) -> dict[str, str]:
        """What became of the partner's events by id, once there are so many and all are decided."""
        async with asyncio.timeout(SECONDS):
            while True:
                async with self.service.database.read() as session:
                    rows = await ledger.listed(session, client="kho-bac")
                if len(rows) >= count:
                    return {row.event: row.state for row in rows}
                await asyncio.sleep(0.02)


@pytest_asyncio.fixture
async def town(tmp_path: Path) -> AsyncIterator[Town]:
    async with opened(tmp_path) as house:
        given = configuration.load({}, data=tmp_path / "data", nats_url=house.url, nats_seed=house.seeds["reporting"], clock="simulated")
        app = import_module("services.reporting.app").create_app(given)
        service: Service = app.state.service
        await migrate(service.database)
        key = PartnerKey(key="k", nkey="U", secret_sha256=hashlib.sha256(KEY.encode()).hexdigest())
        await hear(service.database, *everything(), PartnerAdmitted(client="kho-bac", revision=1, keys=(key,), quota=1000, at=NOW))
        await service.start()
        service.clock.hear(MinuteTicked(instant=NOW, mode="simulated"))
        port = free_port()
        server = QuietServer(uvicorn.Config(app, port=port, lifespan="off", log_level="warning"))
        serving = asyncio.create_task(server.serve())
        while not server.started:
            await asyncio.sleep(0.01)
        try:
            yield Town(house, service, f"http://127.0.0.1:{port}")
        finally:
            server.should_exit = True
            await serving
            await service.stop()


async def test_the_official_javascript_sdk_publishes_and_listens_through_both_doors(town: Town) -> None:
    program, folder = node()
    given = {"nats": town.house.url, "web": town.web, "key": KEY, "seed": town.house.seeds["kho-bac"], "data": observed("0")}
    told = [json.loads(line) for line in (await run(program, f"{folder}/partner.mjs", json.dumps(given))).splitlines()]
    assert [one["status"] for one in told if "status" in one] == [202, 202]
    assert [(one["stream"], one["seq"]) for one in told if "stream" in one] == [("INBOUND_kho-bac", 3), ("INBOUND_kho-bac", 4)]
    assert told[-2:] == [{"live": "js-bad"}, {"kept": "js-bad"}]
    assert await town.states(4) == {"js-binary": "accepted", "js-structured": "accepted", "js-nats": "accepted", "js-bad": "rejected"}


async def test_the_official_python_sdk_publishes_and_listens_through_both_doors(town: Town) -> None:
    given = {"nats": town.house.url, "web": town.web, "key": KEY, "seed": town.house.seeds["kho-bac"], "data": observed("0")}
    told = [json.loads(line) for line in (await run(sys.executable, str(PYTHON / "partner.py"), json.dumps(given))).splitlines()]
    assert [one["status"] for one in told if "status" in one] == [202, 202]
    assert [(one["stream"], one["seq"]) for one in told if "stream" in one] == [("INBOUND_kho-bac", 3), ("INBOUND_kho-bac", 4)]
    assert told[-2:] == [{"live": "py-bad"}, {"kept": "py-bad"}]
    assert await town.states(4) == {"py-binary": "accepted", "py-structured": "accepted", "py-nats": "accepted", "py-bad": "rejected"}


def made_key() -> tuple[str, str]:
    """A signing key of a partner: private as PEM, public as the operator registers it."""
    key = Ed25519PrivateKey.generate()
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    return pem, base64.b64encode(key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)).decode()


async def must_sign(town: Town, public: str) -> None:
    key = PartnerKey(key="k", nkey="U", secret_sha256=hashlib.sha256(KEY.encode()).hexdigest())
    await hear(town.service.database, PartnerAdmitted(client="kho-bac", revision=2, keys=(key,), quota=1000, signing_keys=(public,), at=NOW))


SIGNED = {
    "good": ("accepted", []), "altered": ("rejected", ["webhook-signature"]), "old": ("rejected", ["webhook-timestamp"]),
    "foreign": ("rejected", ["webhook-signature"]), "unsigned": ("rejected", ["webhook-signature"]),
}  # fmt: skip


@pytest.mark.parametrize("language", ["py", "js"])
async def test_foreign_code_signs_through_both_doors_and_what_was_tampered_with_is_refused(town: Town, language: str) -> None:
    pem, public = made_key()
    await must_sign(town, public)
    event = {"specversion": "1.0", "id": "", "source": "//kho-bac.example", "type": "inbound.indicator.observed.v1", "data": observed("30")}
    given = json.dumps({"nats": town.house.url, "web": town.web, "key": KEY, "seed": town.house.seeds["kho-bac"], "pem": pem, "event": event})
    program, folder = node() if language == "js" else (sys.executable, str(PYTHON))
    await run(program, f"{folder}/signer.{'mjs' if language == 'js' else 'py'}", given)
    await town.states(len(SIGNED) * 2)
    async with town.service.database.read() as session:
        rows = {row.event: row for row in await ledger.listed(session, client="kho-bac")}
    for door in ("http", "nats"):
        for name, (state, fields) in SIGNED.items():
            row = rows[f"{language}-{door}-{name}"]
            assert (row.state, [fault["field"] for fault in row.faults], row.repeats) == (state, fields, int(name == "good")), row.event


def prepared(town: Town, folder: Path) -> Place:
    """A folder as the guide asks for it: the example, with what the small movement has, and the seed."""
    place = Place("kho-bac", world.CODE, town.house.url, town.web)
    [one] = guides.said(place, ("inbound.indicator.observed.v1",))
    event: dict[str, Any] = one.example | {"data": observed("30")}
    folder.mkdir()
    (folder / "event.json").write_text(json.dumps(event))
    (folder / "kho-bac.seed").write_text(town.house.seeds["kho-bac"])
    return place


async def test_the_guides_python_and_curl_commands_work_as_they_stand(town: Town, tmp_path: Path) -> None:
    folder = tmp_path / "partner"
    place = prepared(town, folder)
    [one] = guides.said(place, ("inbound.indicator.observed.v1",))
    (folder / "send.py").write_text(one.commands["Python"])
    assert await run(sys.executable, "send.py", folder=folder) == "INBOUND_kho-bac:1\n"
    if shutil.which("curl"):
        answer = json.loads(await run("bash", "-c", one.commands["curl"], folder=folder, PARTNER_KEY=KEY))
        assert answer["events"][0]["receipt"] == "INBOUND_kho-bac:2"
    assert await town.states(1) == {one.example["id"]: "accepted"}
    (folder / "event.json").write_text("{")
    await run(sys.executable, "send.py", folder=folder)
    await town.states(2)
    (folder / "listen.py").write_text(guides.listening(place)["Python"])
    assert "reporting.event.rejected.v1.kho-bac" in await run(sys.executable, "listen.py", folder=folder)


async def test_the_guides_other_requests_to_the_http_door_work_as_they_stand(town: Town, tmp_path: Path) -> None:
    if not (shutil.which("curl") and shutil.which("bash")):
        pytest.skip("curl is missing")
    folder = tmp_path / "partner"
    place = prepared(town, folder)

    async def asked(name: str) -> Any:
        words = await run("bash", "-ec", guides.asking(place)[name], folder=folder, PARTNER_KEY=KEY, RECEIPT="INBOUND_kho-bac:1")
        return json.loads(words)

    assert await asked("check") == {"events": [{"faults": []}]}
    batch = await asked("batch")
    assert batch["events"][0]["receipt"] == "INBOUND_kho-bac:1"
    assert await asked("batch") == batch
    await town.states(1)
    assert (await asked("one"))["state"] == "accepted"
    event = json.loads((folder / "event.json").read_text())
    (folder / "event.json").write_text(json.dumps(event | {"id": "wrong", "data": observed("x")}))
    assert (await asked("binary"))["events"][0]["receipt"] == "INBOUND_kho-bac:2"
    await town.states(2)
    assert [one["id"] for one in await asked("listed")] == ["wrong"]
    assert (await asked("pace"))["parked"] == {"count": 0}


async def test_the_guides_node_commands_work_as_they_stand(town: Town, tmp_path: Path) -> None:
    program, installed = node()
    folder = tmp_path / "partner"
    place = prepared(town, folder)
    (folder / "node_modules").symlink_to(Path(installed) / "node_modules")
    [one] = guides.said(place, ("inbound.indicator.observed.v1",))
    (folder / "send.mjs").write_text(one.commands["Node"])
    assert await run(program, "send.mjs", folder=folder) == "INBOUND_kho-bac:1\n"
    assert await town.states(1) == {one.example["id"]: "accepted"}
    (folder / "event.json").write_text("{")
    await run(program, "send.mjs", folder=folder)
    await town.states(2)
    (folder / "listen.mjs").write_text(guides.listening(place)["Node"])
    assert "reporting.event.rejected.v1.kho-bac" in await run(program, "listen.mjs", folder=folder)


async def test_the_guides_signing_commands_work_as_they_stand(town: Town, tmp_path: Path) -> None:
    if not (shutil.which("openssl") and shutil.which("bash")):
        pytest.skip("OpenSSL is missing")
    program, installed = node()
    folder = tmp_path / "partner"
    place = prepared(town, folder)
    (folder / "node_modules").symlink_to(Path(installed) / "node_modules")
    commands = guides.signing(place)
    public = (await run("bash", "-ec", commands["OpenSSL"], folder=folder)).strip()
    await must_sign(town, public)
    (folder / "sign.py").write_text(commands["Python"])
    (folder / "sign.mjs").write_text(commands["Node"])
    event = json.loads((folder / "event.json").read_text())
    ways = [(sys.executable, "sign.py", "http"), (sys.executable, "sign.py", "nats"), (program, "sign.mjs", "http"), (program, "sign.mjs", "nats")]
    for number, way in enumerate(ways, 1):
        (folder / "event.json").write_text(json.dumps(event | {"id": f"signed-{number}"}, indent=2, ensure_ascii=False))
        assert await run(*way, folder=folder, PARTNER_KEY=KEY) == f"INBOUND_kho-bac:{number}\n"
    assert await town.states(4) == {f"signed-{number}": "accepted" for number in range(1, 5)}


NATS_CLI = {
    "": {"--server", "--nkey", "--js-domain"},
    "request": {"-H"},
    "subscribe": set(),
    "consumer next": set(),
}
"""Of the nats CLI's flags, all of them with a value, those that the guide may use: global ones, and each command's own (natscli 0.1 to 0.5)."""


def parsed(line: str) -> tuple[str, dict[str, list[str]], list[str]]:
    """A printed command line as the nats CLI reads it: the command, its flags and what else is there."""
    program, *words = shlex.split(line)
    assert program == "nats"
    flags: dict[str, list[str]] = {}
    rest: list[str] = []
    while words:
        word = words.pop(0)
        if word.startswith("-"):
            flags.setdefault(word, []).append(words.pop(0))
        else:
            rest.append(word)
    length = 2 if rest[0] == "consumer" else 1
    return " ".join(rest[:length]), flags, rest[length:]


async def test_the_guides_nats_commands_have_flags_of_that_tool_and_do_what_they_say(town: Town, tmp_path: Path) -> None:
    folder = tmp_path / "partner"
    place = prepared(town, folder)
    [one] = guides.said(place, ("inbound.indicator.observed.v1",))
    listened = guides.listening(place)["nats CLI"].splitlines()
    commands = {command: (flags, rest) for command, flags, rest in map(parsed, [one.commands["nats CLI"], *listened])}
    for command, (flags, _) in commands.items():
        assert flags.keys() <= NATS_CLI[""] | NATS_CLI[command]
        assert (flags["--server"], flags["--nkey"]) == ([town.house.url], ["kho-bac.seed"])
    flags, (subject, body) = commands["request"]
    expanded = (await run("bash", "-ec", f'printf %s "{body}"', folder=folder)).encode()
    sent = dict(header.split(":", 1) for header in flags["-H"])
    connection = await nats.connect(town.house.url, nkeys_seed=str(folder / "kho-bac.seed"))
    live = await connection.subscribe(commands["subscribe"][1][0])
    assert json.loads((await connection.request(subject, expanded, headers=sent, timeout=SECONDS)).data)["seq"] == 1
    assert await town.states(1) == {one.example["id"]: "accepted"}
    await connection.request(subject, b"{", headers=sent, timeout=SECONDS)
    assert (await live.next_msg(timeout=SECONDS)).subject == "reporting.event.rejected.v1.kho-bac"
    flags, (stream, durable) = commands["consumer next"]
    api = f"$JS.{flags['--js-domain'][0]}.API.CONSUMER"  # as that tool asks: the place's state first, then the next message
    assert "error" not in json.loads((await connection.request(f"{api}.INFO.{stream}.{durable}", b"", timeout=SECONDS)).data)
    kept = await connection.request(f"{api}.MSG.NEXT.{stream}.{durable}", b"", timeout=SECONDS, old_style=True)
    assert kept.subject == "reporting.event.rejected.v1.kho-bac"
    await connection.close()


async def test_the_asyncapi_documents_pass_the_official_parser(tmp_path: Path) -> None:
    program, folder = node()
    (tmp_path / "partner.yaml").write_text(catalogue.text_for("kho-bac"))
    (tmp_path / "whole.yaml").write_text(as_yaml(catalogue.whole()))
    (tmp_path / "broken.yaml").write_text("asyncapi: 3.0.0\nchannels: 7\n")
    files = [str(FOLDER / "asyncapi.yaml"), str(tmp_path / "partner.yaml"), str(tmp_path / "whole.yaml")]
    assert json.loads(await run(program, f"{folder}/parse.mjs", *files)) == []
    assert len(json.loads(await run(program, f"{folder}/parse.mjs", str(tmp_path / "broken.yaml")))) > 0
