"""A service's tables as lines of JSON and back, through reflection: the same for SQLite and PostgreSQL, whatever the program's version."""

import base64
import gzip
import json
from collections.abc import AsyncIterator
from datetime import date
from pathlib import Path
from typing import Any

from sqlalchemy import Date, LargeBinary, MetaData, Table, func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from shared import migrations, restoring
from shared.database import Database

CHUNK = 500
NO_RECORDS = {"alembic_version", migrations.compatible.TABLE, restoring.TABLE}


async def dump(database: Database, folder: Path) -> dict[str, int]:
    """Write every table as it is at one instant, while the service runs; returns the rows of each."""
    folder.mkdir(parents=True, exist_ok=True)
    async with database.reader.connect() as connection:
        if not database.sqlite:
            await connection.execution_options(isolation_level="REPEATABLE READ")
        tables = await _reflected(connection, database)
        return {table.name: await _dump_table(connection, table, folder / f"{table.name}.jsonl.gz") for table in tables}


async def _reflected(connection: AsyncConnection, database: Database) -> list[Table]:
    metadata = MetaData(schema=None if database.sqlite else database.schema)
    await connection.run_sync(migrations.reflect, metadata)
    return [table for table in metadata.sorted_tables if table.name not in NO_RECORDS]


async def _dump_table(connection: AsyncConnection, table: Table, file: Path) -> int:
    number = 0
    with gzip.open(file, "wt", encoding="utf-8", compresslevel=3) as lines:
        lines.write(json.dumps([column.name for column in table.c]) + "\n")
        result = await connection.stream(select(table).order_by(*table.primary_key))
        async for row in result:
            lines.write(json.dumps([_written(value) for value in row], ensure_ascii=False) + "\n")
            number += 1
    return number


def _written(value: Any) -> Any:
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    return value.isoformat() if isinstance(value, date) else value


async def load(database: Database, folder: Path) -> dict[str, int]:
    """Fill empty tables of the revision at which they were dumped, in one transaction; returns the rows of each."""
    async with database.writer.begin() as connection:
        tables = await _reflected(connection, database)
        loaded = {table.name: await _load_table(connection, table, folder / f"{table.name}.jsonl.gz") for table in tables}
        if not database.sqlite:
            for table in tables:
                await _continue_counting(connection, table)
    return loaded


async def _load_table(connection: AsyncConnection, table: Table, file: Path) -> int:
    number = 0
    async for rows in _chunks(file):
        await connection.execute(insert(table), [_read(table, row) for row in rows])
        number += len(rows)
    return number


async def _chunks(file: Path) -> AsyncIterator[list[dict[str, Any]]]:
    with gzip.open(file, "rt", encoding="utf-8") as lines:
        names = json.loads(next(lines))
        rows = []
        for line in lines:
            rows.append(dict(zip(names, json.loads(line), strict=True)))
            if len(rows) == CHUNK:
                yield rows
                rows = []
        if rows:
            yield rows


def _read(table: Table, row: dict[str, Any]) -> dict[str, Any]:
    return {name: _value(table.c[name].type, value) for name, value in row.items()}


def _value(kind: Any, value: Any) -> Any:
    if value is None:
        return None
    if isinstance(kind, LargeBinary):
        return base64.b64decode(value)
    return date.fromisoformat(value) if isinstance(kind, Date) else value


async def _continue_counting(connection: AsyncConnection, table: Table) -> None:
    """PostgreSQL's counters go on after the rows that were put in."""
    for column in table.primary_key:
        name = f'"{table.schema}"."{table.name}"'
        counter = await connection.scalar(select(func.pg_get_serial_sequence(name, column.name)))
        if counter:
            following = select(func.coalesce(func.max(column), 0) + 1).scalar_subquery()
            await connection.execute(select(func.setval(counter, following, False)))


async def is_empty(database: Database) -> bool:
    """True when no table of the service has a row."""
    async with database.reader.connect() as connection:
        for table in await _reflected(connection, database):
            if await connection.scalar(select(func.count()).select_from(table)):
                return False
    return True
