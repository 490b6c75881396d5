"""The two drivers, bare: transactions of statements on PostgreSQL by asyncpg or on a SQLite file by sqlite3, equally durable."""

import asyncio
import contextlib
import json
import sqlite3
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import asyncpg

SCHEMA = Path(__file__).parent.joinpath("schema.sql")
CONNECTIONS = 9


class Postgres:
    """A pool of connections into one service's schema."""

    CLAIM = "INSERT INTO inbox SELECT unnest($1::text[]) ON CONFLICT DO NOTHING RETURNING id"
    MARK = "UPDATE outbox SET sent = true WHERE position = ANY($1)"

    def __init__(self, pool: asyncpg.Pool) -> None:
        self.pool = pool

    @classmethod
    async def open(cls, url: str, schema: str) -> "Postgres":
        return cls(await asyncpg.create_pool(url, min_size=1, max_size=CONNECTIONS, server_settings={"search_path": schema}))

    @contextlib.asynccontextmanager
    async def transaction(self) -> AsyncIterator[Any]:
        async with self.pool.acquire() as connection, connection.transaction():
            yield connection

    @staticmethod
    def many(values: Sequence[Any]) -> Any:
        """Values as one parameter of `CLAIM` and `MARK`."""
        return values


class _Connection:
    """Asyncpg's interface on a SQLite connection; statements block, for they take less than a hop to a thread."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection

    async def executemany(self, statement: str, rows: Sequence[Sequence[Any]]) -> None:
        self.connection.executemany(statement.replace("$", "?"), rows)

    async def execute(self, statement: str, *values: Any) -> None:
        self.connection.execute(statement.replace("$", "?"), values)

    async def fetch(self, statement: str, *values: Any) -> list[Any]:
        return self.connection.execute(statement.replace("$", "?"), values).fetchall()


class Sqlite:
    """One connection, one transaction at a time; WAL and synchronous FULL."""

    CLAIM = "INSERT INTO inbox SELECT value FROM json_each($1) WHERE true ON CONFLICT DO NOTHING RETURNING id"
    MARK = "UPDATE outbox SET sent = true WHERE position IN (SELECT value FROM json_each($1))"

    def __init__(self, path: Path) -> None:
        self.connection, self.alone = sqlite3.connect(path, isolation_level=None), asyncio.Lock()
        self.connection.execute("PRAGMA journal_mode=WAL")
        self.connection.execute("PRAGMA synchronous=FULL")

    @contextlib.asynccontextmanager
    async def transaction(self) -> AsyncIterator[_Connection]:
        async with self.alone:
            self.connection.execute("BEGIN IMMEDIATE")
            try:
                yield _Connection(self.connection)
            except BaseException:
                self.connection.rollback()
                raise
            self.connection.commit()

    @staticmethod
    def many(values: Sequence[Any]) -> str:
        """Values as one parameter of `CLAIM` and `MARK`."""
        return json.dumps(list(values))


Store = Postgres | Sqlite


async def open_store(database: str, folder: Path, service: str) -> Store:
    """The store of one service: its schema in the database, or its file in the folder when there is no address."""
    return await Postgres.open(database, service) if database else Sqlite(folder / f"{service}.sqlite")


async def create(database: str, folder: Path) -> None:
    """Make the tables of all roles."""
    for part in SCHEMA.read_text(encoding="utf-8").split("-- service: ")[1:]:
        service, _, statements = part.partition("\n")
        if database:
            connection = await asyncpg.connect(database)
            await connection.execute(f"CREATE SCHEMA {service}; SET search_path TO {service}; {statements}")
            await connection.close()
        else:
            store = Sqlite(folder / f"{service}.sqlite")
            store.connection.executescript(statements.replace("bigserial", "integer"))
            store.connection.close()


async def differences(database: str, folder: Path, count: int, thousandths: int) -> list[str]:
    """What was sent against the rows: each report once at every step, and the sum of all figures."""
    asked = {
        "reporting": ("SELECT count(*) FROM report",),
        "evaluation": ("SELECT count(*) FROM inbox", "SELECT count(*) FROM score", "SELECT sum(reports) FROM total"),
        "notification": ("SELECT count(*) FROM inbox", "SELECT count(*) FROM letter"),
    }
    faults = []
    for service, queries in asked.items():
        store = await open_store(database, folder, service)
        async with store.transaction() as transaction:
            found = [(query, (await transaction.fetch(query))[0][0]) for query in queries]
            faults += [f"{service}: {query}: {number}, not {count}" for query, number in found if number != count]
            if service == "evaluation" and (added := (await transaction.fetch("SELECT sum(points) FROM total"))[0][0]) != thousandths:
                faults.append(f"the totals: {added} thousandths, not {thousandths}")
        await close(store)
    return faults


async def close(store: Store) -> None:
    if isinstance(store, Postgres):
        await store.pool.close()
    else:
        store.connection.close()
