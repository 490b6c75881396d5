"""SQLite for the event loop: statements run at once in the loop's own thread, and nothing ever blocks it for long.

aiosqlite sends every statement to a thread and back, some 100 us each, where SQLite itself needs 5 to 50 us. Here a transaction that
finds another process writing waits asynchronously, and a commit leaves the loop only where the disk is slow. The objects stand where
SQLAlchemy's aiosqlite dialect expects a driver connection (its `async_creator_fn`).
"""

import asyncio
import sqlite3
import sys
from collections.abc import AsyncIterator, Sequence
from time import monotonic, perf_counter
from typing import Any, Self

WAITING = "BEGIN IMMEDIATE"
LOCKED_PAUSE_SECONDS = 0.005
QUICK_COMMIT_SECONDS = 0.002
"""A disk that commits faster than this is waited for in the loop: two thread switches would cost as much."""
BUSY_MS = 30_000
"""How long a statement waits for another process's lock."""
SWITCH_SECONDS = 0.0005
"""A thread back from the disk asks a busy loop for the interpreter this often: with Python's 5 ms a commit's p99 was ten times longer."""


def is_away(error: BaseException | None) -> bool:
    """True when file or disk is at fault: locked, full, unreadable. A statement that is wrong has the plainest of codes."""
    return isinstance(error, sqlite3.OperationalError) and getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF != sqlite3.SQLITE_ERROR


class Cursor:
    """The part of aiosqlite's cursor that the dialect uses."""

    def __init__(self, cursor: sqlite3.Cursor) -> None:
        self._cursor = cursor

    async def __aenter__(self) -> Self:
        return self

    async def execute(self, statement: str, parameters: Sequence[Any] = ()) -> "Cursor":
        """Run one statement; the one that takes the lock waits for it without blocking the loop."""
        if statement == WAITING:
            await self._take_lock()
        else:
            self._cursor.execute(statement, parameters)
        return self

    async def _take_lock(self) -> None:
        deadline = monotonic() + BUSY_MS / 1000
        while True:
            try:
                self._cursor.execute(WAITING)
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or monotonic() > deadline:
                    raise
                await asyncio.sleep(LOCKED_PAUSE_SECONDS)
            else:
                return

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

    def __init__(self, path: str) -> None:
        self._connection: sqlite3.Connection | None = sqlite3.connect(
            path, timeout=0, isolation_level=None, check_same_thread=False, cached_statements=512
        )
        self._changes = 0
        self._last_commit = QUICK_COMMIT_SECONDS

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
        """Make the transaction durable: this waits for the disk, in the loop where that is quick, else in another thread."""
        if not self._conn.in_transaction:
            return
        if self._conn.total_changes == self._changes:
            self._conn.commit()
            return
        self._changes = self._conn.total_changes
        if self._last_commit < QUICK_COMMIT_SECONDS:
            self._commit()
        else:
            await asyncio.to_thread(self._commit)

    def _commit(self) -> None:
        started = perf_counter()
        self._conn.commit()
        self._last_commit = perf_counter() - started

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


async def connect(path: str, **_: Any) -> Connection:
    """Open a database file."""
    sys.setswitchinterval(SWITCH_SECONDS)
    return Connection(path)
