"""Peers: the same work as another team would write it, each with its own pinned packages under .bench/, made at the first run."""

import asyncio
import contextlib
import hashlib
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

from tests.bench.road import plain, rabbit
from tests.bench.road.contest import Contestant, Road, Stage, running, tail, until_ready
from tests.bench.road.limit import store

PROGRAMS = Path(__file__).parents[1] / "peers"
MADE = Path(__file__).parents[3] / ".bench"


class NotRun(Exception):
    """A peer cannot run here; the text says why."""


async def contestant(name: str) -> Contestant:
    """A peer with everything installed; raises `NotRun`."""
    return await PEERS[name]()


async def _faststream() -> Contestant:
    return _on_nats(await _python("faststream"))


async def _node() -> Contestant:
    return _on_nats(await _npm("node"))


async def _dramatiq() -> Contestant:
    if not rabbit.installed():
        raise NotRun("rabbitmq-server is not installed (apt-get install rabbitmq-server)")
    program = await _python("dramatiq")

    @contextlib.asynccontextmanager
    async def road(stage: Stage) -> AsyncIterator[Road]:
        await store.create(stage.database, stage.folder)
        async with rabbit.serving(stage.folder / "rabbit") as url, _processes(program, stage, url) as found:
            yield found

    return road


def runtimes() -> dict[str, str]:
    """Versions of what peers run on and pip or npm do not bring, as far as it is here."""
    node = shutil.which("node")
    said = subprocess.run([node, "--version"], capture_output=True, text=True, check=True).stdout.strip() if node else ""
    return {name: version for name, version in (("node", said), ("rabbitmq-server", rabbit.release())) if version}


PEERS = {"faststream": _faststream, "dramatiq": _dramatiq, "node": _node}


def _on_nats(program: list[str]) -> Contestant:
    @contextlib.asynccontextmanager
    async def road(stage: Stage) -> AsyncIterator[Road]:
        await store.create(stage.database, stage.folder)
        await plain.make_streams(stage.broker, stage.setting.replicas)
        async with _processes(program, stage, stage.broker) as found:
            yield found

    return road


@contextlib.asynccontextmanager
async def _processes(program: list[str], stage: Stage, broker: str) -> AsyncIterator[Road]:
    """`program` is an interpreter, a folder and the ending of its files."""
    interpreter, folder, ending = program
    given = [stage.database, broker, str(stage.reports), str(stage.folder)]
    commands = {role: [interpreter, f"{folder}/{role}{ending}", *given] for role in plain.ROLES}
    async with running(stage.folder, commands) as processes:
        await until_ready(stage.folder, processes)
        yield plain.road(stage, processes)


async def _python(name: str) -> list[str]:
    wanted = PROGRAMS / name / "requirements.txt"
    made = MADE / f"{name}-{_digest(wanted)}"
    interpreter = made / "bin" / "python"
    if not (made / "complete").exists():
        await _quietly(sys.executable, "-m", "venv", "--clear", str(made))
        await _quietly(str(interpreter), "-m", "pip", "install", "-q", "--disable-pip-version-check", "-r", str(wanted))
        _complete(made)
    return [str(interpreter), str(PROGRAMS / name), ".py"]


async def packages(name: str) -> Path:
    """A folder with a peer's packages, to be put before the project's own on the path."""
    wanted = PROGRAMS / name / "requirements.txt"
    made = MADE / f"{name}-{_digest(wanted)}"
    if not (made / "complete").exists():
        command = (sys.executable, "-m", "pip", "install", "-q", "--disable-pip-version-check", "--target", str(made), "-r", str(wanted))
        await _quietly(*command)
        _complete(made)
    return made


async def _npm(name: str) -> list[str]:
    node, npm = shutil.which("node"), shutil.which("npm")
    if not (node and npm):
        raise NotRun("node or npm is not installed")
    made = MADE / f"{name}-{_digest(PROGRAMS / name / 'package.json')}"
    shutil.copytree(PROGRAMS / name, made, dirs_exist_ok=True)
    if not (made / "complete").exists():
        await _quietly(npm, "install", "--no-audit", "--no-fund", "--silent", "--prefix", str(made))
        _complete(made)
    return [node, str(made), ".mjs"]


def _digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()[:12]


def _complete(made: Path) -> None:
    (made / "complete").touch()


async def _quietly(*command: str) -> None:
    MADE.mkdir(exist_ok=True)
    log = MADE / "install.log"
    with log.open("wb") as file:
        process = await asyncio.create_subprocess_exec(*command, stdin=asyncio.subprocess.DEVNULL, stdout=file, stderr=file)
        status = await process.wait()
    if status:
        raise NotRun(f"{Path(command[0]).name} ended with status {status}: {tail(log)}")
