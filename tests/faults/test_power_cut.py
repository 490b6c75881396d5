"""The power fails under broker and database at once: on a copy of their disk's image everything starts, and every accepted report is there."""

import asyncio
import contextlib
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

from shared.bundled import BundledBroker
from tests.faults.plan import LONG
from tests.faults.stand import stand as standing

pytestmark = pytest.mark.faults

PER_SECOND = 300
CUTS = 2 * LONG
SIZE = "96M"


def run(*command: object) -> str:
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False)
    if done.returncode:
        raise OSError(f"{command[0]}: {done.stderr.strip()}")
    return done.stdout.strip()


def mounted(image: Path, folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    run("mount", "-o", "loop", image, folder)


@contextlib.contextmanager
def disk(image: Path, folder: Path):
    """A file system in a file; skips, with the reason, where there are no loop devices."""
    try:
        run("truncate", "-s", SIZE, image)
        run("mkfs.ext4", "-q", "-F", image)
        mounted(image, folder)
    except OSError as error:
        pytest.skip(f"no disk in a file to be had: {error}")
    try:
        yield
    finally:
        run("umount", "-l", folder)


@contextlib.contextmanager
def at_a_stand(processes):
    """Nobody writes meanwhile, so that the copy is of one instant; what was not yet on the disk is not in it."""
    for process in processes:
        process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        for process in processes:
            process.send_signal(signal.SIGCONT)


def databases(folder: Path) -> dict[str, str]:
    names = ("REPORTING", "EVALUATION", "NOTIFICATION")
    return {f"THIDUA_{name}_DATABASE_URL": f"sqlite+aiosqlite:///{folder}/{name.lower()}.sqlite" for name in names}


async def cut(tmp_path: Path, seed: int) -> tuple[int, int]:
    """Load; at a moment the image is copied as it is, the ledger before it. How many were acknowledged then, and how many are there."""
    with disk(tmp_path / "disk.img", tmp_path / "disk"):
        broker = BundledBroker(tmp_path / "disk" / "nats")
        await broker.start()
        try:
            async with standing(tmp_path / "road", broker.url, "", seed, **databases(tmp_path / "disk")) as stand:
                await stand.start()
                stop = asyncio.Event()
                load = asyncio.create_task(stand.producer.until(PER_SECOND, stop))
                await asyncio.sleep(3 + seed % 3)
                with at_a_stand([broker.process, *(runner.process for runner in stand.runners)]):
                    accepted = {line["key"] for line in stand.ledger.lines()}
                    run("cp", tmp_path / "disk.img", tmp_path / "copy.img")
                stop.set()
                await load
        finally:
            await broker.stop()
    mounted(tmp_path / "copy.img", tmp_path / "copy")
    try:
        return len(accepted), await after(tmp_path, seed, accepted)
    finally:
        run("umount", "-l", tmp_path / "copy")


async def after(tmp_path: Path, seed: int, accepted: set[str]) -> int:
    """Everything starts on the copy; each accepted report is taken, told and counted, once."""
    broker = BundledBroker(tmp_path / "copy" / "nats")
    await broker.start()
    try:
        async with standing(tmp_path / "again", broker.url, "", seed, **databases(tmp_path / "copy")) as stand:
            await stand.start()
            await stand.rest()
            kept = [await stand.keys(service) for service in ("reporting", "evaluation", "notification")]
            assert accepted <= set(kept[0]), "an accepted report is lost"
            assert sorted(kept[0]) == sorted(kept[1]) == sorted(kept[2])
            return len(kept[0])
    finally:
        await broker.stop()


async def test_an_accepted_report_survives_a_power_cut(tmp_path, seed, figure):
    told = []
    for number in range(CUTS):
        folder = tmp_path / str(number)
        folder.mkdir()
        told.append(await cut(folder, seed + number))
        shutil.rmtree(folder)
    figure(f"5 power cut, {CUTS} times: (acknowledged, found on the copy) {told}: 0 acknowledged lost, 0 doubled")
