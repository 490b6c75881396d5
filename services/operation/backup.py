"""`thidua backup` while everything runs, and `thidua restore` on an empty host.

Consumers' databases are copied first, producers' next, streams last: what a database has applied is surely in the streams, and what
it has not, it hears again.
"""

import contextlib
import json
import shutil
import tempfile
from importlib import metadata
from pathlib import Path
from typing import Any

from nats.js.errors import NotFoundError

from services import local
from services.operation import archives, snapshots, tables
from services.registration import keys
from shared import broker, migrations
from shared.measures import STAMP
from shared.messages import Refused
from shared.security import wall_now
from shared.settings import Settings

ORDER = ("notification", "evaluation", "reporting", "registration")
"""Who only hears comes first, who is heard by the others last."""
MANIFEST = "MANIFEST.json"
EVIDENCE = "evidence"
FORMAT = 1


async def backup(settings: Settings, folder: Path) -> Path:
    """Copy everything into one archive in `folder`; returns its path. No service has to stop."""
    began = wall_now()
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"thidua-{began:{STAMP}}.tar.gz"
    with tempfile.TemporaryDirectory(prefix=".thidua-backup-", dir=folder) as name:
        copy = Path(name)
        about = {"format": FORMAT, "program": metadata.version("thidua"), "began": began.isoformat(), "services": {}, "streams": {}}
        about["services"] = {service: await _copy_database(settings, service, copy) for service in ORDER}
        about["streams"] = await _copy_streams(settings, copy)
        if (settings.data / EVIDENCE).is_dir():
            shutil.copytree(settings.data / EVIDENCE, copy / EVIDENCE)
        (copy / MANIFEST).write_text(json.dumps(about, indent=1), encoding="utf-8")
        archives.seal(copy, file, keys.signing_key(settings))
    return file


async def _copy_database(settings: Settings, service: str, copy: Path) -> dict[str, Any]:
    async with local.database_of(settings, service) as database:
        revision = await migrations.revision_of(database)
        if revision is None:
            raise Refused.because("chưa có bảng nào: hãy chạy thidua migrate {service}.", service=service)
        return {"revision": revision, "rows": await tables.dump(database, copy / service)}


async def _copy_streams(settings: Settings, copy: Path) -> dict[str, int]:
    connection = await broker.open_once(settings)
    try:
        names = sorted(str(info.config.name) for info in await connection.jetstream().streams_info())
        return {name: await snapshots.take(connection, name, copy / "streams" / name) for name in names}
    finally:
        await connection.close()


async def check(settings: Settings, file: Path, folder: Path) -> dict[str, Any]:
    """Unpack an archive into `folder`; returns its manifest. Raises `Refused` when anything in it is not as it was signed."""
    archives.unseal(file, folder, keys.signing_key(settings).public_pem)
    about: dict[str, Any] = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    for service, told in about["services"].items():
        if not migrations.is_known(service, told["revision"]):
            raise Refused.because("Bản sao lưu ở lược đồ {revision}, mới hơn chương trình này: hãy cài bản mới hơn rồi phục hồi.", revision=told["revision"])
    return about


async def restore(settings: Settings, file: Path) -> dict[str, Any]:
    """Put an archive back where nothing is yet; returns its manifest. Raises `Refused` rather than overwrite a row."""
    settings.data.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".thidua-restore-", dir=settings.data) as name:
        copy = Path(name)
        about = await check(settings, file, copy)
        await _must_be_empty(settings)
        for service in ORDER:
            await _fill_database(settings, service, copy, about["services"][service])
        await _fill_streams(settings, copy, about["streams"])
        if (copy / EVIDENCE).is_dir():
            shutil.copytree(copy / EVIDENCE, settings.data / EVIDENCE)
    await local.provision(settings)
    return about


async def _must_be_empty(settings: Settings) -> None:
    for service in ORDER:
        async with local.database_of(settings, service) as database:
            if await migrations.revision_of(database) is not None and not await tables.is_empty(database):
                raise Refused.because("Cơ sở dữ liệu của {service} không trống: chỉ phục hồi vào nơi trống.", service=service)
    connection = await broker.open_once(settings)
    try:
        for info in await connection.jetstream().streams_info():
            if info.state.messages:
                raise Refused.because("Luồng {stream} không trống: chỉ phục hồi vào nơi trống.", stream=info.config.name)
    finally:
        await connection.close()


async def _fill_database(settings: Settings, service: str, copy: Path, told: dict[str, Any]) -> None:
    async with local.database_of(settings, service) as database:
        await migrations.migrate(database, told["revision"])
        if await tables.load(database, copy / service) != told["rows"]:
            raise Refused.because("Số dòng của {service} không khớp: hãy dùng bản sao lưu khác.", service=service)
        await migrations.migrate(database)


async def _fill_streams(settings: Settings, copy: Path, told: dict[str, int]) -> None:
    connection = await broker.open_once(settings)
    jetstream = connection.jetstream()
    try:
        for stream in told:
            with contextlib.suppress(NotFoundError):  # empty, as was seen before
                await jetstream.delete_stream(stream)
            await snapshots.put_back(connection, stream, copy / "streams" / stream, settings.replicas)
        for service in ORDER:
            async with local.database_of(settings, service) as database:
                await snapshots.trim(jetstream, database)
                await snapshots.adopt(jetstream, database)
    finally:
        await connection.close()
