"""The power fails under broker and database at once: on a copy of their disk's image everything starts, and every accepted report is there."""

import asyncio
import contextlib
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from shared.bundled import BundledBroker
from tests.faults.plan import LONG
from tests.faults.postgres import own_postgres
from tests.faults.stand import stand as standing

pytestmark = pytest.mark.faults

PER_SECOND = 300
CUTS = LONG
SIZE, OUTER_SIZE = "400M", "2G"


def run(*command: object) -> str:
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False)
    if done.returncode:
        raise OSError(f"{command[0]}: {done.stderr.strip()}")
    return done.stdout.strip()


@contextlib.contextmanager
def disk(image: Path, size: str, *make: str) -> Iterator[Path]:
    """A file system in a file; skips, with the reason, where there are no loop devices."""
    try:
        if make:
            run("truncate", "-s", size, image)
            run(*make, image)
        folder = image.with_suffix("")
        folder.mkdir()
        run("mount", "-o", "loop", image, folder)
    except OSError as error:
        pytest.skip(f"no disk in a file to be had: {error}")
    try:
        yield folder
    finally:
        run("umount", "-l", folder)


@contextlib.contextmanager
def shelf(folder: Path) -> Iterator[Path]:
    """Where images lie: on XFS a file is cloned at one instant while others write to it; elsewhere the writers are stopped for the copy."""
    if shutil.which("mkfs.xfs"):
        with disk(folder / "shelf.img", OUTER_SIZE, "mkfs.xfs", "-q", "-m", "reflink=1") as found:
            yield found
    else:
        yield folder


def copied(image: Path, writers) -> tuple[Path, str]:
    """The image as it is now, as the disk would be after the power failed now, and how it was copied. What was not yet on the disk is not in it."""
    copy = image.with_name("copy.img")
    try:
        run("cp", "--reflink=always", image, copy)
    except OSError:
        for process in writers:
            process.send_signal(signal.SIGSTOP)
        run("cp", "--sparse=always", image, copy)
        for process in writers:
            process.send_signal(signal.SIGCONT)
        return copy, "copied while the writers were stopped"
    return copy, "cloned at one instant while all wrote"


@contextlib.contextmanager
def database_on(folder: Path, kind: str) -> Iterator[dict[str, str]]:
    """Settings of the services' databases on that disk, SQLite files or a PostgreSQL server of its own."""
    if kind == "postgres":
        with own_postgres(folder / "postgres") as postgres:
            yield {"THIDUA_DATABASE_URL": postgres.url}
        return
    names = ("REPORTING", "EVALUATION", "NOTIFICATION")
    yield {f"THIDUA_{name}_DATABASE_URL": f"sqlite+aiosqlite:///{folder}/{name.lower()}.sqlite" for name in names}


@contextlib.asynccontextmanager
async def standing_on(disk: Path, folder: Path, kind: str, seed: int):
    """Broker, database and a stand whose data is all on that disk."""
    broker = BundledBroker(disk / "nats")
    await broker.start()
    try:
        with database_on(disk, kind) as databases:
            async with standing(folder, broker.url, "", seed, **databases) as stand:
                yield stand, broker
    finally:
        await broker.stop()


async def cut(folder: Path, kind: str, seed: int) -> tuple[int, int, str]:
    """Load; at a moment the image is copied as it is, the ledger before it. How many were acknowledged then, and how many are there."""
    with shelf(folder) as images:
        with disk(images / "disk.img", SIZE, "mkfs.ext4", "-q", "-F") as place:
            async with standing_on(place, folder / "road", kind, seed) as (stand, broker):
                await stand.start()
                stop = asyncio.Event()
                load = asyncio.create_task(stand.producer.until(PER_SECOND, stop))
                await asyncio.sleep(3 + seed % 3)
                accepted = {line["key"] for line in stand.ledger.lines()}
                copy, how = copied(images / "disk.img", [broker.process, *(runner.process for runner in stand.runners)])
                stop.set()
                await load
        with disk(copy, SIZE) as place:
            return len(accepted), await after(place, folder / "again", kind, seed, accepted), how


async def after(disk: Path, folder: Path, kind: str, seed: int, accepted: set[str]) -> int:
    """Everything starts on the copy; each accepted report is taken, told and counted, once."""
    async with standing_on(disk, folder, kind, seed) as (stand, _):
        await stand.start()
        await stand.rest()
        kept = [await stand.keys(service) for service in ("reporting", "evaluation", "notification")]
        assert accepted <= set(kept[0]), "an accepted report is lost"
        assert sorted(kept[0]) == sorted(kept[1]) == sorted(kept[2])
        return len(kept[0])


async def test_an_accepted_report_survives_a_power_cut(tmp_path, seed, figure, database_kind):
    told = []
    for number in range(CUTS):
        folder = tmp_path / str(number)
        folder.mkdir()
        told.append(await cut(folder, database_kind, seed + number))
        shutil.rmtree(folder)
    figures = [(acknowledged, found) for acknowledged, found, _ in told]
    figure(f"5 power cut, {database_kind}, {CUTS} of them, disk {told[0][2]}: (acknowledged, found on it) {figures}: 0 acknowledged lost, 0 doubled")
