"""A database of reporting that has heard the small movement."""

from collections.abc import AsyncIterator

import pytest_asyncio

from shared.database import Database
from shared.testing.databases import fresh_database
from tests.reporting.world import everything, hear


@pytest_asyncio.fixture
async def database(database_kind: str) -> AsyncIterator[Database]:
    async with fresh_database("reporting", database_kind) as found:
        yield found


@pytest_asyncio.fixture
async def movement(database: Database) -> Database:
    """The database after registration has told everything."""
    await hear(database, *everything())
    return database


@pytest_asyncio.fixture
async def movement_on_sqlite() -> AsyncIterator[Database]:
    """The same on SQLite alone, for long lists of bad input whose treatment knows no database."""
    async with fresh_database("reporting") as found:
        await hear(found, *everything())
        yield found
