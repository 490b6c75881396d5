"""`thidua demo` and `thidua up` in simulated time: stage, play, hand over to people, count, stop cleanly."""

import asyncio
import contextlib
import json
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from services import local as composition
from services.databases import reached
from services.local import Local
from services.signals import stopped
from services.simulation import controls
from services.simulation.progress import Progress
from services.simulation.scene import PASSWORD, Mark, Scene, imbalances
from services.simulation.story import local as at
from shared.bundled import free_port
from shared.settings import SERVICES, Settings

CAMPAIGN = Path(__file__).parents[2] / "deploy" / "campaigns" / "lai-chau-2023"


@contextlib.asynccontextmanager
async def staged(settings: Settings, mark: Mark) -> AsyncIterator[Scene]:
    """A scene that is ready to play: servers, databases, campaign, services, pages."""
    await reached(settings, *SERVICES, patience=0)
    async with Local(settings.model_copy(update={"clock": "simulated"}), mail_sink=True) as local:
        scene = Scene(local, mark)
        await scene.prepare()
        await local.start()
        await scene.begin()
        controls.attach(local.apps["registration"], scene)
        try:
            yield scene
        finally:
            await scene.close()


async def demo(settings: Settings, *, once: bool, as_json: bool, seed: int, keep: Path | None) -> int:
    """Play the movement; returns the exit status: 0 only if the books balance (or people ended it)."""
    folder = keep or Path(tempfile.mkdtemp(prefix="thidua-demo-"))
    folder.mkdir(parents=True, exist_ok=True)
    if Mark.read(folder) is not None:
        print(f"{folder} already holds a simulation; go on with: thidua up --data {folder}", file=sys.stderr)
        return 2
    try:
        async with staged(settings.model_copy(update={"data": folder}), Mark(str(CAMPAIGN), seed)) as scene:
            return await (_once(scene, as_json) if once else _with_people(scene))
    finally:
        if keep is None:
            shutil.rmtree(folder, ignore_errors=True)


async def resume(settings: Settings, mark: Mark) -> int:
    """Go on with a simulation from where it stopped."""
    async with staged(settings, mark) as scene:
        return await _with_people(scene)


async def _once(scene: Scene, as_json: bool) -> int:
    address = await _open(scene)
    print(f"pages at {address}", file=sys.stderr)
    progress = _progress(scene)
    await scene.play(scene.end)
    progress.done()
    books = await scene.books()
    faults = [*imbalances(books), *scene.player.declined]
    for fault in faults:
        print(f"does not balance: {fault}", file=sys.stderr)
    print(json.dumps(books, ensure_ascii=False) if as_json else _table(books))
    return 1 if faults else 0


async def _with_people(scene: Scene) -> int:
    address = await _open(scene)
    print(f"pages at {address} (they move while the movement is played)", file=sys.stderr)
    stop = stopped()
    playing = asyncio.create_task(_until_last_hour(scene))
    ended = asyncio.create_task(stop.wait())
    await asyncio.wait({playing, ended}, return_when=asyncio.FIRST_COMPLETED)
    if not stop.is_set():
        playing.result()
        print(_invitation(scene, address))
        going_on = asyncio.create_task(scene.player.play_on(scene.end))
        await asyncio.wait({going_on, ended}, return_when=asyncio.FIRST_COMPLETED)
        playing = going_on
    playing.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await playing
    print("stopped", file=sys.stderr)
    return 0


async def _until_last_hour(scene: Scene) -> None:
    progress = _progress(scene)
    if scene.player.now is None or scene.player.now < scene.last_hour:
        await scene.play(scene.last_hour)
    progress.done()


def _progress(scene: Scene) -> Progress:
    progress = Progress(at(scene.loaded.campaign.starts, 0), scene.end)
    scene.player.moved = progress
    return progress


async def _open(scene: Scene) -> str:
    """Listen on the wanted port, or on the next free one, and say which."""
    settings = scene.local.settings
    port = settings.port if composition.is_free(settings.host, settings.port) else free_port(settings.port + 1)
    if port != settings.port:
        print(f"port {settings.port} is taken, using {port}", file=sys.stderr)
    return await scene.local.serve(port)


def _invitation(scene: Scene, address: str) -> str:
    accounts = "\n".join(f"  {o.login:24} {o.name} – {o.post}" for o in scene.loaded.officers if o.listed)
    return (
        f"\nBây giờ là 16:00 ngày 30/10/2023 (thời gian mô phỏng, dữ liệu mẫu): còn một giờ là hết hạn kỳ báo cáo cuối.\n"
        f"Mở {address} và đăng nhập bằng một tài khoản mẫu; mật khẩu chung: {PASSWORD}\n{accounts}\n"
        f"Tài khoản van-hanh có nút «Chạy tiếp». Ctrl-C để dừng.\n"
        f"\nIt is 16:00 on 30/10/2023 (simulated time, sample data): one hour before the last deadline.\n"
        f"Open {address} and sign in with a sample account above; password: {PASSWORD}\n"
        f"The operator's page (van-hanh) has «play on». Ctrl-C stops everything.\n"
        f"To come back later: thidua up --data {scene.local.settings.data}\n"
    )


def _table(books: dict[str, Any], indent: str = "") -> str:
    lines = []
    for name, value in books.items():
        lines.append(f"{indent}{name}:\n{_table(value, indent + '  ')}" if isinstance(value, dict) else f"{indent}{name}: {value}")
    return "\n".join(lines)
