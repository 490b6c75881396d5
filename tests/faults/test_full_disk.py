"""The disk is full, of the broker and then of SQLite: callers hear of it, nothing acknowledged is lost, and all resumes with space."""

import asyncio
import contextlib
import subprocess
from pathlib import Path

import pytest

from shared.bundled import BundledBroker
from tests.faults.stand import stand as standing
from tests.faults.stand import until

pytestmark = pytest.mark.faults

PER_SECOND = 300
FULL_SECONDS = 6
SIZE = "48m"


@contextlib.contextmanager
def small_disk(folder: Path):
    """A file system of few MiB; skips, with the reason, where none may be mounted."""
    folder.mkdir(parents=True)
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", folder], capture_output=True, text=True, check=False)
    if mounted.returncode:
        pytest.skip(f"no small disk to be had: {mounted.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


async def fill(folder: Path) -> Path:
    """A file that takes all the space there is."""
    ballast = folder / "ballast"
    with contextlib.suppress(OSError), ballast.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(65536))
    with contextlib.suppress(OSError), ballast.open("ab", buffering=0) as file:
        while True:
            file.write(bytes(512))
    return ballast


async def play(stand, folder: Path) -> str:
    """Load; the disk is full for some seconds; then there is space again, and nobody does anything."""
    await stand.start()
    stop = asyncio.Event()
    load = asyncio.create_task(stand.producer.until(PER_SECOND, stop))
    await asyncio.sleep(3)
    ballast = await fill(folder)
    before = len(stand.ledger)
    await asyncio.sleep(FULL_SECONDS)
    during = len(stand.ledger) - before
    ballast.unlink()
    took = await until(lambda: _more(stand, before + during + PER_SECOND), 60)
    stop.set()
    await load
    rest = await stand.settle(90)
    answers = dict(stand.producer.answers)
    return (
        f"{during} acknowledged in {FULL_SECONDS} s without space, goes on {took:.1f} s after space returned; answers {answers}; "
        f"{len(stand.ledger)} acknowledged, 0 lost, 0 doubled, at rest after {rest:.1f} s"
    )


async def _more(stand, number: int) -> bool:
    return len(stand.ledger) >= number


@pytest.mark.parametrize("database_kind", ["sqlite"])
async def test_the_brokers_disk_is_full(tmp_path, seed, figure, database_url):
    with small_disk(tmp_path / "small") as folder:
        broker = BundledBroker(folder / "nats")
        await broker.start()
        try:
            async with standing(tmp_path / "road", broker.url, database_url, seed) as stand:
                first = broker.process.pid
                told = await play(stand, folder)
                assert set(stand.producer.answers) == {"200"}, "reports are taken all the same"
                assert broker.process.pid != first, "a broker that keeps its write error is started again by itself"
                figure(f"6 broker's disk full: {told}")
        finally:
            await broker.stop()


@pytest.mark.parametrize("database_kind", ["sqlite"])
async def test_the_disk_of_sqlite_is_full(tmp_path, nats_url, seed, figure, database_url):
    with small_disk(tmp_path / "small") as folder:
        data = {f"THIDUA_{name}_DATABASE_URL": f"sqlite+aiosqlite:///{folder}/{name}.sqlite" for name in ("REPORTING", "EVALUATION")}
        async with standing(tmp_path / "road", nats_url, database_url, seed, **data) as stand:
            figure("6 SQLite's disk full: " + await play(stand, folder))
            assert stand.producer.answers["503"], "callers are told"
