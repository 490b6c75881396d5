"""The mark that a restore leaves in each service's database until all of it is done: whoever meets it knows that what is there is half."""

from dataclasses import dataclass
from typing import Literal

from sqlalchemy import Column, MetaData, String, Table, delete, insert, inspect, select

from shared import migrations
from shared.database import Database
from shared.messages import Refused

Stage = Literal["filling", "filled"]
_mark = Table("half_restored", MetaData(), Column("archive", String, nullable=False), Column("stage", String, nullable=False))
TABLE = _mark.name


@dataclass(frozen=True)
class Mark:
    """Which archive is being put back, and how far: `filled` means that every service has all of its own."""

    archive: str
    stage: Stage


async def mark_of(database: Database) -> Mark | None:
    """The mark in a database; None when no restore is under way."""
    async with database.reader.connect() as connection:
        if not await connection.run_sync(lambda c: inspect(c).has_table(TABLE, None if database.sqlite else database.schema)):
            return None
        row = (await connection.execute(select(_mark))).one_or_none()
    return Mark(row.archive, row.stage) if row else None


async def mark(database: Database, archive: str, stage: Stage) -> None:
    """Put the mark there, or change it."""
    await migrations.make_schema(database)
    async with database.write() as session:
        await (await session.connection()).run_sync(lambda c: _mark.create(c, checkfirst=True))
        await session.execute(delete(_mark))
        await session.execute(insert(_mark).values(archive=archive, stage=stage))


async def unmark(database: Database) -> None:
    """All is done."""
    async with database.write() as session:
        await (await session.connection()).run_sync(lambda c: _mark.drop(c, checkfirst=True))


async def clear(database: Database) -> None:
    """Drop every table but the mark: what an interrupted restore left is nobody's."""
    found = MetaData(schema=None if database.sqlite else database.schema)
    async with database.write() as session:
        connection = await session.connection()
        await connection.run_sync(migrations.reflect, found)
        left = [table for table in found.sorted_tables if table.name != TABLE]
        await connection.run_sync(lambda c: found.drop_all(c, tables=left))


async def must_be_over(database: Database) -> None:
    """Raises `Refused`, which says how to go on, when a restore into this database was cut short."""
    if found := await mark_of(database):
        raise Refused.because(
            "Việc phục hồi {archive} vào cơ sở dữ liệu của {service} bị ngắt giữa chừng: hãy chạy lại thidua restore {archive}, việc đó sẽ làm lại từ đầu.",
            archive=found.archive, service=database.service,
        )  # fmt: skip
