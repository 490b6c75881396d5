"""Notification's database on both kinds, and an ear that hears events."""

import pytest_asyncio

from shared.testing.databases import fresh_database
from tests.notification.story import Ear, province


@pytest_asyncio.fixture
async def ear(database_kind):
    """Nothing is known yet."""
    async with fresh_database("notification", database_kind) as database:
        yield Ear(database)


@pytest_asyncio.fixture
async def town(ear):
    """The province's units and officers are known."""
    await ear.hear(*province())
    return ear
