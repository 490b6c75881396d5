"""Every command ends soon when it is told to (SIGTERM), also as the first process of a container, whom no signal ends that it does not hear."""

import asyncio
import contextlib
import os
import shutil
import signal
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from time import perf_counter

import pytest

from services import local, partner_access
from services.signals import GIVEN_UP
from shared import settings as configuration
from shared.bundled import _die_with_parent, free_port
from shared.clock import LOCAL
from tests.fabric.house import opened
from tests.fabric.servers import nats_server
from tests.faults.stand import until

AS_FIRST = ["unshare", "--fork", "--pid", "--kill-child"] if shutil.which("unshare") and os.geteuid() == 0 else []
SOON = 15.0
"""Seconds, less than the 20 that an engine waits before it kills, on a machine that tests keep busy; on a calm one it is a fraction of one."""


@dataclass
class First:
    """`thidua` as the first process of a namespace of its own, as a container has it (elsewhere than on Linux as root: as any process)."""

    process: asyncio.subprocess.Process
    told: Path

    @property
    def pid(self) -> int:
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split() if AS_FIRST else [self.process.pid]
        return int(children[0]) if children else 0

    async def hears(self) -> bool:
        """Whether it has read its own program and its work hears SIGTERM, which it does together with SIGALRM."""
        with contextlib.suppress(OSError, StopIteration):
            return bool(self._caught() >> (signal.SIGALRM - 1) & 1)
        return False

    async def reads(self, library: str) -> None:
        """Until it has loaded this library."""

        async def loaded() -> bool:
            with contextlib.suppress(OSError):  # it is not there yet
                return library in self._of_process("maps")
            return False

        await until(loaded, 60, self.told.read_text, pause=0.01)

    def _caught(self) -> int:
        lines = self._of_process("status").splitlines()
        return int(next(line for line in lines if line.startswith("SigCgt:")).split()[1], 16)

    def _of_process(self, file: str) -> str:
        return Path(f"/proc/{self.pid}/{file}").read_text()

    async def says(self, words: str) -> None:
        """Until it has said this."""

        async def said() -> bool:
            return words in self.told.read_text()

        await until(said, 60, self.told.read_text)

    async def end(self) -> tuple[int, float]:
        """Its status, and the seconds that it took."""
        await until(self.hears, 60, self.told.read_text)
        began = perf_counter()
        os.kill(self.pid, signal.SIGTERM)
        status = await asyncio.wait_for(self.process.wait(), 60)
        return status, perf_counter() - began


WAYS = {"the module": [sys.executable, "-m", "services"], "the script": [str(Path(sys.executable).with_name("thidua"))]}


@contextlib.asynccontextmanager
async def first(folder: Path, *words: str, way: Sequence[str] = WAYS["the module"], **environment: str) -> AsyncIterator[First]:
    told = folder / "told"
    with told.open("wb") as out:
        process = await asyncio.create_subprocess_exec(
            *AS_FIRST, *way, *words, env=os.environ | {"THIDUA_DATA": str(folder / "data")} | environment, stdin=PIPE,
            stdout=out, stderr=out, preexec_fn=_die_with_parent,
        )  # fmt: skip
    try:
        yield First(process, told)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


AWAY = "postgresql://nobody@127.0.0.1:1/none"


@pytest.mark.parametrize(
    ("words", "environment"),
    [
        (["migrate"], {"THIDUA_DATABASE_URL": AWAY}),
        (["run", "reporting"], {"THIDUA_DATABASE_URL": AWAY}),
        (["run", "reporting"], {"THIDUA_NATS_URL": "nats://127.0.0.1:1", "THIDUA_NATS_MONITOR_URL": "http://127.0.0.1:1"}),
        (["backup"], {"THIDUA_DATABASE_URL": AWAY}),
        (["password", "van-hanh"], {}),
    ],
    ids=["migrate, the database away", "run, the database away", "run, the broker away", "backup, the database away", "password, at its prompt"],
)
async def test_what_waits_gives_up(words, environment, tmp_path):
    await local.migrate_all(configuration.load({}, data=tmp_path / "data"))
    async with first(tmp_path, *words, **environment) as waiting:
        status, seconds = await waiting.end()
    assert status == GIVEN_UP, waiting.told.read_text()
    assert seconds < SOON
    assert waiting.told.read_text().removesuffix("\n").count("\n") == 0, "no traceback"


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
async def test_whoever_still_reads_its_own_program_ends_at_once(way, tmp_path):
    async with first(tmp_path, "password", "van-hanh", way=way) as beginning:
        await beginning.reads("pydantic_core")
        os.kill(beginning.pid, signal.SIGTERM)
        assert await asyncio.wait_for(beginning.process.wait(), SOON) == GIVEN_UP
    assert beginning.told.read_text() == ""


async def test_the_nightly_backup_ends_well_while_it_waits(tmp_path):
    await local.migrate_all(configuration.load({}, data=tmp_path / "data"))
    async with first(tmp_path, "backup", "--nightly", f"{datetime.now(LOCAL) + timedelta(hours=6):%H:%M}") as nightly:
        await nightly.says("waiting for")
        status, seconds = await nightly.end()
    assert (status, seconds < SOON) == (0, True), nightly.told.read_text()


async def test_a_backup_under_way_is_given_up_even_while_it_packs_and_leaves_nothing_behind(tmp_path):
    """Packing is work without a pause, in which nothing else of the program runs."""
    await local.migrate_all(configuration.load({}, data=tmp_path / "data"))
    (tmp_path / "data" / "evidence").mkdir()
    with (tmp_path / "data" / "evidence" / "film").open("wb") as file:
        for _ in range(128):
            file.write(os.urandom(1 << 20))

    async def packing() -> bool:
        return any((tmp_path / "backups").glob(".thidua-*.part"))

    async with first(tmp_path, "backup", "--to", str(tmp_path / "backups")) as making:
        await until(packing, 60, making.told.read_text, pause=0.01)
        status, seconds = await making.end()
    assert (status, seconds < SOON) == (GIVEN_UP, True), making.told.read_text()
    assert list((tmp_path / "backups").iterdir()) == []


async def test_the_part_that_keeps_the_broker_up_to_the_table_ends_well_with_its_file_whole(tmp_path):
    async with opened(tmp_path) as house:
        given = configuration.load({}, data=tmp_path / "data", nats_url=house.url, broker_keys=tmp_path / "keys", broker_accounts=tmp_path / "accounts.conf")
        await local.migrate_all(given, ["registration"])
        words = f"partners export --watch --keys {tmp_path / 'keys'} --to {tmp_path / 'accounts.conf'}".split()
        async with first(tmp_path, *words, THIDUA_NATS_URL=house.url) as watch:
            await watch.says(": reloaded")
            status, seconds = await watch.end()
        assert (status, seconds < SOON) == (0, True), watch.told.read_text()
        async with local.database_of(given, "registration") as database:
            assert (tmp_path / "accounts.conf").read_text() == await partner_access.text(database, tmp_path / "keys")
        assert not list(tmp_path.glob("accounts.conf.new"))
        async with house.connected("operator") as operator:
            assert await operator.jetstream().streams_info(), "the broker serves as before"


async def test_a_service_and_all_four_in_one_process_end_well(tmp_path):
    async with nats_server(tmp_path / "nats") as broker:
        named = {"THIDUA_NATS_URL": broker.nats, "THIDUA_NATS_MONITOR_URL": broker.monitor, "THIDUA_PORT": str(free_port())}
        given = configuration.load(named, data=tmp_path / "data")
        await local.migrate_all(given)
        await local.provision(given)
        async with first(tmp_path, "run", "reporting", **named) as service:
            await service.says("Uvicorn running on")
            assert (await service.end())[0] == 0
        async with first(tmp_path, "up", **named) as whole:
            await whole.says("pages at")
            assert (await whole.end())[0] == 0


async def test_what_was_begun_is_put_away(tmp_path):
    """A demo that is told to end in the middle leaves neither its folder nor its broker."""
    (tmp_path / "tmp").mkdir()
    async with first(tmp_path, "demo", "--once", THIDUA_PORT=str(free_port()), TMPDIR=str(tmp_path / "tmp")) as demo:
        await demo.says("pages at")
        status, _ = await demo.end()
    assert status == GIVEN_UP
    assert not list((tmp_path / "tmp").glob("thidua-demo-*"))
