"""SQLite for the event loop: statements run at once in the loop's own thread, only what may wait for disk or lock hops to another.

aiosqlite sends every statement to a thread and back, some 100 us each, where SQLite itself needs 5 to 50 us. Here only COMMIT (waits for
the disk) leaves the loop, and BEGIN IMMEDIATE when another process holds the lock: under load each hop costs a whole turn of the loop,
while the one writer is held. The object stands where SQLAlchemy's aiosqlite dialect expects a driver connection (its `async_creator_fn`).
"""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Sequence
from typing import Any, Self

WAITING = "BEGIN IMMEDIATE"
BUSY_MS = 30_000
"""How long a statement waits for another process's lock."""


class Cursor:
    """The part of aiosqlite's cursor that the dialect uses."""

    def __init__(self, cursor: sqlite3.Cursor) -> None:
        self._cursor = cursor

    async def __aenter__(self) -> Self:
        return self

    async def execute(self, statement: str, parameters: Sequence[Any] = ()) -> "Cursor":
        """Run one statement."""
        if statement == WAITING:
            await self._take_lock()
        else:
            self._cursor.execute(statement, parameters)
        return self

    async def _take_lock(self) -> None:
        """Begin to write: at once where the lock is free, as it nearly always is; else another thread waits for it."""
        self._cursor.execute("PRAGMA busy_timeout=0")
        try:
            self._cursor.execute(WAITING)
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
                raise
        finally:
            self._cursor.execute(f"PRAGMA busy_timeout={BUSY_MS}")
        await asyncio.to_thread(self._cursor.execute, WAITING)

    async def executemany(self, statement: str, rows: Sequence[Sequence[Any]]) -> "Cursor":
        """Run one statement for each row."""
        self._cursor.executemany(statement, rows)
        return self

    async def fetchone(self) -> Any:
        """The next row, or None."""
        return self._cursor.fetchone()

    async def fetchmany(self, size: int | None = None) -> list[Any]:
        """Up to `size` rows."""
        return self._cursor.fetchmany(size or self._cursor.arraysize)

    async def fetchall(self) -> list[Any]:
        """All rows that are left."""
        return self._cursor.fetchall()

    async def __aiter__(self) -> AsyncIterator[Any]:
        for row in self._cursor:
            yield row

    async def close(self) -> None:
        """Free the statement."""
        self._cursor.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._cursor, name)


class Connection:
    """The part of aiosqlite's connection that the dialect uses; transactions are begun by explicit statements."""

    def __init__(self, path: str, timeout: float) -> None:
        self._connection: sqlite3.Connection | None = sqlite3.connect(
            path, timeout=timeout, isolation_level=None, check_same_thread=False, cached_statements=512
        )
        self._changes = 0

    @property
    def _conn(self) -> sqlite3.Connection:
        if self._connection is None:
            raise ValueError("no active connection")
        return self._connection

    def cursor(self) -> Cursor:
        """A new cursor."""
        return Cursor(self._conn.cursor())

    async def create_function(self, *arguments: Any, **options: Any) -> None:
        """Make a Python function callable in SQL."""
        self._conn.create_function(*arguments, **options)

    async def commit(self) -> None:
        """Make the transaction durable: waits for the disk, so it hops; reading ones end at once."""
        if not self._conn.in_transaction:
            return
        if self._conn.total_changes == self._changes:
            self._conn.commit()
        else:
            self._changes = self._conn.total_changes
            await asyncio.to_thread(self._conn.commit)

    async def rollback(self) -> None:
        """Undo the transaction."""
        self._conn.rollback()

    async def close(self) -> None:
        """Close the file."""
        self.stop()

    def stop(self) -> None:
        """Close the file without waiting."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None


async def connect(path: str, timeout: float = 30.0, **_: Any) -> Connection:
    """Open a database file; `timeout` seconds is how long a statement waits for another process's lock."""
    return Connection(path, timeout)
