"""`thidua backup` while everything runs, and `thidua restore` on an empty host.

Consumers' databases are copied first, producers' next, streams last: what a database has applied is surely in the streams, and what
it has not, it hears again.
"""

import contextlib
import json
import shutil
import tempfile
from collections.abc import AsyncIterator, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

from nats.js.errors import NotFoundError

from services import local
from services.operation import archives, snapshots, tables
from services.registration import keys
from shared import broker, migrations, restoring, streams
from shared.database import Database
from shared.measures import STAMP
from shared.messages import Refused
from shared.security import wall_now
from shared.settings import Settings

ORDER = ("notification", "evaluation", "reporting", "registration")
"""Who only hears comes first, who is heard by the others last."""
MANIFEST = "MANIFEST.json"
EVIDENCE = "evidence"
COPYING, RESTORING = ".thidua-backup-", ".thidua-restore-"
FORMAT = 1


async def backup(settings: Settings, folder: Path) -> Path:
    """Copy everything into one archive in `folder`; returns its path. No service has to stop."""
    began = wall_now()
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"thidua-{began:{STAMP}}.tar.gz"
    with tempfile.TemporaryDirectory(prefix=COPYING, dir=folder) as name:
        copy = Path(name)
        about = {"format": FORMAT, "program": metadata.version("thidua"), "began": began.isoformat(), "services": {}, "streams": {}}
        about["services"] = {service: await _copy_database(settings, service, copy) for service in ORDER}
        about["streams"] = await _copy_streams(settings, copy)
        about["evidence"] = _copy_evidence(settings, copy)
        (copy / MANIFEST).write_text(json.dumps(about, indent=1), encoding="utf-8")
        archives.seal(copy, file, keys.signing_key(settings))
    return file


def _copy_evidence(settings: Settings, copy: Path) -> int:
    """How many files lie in the folder `evidence` of the data folder, where whoever attaches files by other means may keep them."""
    if not (settings.data / EVIDENCE).is_dir():
        return 0
    shutil.copytree(settings.data / EVIDENCE, copy / EVIDENCE)
    return sum(path.is_file() for path in (copy / EVIDENCE).rglob("*"))


async def _copy_database(settings: Settings, service: str, copy: Path) -> dict[str, Any]:
    async with local.database_of(settings, service) as database:
        await restoring.must_be_over(database)
        revision = await migrations.revision_of(database)
        if revision is None:
            raise Refused.because("chưa có bảng nào: hãy chạy thidua migrate {service}.", service=service)
        return {"revision": revision, "rows": await tables.dump(database, copy / service)}


async def _copy_streams(settings: Settings, copy: Path) -> dict[str, int]:
    connection = await broker.open_once(settings)
    try:
        names = sorted(str(info.config.name) for info in await streams.present(connection.jetstream()))
        return {name: await snapshots.take(connection, name, copy / "streams" / name) for name in names}
    finally:
        await connection.close()


async def check(settings: Settings, file: Path, folder: Path) -> dict[str, Any]:
    """Unpack an archive into `folder`; returns its manifest. Raises `Refused` when anything in it is not as it was signed."""
    archives.unseal(file, folder, archives.key_there(settings).public_pem)
    if not (folder / MANIFEST).is_file():
        raise Refused.because("Tệp {file} không phải bản sao lưu: hãy chọn tệp do thidua backup tạo.", file=file)
    about: dict[str, Any] = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    for service, told in about["services"].items():
        if not migrations.is_known(service, told["revision"]):
            raise Refused.because("Bản sao lưu ở lược đồ {revision}, mới hơn chương trình này: hãy cài bản mới hơn rồi phục hồi.", revision=told["revision"])
    return about


async def restore(settings: Settings, file: Path) -> dict[str, Any]:
    """Put an archive back where nothing is yet, or where a restore was cut short; returns its manifest. Raises `Refused` rather than overwrite a row."""
    settings.data.mkdir(parents=True, exist_ok=True)
    archives.sweep(settings.data, RESTORING)
    async with _databases(settings) as databases:
        with tempfile.TemporaryDirectory(prefix=RESTORING, dir=settings.data) as name:
            about = await check(settings, file, Path(name))
            if not await _is_filled(databases, file):
                await _fill(settings, databases, file, Path(name), about)
        for database in databases:
            await restoring.mark(database, file.name, "filled")
        await local.provision(settings)
        for database in databases:
            await restoring.unmark(database)
    return about


@contextlib.asynccontextmanager
async def _databases(settings: Settings) -> AsyncIterator[list[Database]]:
    async with contextlib.AsyncExitStack() as stack:
        yield [await stack.enter_async_context(local.database_of(settings, service)) for service in ORDER]


async def _is_filled(databases: Sequence[Database], file: Path) -> bool:
    """Whether a restore of this archive was cut short when only its marks were left. Raises `Refused` when it was another's."""
    marks = [await restoring.mark_of(database) for database in databases]
    filled = {mark.archive for mark in marks if mark and mark.stage == "filled"}
    if filled - {file.name}:
        raise Refused.because("Việc phục hồi {archive} chưa xong: hãy chạy lại thidua restore {archive}.", archive=min(filled))
    return bool(filled)


async def _fill(settings: Settings, databases: Sequence[Database], file: Path, copy: Path, about: dict[str, Any]) -> None:
    """Everything of the archive, marked as half until the last of it is there."""
    begun = await _must_be_free(settings, databases)
    for database in databases:
        await restoring.mark(database, file.name, "filling")
    for database in databases:
        if begun:  # nobody's: no service starts on a database with the mark
            await restoring.clear(database)
        await _fill_database(database, copy, about["services"][database.service])
    await _fill_streams(settings, databases, copy, about["streams"])
    if (copy / EVIDENCE).is_dir():
        shutil.copytree(copy / EVIDENCE, settings.data / EVIDENCE, dirs_exist_ok=True)


async def _must_be_free(settings: Settings, databases: Sequence[Database]) -> bool:
    """Raises `Refused` where somebody's rows or messages are; returns whether what is there was left by a restore that was cut short."""
    begun = False
    for database in databases:
        if await restoring.mark_of(database):
            begun = True
        elif await migrations.revision_of(database) is not None and not await tables.is_empty(database):
            raise Refused.because("Cơ sở dữ liệu của {service} không trống: chỉ phục hồi vào nơi trống.", service=database.service)
    if not begun:
        await _streams_must_be_empty(settings)
    return begun


async def _streams_must_be_empty(settings: Settings) -> None:
    connection = await broker.open_once(settings)
    try:
        for info in await streams.present(connection.jetstream()):
            if info.state.messages:
                raise Refused.because("Luồng {stream} không trống: chỉ phục hồi vào nơi trống.", stream=info.config.name)
    finally:
        await connection.close()


async def _fill_database(database: Database, copy: Path, told: dict[str, Any]) -> None:
    await migrations.migrate(database, told["revision"])
    if await tables.load(database, copy / database.service) != told["rows"]:
        raise Refused.because("Số dòng của {service} không khớp: hãy dùng bản sao lưu khác.", service=database.service)
    await migrations.migrate(database)


async def _fill_streams(settings: Settings, databases: Sequence[Database], copy: Path, told: dict[str, int]) -> None:
    connection = await broker.open_once(settings)
    jetstream = connection.jetstream()
    try:
        for stream in told:
            with contextlib.suppress(NotFoundError):  # empty, as was seen before, or half put back
                await jetstream.delete_stream(stream)
            await snapshots.put_back(connection, stream, copy / "streams" / stream, settings.replicas)
        for database in databases:
            await snapshots.trim(jetstream, database)
            await snapshots.adopt(jetstream, database)
    finally:
        await connection.close()
