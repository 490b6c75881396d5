"""A service's database: SQLite (one writer) or PostgreSQL (one schema), read and write sessions of different types."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path
from time import monotonic
from typing import Any, NamedTuple, cast

import asyncpg
import orjson
from sqlalchemy import (
    CursorResult,
    Executable,
    Insert,
    MetaData,
    Result,
    Row,
    Select,
    Table,
    bindparam,
    event,
    insert,
    select,
    text,
)
from sqlalchemy.dialects import postgresql
from sqlalchemy.dialects import sqlite as sqlite_dialect
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError, DisconnectionError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine
from typing_extensions import override

from shared import sqlite
from shared.columns import Exact as Exact
from shared.columns import Instant as Instant
from shared.columns import Ordered as Ordered
from shared.columns import among as among
from shared.telemetry import Telemetry

fabric = MetaData()
"""Tables that every service has: outbox, inbox, dead letters, audit, copies of units, officers and campaigns."""

READERS = 4
RESTED_SECONDS = 2.0
STATEMENTS = "statements"
CHUNK = 500
"""Rows of one statement where there may be very many: so many are held in memory at a time."""


class ReadSession(AsyncSession):
    """A session that may only read."""


class Mark(NamedTuple):
    """Where a transaction stood: how many statements its connection had run, and how much waited to be written."""

    statements: int
    waiting: Any


class WriteSession(ReadSession):
    """A session inside the one transaction that `Database.write` owns; nobody else commits."""

    telemetry: Telemetry | None = None
    """Of the service whose database this is; a command has none."""
    _connection_info: dict[Any, Any] | None = None

    def later(self, statement: Executable, row: Mapping[str, Any]) -> None:
        """Have `statement` run at the next flush, once for all its rows; statements run in the order in which they were first named."""
        pending: dict[Executable, list[Mapping[str, Any]]] = self.info.setdefault("later", {})
        pending.setdefault(statement, []).append(row)

    @override
    async def flush(self, objects: Any = None) -> None:
        """Write what waits. Whoever reads what may wait flushes first."""
        for statement, rows in self.info.pop("later", {}).items():
            await self.execute(statement, rows)
        await super().flush(objects)

    @asynccontextmanager
    async def undone(self) -> AsyncIterator[None]:
        """A trial: what is done inside is undone at its end, events and all. Locks taken inside are let go."""
        await self.flush()
        waiting, trial = _extent(self.info), await self.begin_nested()
        try:
            yield
        finally:
            await trial.rollback()
            self.restore(Mark(0, waiting))

    def at_commit(self, work: "AtCommit") -> None:
        """Have `work(session)` done once, as the transaction's last step."""
        pending: list[AtCommit] = self.info.setdefault("at_commit", [])
        if work not in pending:
            pending.append(work)

    def after_commit(self, work: Callable[[], None]) -> None:
        """Have `work()` done once what was written is there for good; never, where it is undone."""
        self.info.setdefault("after_commit", []).append(work)

    def mark(self) -> Mark:
        """Where the transaction stands; it has run a statement before."""
        return Mark(self._statements(), _extent(self.info))

    def take_back(self, mark: Mark) -> bool:
        """Forget what was to be written since; False, and nothing done, when something has run since: only a rollback takes that back."""
        if self._statements() != mark.statements or self.new or self.dirty or self.deleted:
            return False
        self.restore(mark)
        return True

    def restore(self, mark: Mark) -> None:
        """Have waiting to be written what was then, and nothing of it has been since; for what has run since there was a rollback."""
        kept = _cut(self.info, mark.waiting)
        self.info.clear()
        self.info.update(kept)

    def _statements(self) -> int:
        if self._connection_info is None:
            self._connection_info = self.sync_session.connection().info
        return int(self._connection_info.get(STATEMENTS, 0))


async def written(session: ReadSession) -> None:
    """Write what waits in a session that writes, for what follows reads it."""
    if session.info.get("later"):
        await session.flush()


AtCommit = Callable[[WriteSession], Awaitable[None]]


def _extent(waiting: Any) -> Any:
    """How long each list is; lists only grow until they are written."""
    if isinstance(waiting, dict):
        return {name: _extent(part) for name, part in waiting.items()}
    if isinstance(waiting, list):
        return len(waiting)
    return waiting.copy() if isinstance(waiting, set) else waiting


def _cut(waiting: Any, extent: Any) -> Any:
    """Lists as long as they were, and nothing that came since."""
    if isinstance(waiting, dict):
        return {name: _cut(waiting[name], then) for name, then in extent.items() if name in waiting}
    return waiting[:extent] if isinstance(waiting, list) else extent


class Database:
    """Opens sessions on one service's database.

    SQLite: a single writing connection (BEGIN IMMEDIATE, WAL, synchronous FULL) and `READERS` reading ones.
    PostgreSQL: a pool; tables live in `schema`, by default named after the service.
    """

    def __init__(self, url: str, service: str, schema: str = "") -> None:
        self.url, self.service, self.schema = url, service, schema or service
        self.sqlite = make_url(url).get_backend_name() == "sqlite"
        self.committed = asyncio.Event()
        """Set after each commit that recorded events: the relay's in-process signal."""
        self.relayed = False
        """True where this process publishes what it commits: then no other process is told, which costs PostgreSQL a lock at every commit."""
        self.telemetry: Telemetry | None = None
        if self.sqlite:
            Path(make_url(url).database or "").parent.mkdir(parents=True, exist_ok=True)
            self.writer = _sqlite_engine(url, readers=0)
            self.reader = _sqlite_engine(url, readers=READERS)
        else:
            options = {"server_settings": {"search_path": self.schema, "application_name": f"thidua-{service}"}}
            self.writer = create_async_engine(url, pool_size=8, max_overflow=4, connect_args=options, **_JSON)
            _ping_what_rested(self.writer)
            self.reader = self.writer
        event.listen(self.writer.sync_engine, "before_cursor_execute", _count_statement)

    @asynccontextmanager
    async def read(self) -> AsyncIterator[ReadSession]:
        """A session for reading; whatever it wrote would be rolled back."""
        async with ReadSession(self.reader, expire_on_commit=False) as session:
            yield session

    @asynccontextmanager
    async def write(self) -> AsyncIterator[WriteSession]:
        """One transaction: committed when the block ends well, rolled back when it raises."""
        async with WriteSession(self.writer, expire_on_commit=False, autoflush=True) as session:
            session.telemetry = self.telemetry
            async with session.begin():
                yield session
                await session.flush()
                for work in session.info.pop("at_commit", ()):
                    await work(session)
                if session.info.get("recorded") and not (self.sqlite or self.relayed):
                    await session.execute(text(f"NOTIFY outbox_{self.service}"))
            if session.info.pop("recorded", None):
                self.committed.set()
            for after in session.info.pop("after_commit", ()):
                after()

    async def close(self) -> None:
        """Close every connection."""
        await self.writer.dispose()
        await self.reader.dispose()


def _json(value: Any) -> str:
    return orjson.dumps(value).decode()


_JSON: dict[str, Any] = {"json_serializer": _json, "json_deserializer": orjson.loads}
"""JSON columns are written and read compiled: figures and score lines are read again at every report."""


def _count_statement(connection: Any, *_: Any) -> None:
    connection.info[STATEMENTS] = connection.info.get(STATEMENTS, 0) + 1


def _ping_what_rested(engine: AsyncEngine) -> None:
    """Ask a connection whether it lives before it is used, if it has rested: the question is three ways to the server and back.

    One that died in use a moment ago is found by its statement, and the pool then makes all its connections anew.
    """
    pool, dialect = engine.sync_engine.pool, engine.sync_engine.dialect

    @event.listens_for(pool, "checkin")
    def _rests(_: Any, record: Any) -> None:
        record.info["rests"] = monotonic()

    @event.listens_for(pool, "checkout")
    def _ask(connection: Any, record: Any, _: Any) -> None:
        if monotonic() - record.info.get("rests", monotonic()) > RESTED_SECONDS:
            try:
                dialect.do_ping(connection)
            except dialect.loaded_dbapi.Error as error:
                raise DisconnectionError from error  # the pool tries another, and at last a new one


def _sqlite_engine(url: str, *, readers: int) -> AsyncEngine:
    engine = create_async_engine(
        url, pool_size=readers or 1, max_overflow=0, pool_timeout=60, connect_args={"async_creator_fn": sqlite.connect}, **_JSON
    )

    @event.listens_for(engine.sync_engine, "connect")
    def _configure(connection: Any, _: Any) -> None:
        cursor = connection.cursor()
        for pragma in (f"busy_timeout={sqlite.BUSY_MS}", "journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.execute("PRAGMA query_only=ON" if readers else "PRAGMA busy_timeout=0")  # a writer waits asynchronously
        cursor.close()

    @event.listens_for(engine.sync_engine, "begin")
    def _begin(connection: Any) -> None:
        connection.exec_driver_sql("BEGIN" if readers else "BEGIN IMMEDIATE")

    return engine


@cache
def _selection(table: Table, names: tuple[str, ...]) -> Select[Any]:
    return select(table).where(*(table.c[name] == bindparam(name) for name in names))


@cache
def _addition(table: Table) -> Insert:
    return insert(table)


async def rows_of(session: AsyncSession, table: Table, **keys: Any) -> Sequence[Row[Any]]:
    """The rows of a table whose columns have these values."""
    found: Result[Any] = await session.execute(_selection(table, tuple(keys)), keys)
    return found.all()


async def row_of(session: AsyncSession, table: Table, **keys: Any) -> Row[Any] | None:
    """The one row of a table whose columns have these values, or None."""
    found: Result[Any] = await session.execute(_selection(table, tuple(keys)), keys)
    return found.one_or_none()


@cache
def _selection_among(table: Table, column: str, names: tuple[str, ...]) -> Select[Any]:
    return _selection(table, names).where(among(table.c[column], "among"))


async def rows_among(session: AsyncSession, table: Table, column: str, among: Iterable[str], **keys: Any) -> Sequence[Row[Any]]:
    """The rows whose `column` is one of many values and whose other named columns have these."""
    wanted = sorted(among)
    if not wanted:
        return ()
    found: Result[Any] = await session.execute(_selection_among(table, column, tuple(keys)), keys | {"among": wanted})
    return found.all()


def grouped(rows: Iterable[Row[Any]], column: str) -> defaultdict[str, list[Row[Any]]]:
    """Rows by the value of a column, each group in the order in which its rows came; a value without rows has an empty one."""
    found: defaultdict[str, list[Row[Any]]] = defaultdict(list)
    for row in rows:
        found[getattr(row, column)].append(row)
    return found


async def add(session: WriteSession, table: Table, *rows: Mapping[str, Any]) -> None:
    """Insert rows that name the same columns."""
    if rows:
        await session.execute(_addition(table), rows[0] if len(rows) == 1 else rows)


@cache
def _insertion(table: Table, *, sqlite: bool, counted: bool = True) -> Any:
    """An insert that leaves rows alone whose primary key is there; built once, for building costs more than running."""
    statement: Any = (sqlite_dialect if sqlite else postgresql).insert(table).on_conflict_do_nothing()
    return statement.returning(*table.primary_key) if counted else statement


@cache
def _replacement(table: Table, names: tuple[str, ...], newer: str | None, *, sqlite: bool) -> Any:
    """An insert that replaces `names` of a row with the same primary key, if its `newer` column is higher."""
    keys = [column.name for column in table.primary_key]
    statement: Any = sqlite_dialect.insert(table) if sqlite else postgresql.insert(table)
    values = {name: statement.excluded[name] for name in names if name not in keys}
    guard = statement.excluded[newer] > table.c[newer] if newer else None
    return statement.on_conflict_do_update(index_elements=keys, set_=values, where=guard)


def on_sqlite(session: AsyncSession) -> bool:
    """True when the session is on SQLite."""
    return session.get_bind().dialect.name == "sqlite"


async def look_anew(session: WriteSession, *tables: Table) -> None:
    """Have PostgreSQL count tables that may have grown, before a statement that joins them whole: an old estimate costs hours, this a moment."""
    if not on_sqlite(session):
        for table in tables:
            await session.execute(text(f"ANALYZE {table.name}"))


async def insert_new(session: WriteSession, table: Table, rows: Sequence[Mapping[str, Any]]) -> int:
    """Insert the rows whose primary key is not there yet; returns how many were new (0 to `len(rows)`). Rows name the same columns."""
    return len(await add_new(session, table, rows))


async def add_new(session: WriteSession, table: Table, rows: Sequence[Mapping[str, Any]]) -> Sequence[Row[Any]]:
    """Insert the rows whose primary key is not there yet; returns the keys of those that were new. Rows name the same columns."""
    return (await session.execute(_insertion(table, sqlite=on_sqlite(session)), list(rows))).all() if rows else ()


def add_later(session: WriteSession, table: Table, *rows: Mapping[str, Any]) -> None:
    """Insert rows at the next flush."""
    for row in rows:
        session.later(_addition(table), row)


def insert_later(session: WriteSession, table: Table, row: Mapping[str, Any]) -> None:
    """Insert a row at the next flush unless its primary key is there."""
    session.later(_insertion(table, sqlite=on_sqlite(session), counted=False), row)


def upsert_later(session: WriteSession, table: Table, row: Mapping[str, Any]) -> None:
    """Insert a row at the next flush, or replace the one with its primary key."""
    session.later(_replacement(table, tuple(row), None, sqlite=on_sqlite(session)), row)


async def upsert(session: WriteSession, table: Table, rows: Sequence[Mapping[str, Any]], *, newer: str | None = None) -> int:
    """Insert rows or replace those with the same primary key; returns how many rows changed.

    With `newer`, the name of a revision column, a row is replaced only by a higher revision: older and equal ones change nothing.
    """
    changed = 0
    for row in rows:
        statement = _replacement(table, tuple(row), newer, sqlite=on_sqlite(session))
        changed += cast(CursorResult[Any], await session.execute(statement, dict(row))).rowcount
    return changed


_AWAY = (asyncpg.PostgresConnectionError, asyncpg.InsufficientResourcesError, asyncpg.AdminShutdownError, asyncpg.CrashShutdownError,
         asyncpg.CannotConnectNowError, asyncpg.InternalClientError, asyncpg.TransactionRollbackError)  # fmt: skip
"""What PostgreSQL or its driver says when it is going, starting, has no place or space left, or gave up one of two that waited for each other."""


def is_outage(error: Exception) -> bool:
    """True when the database, not the event, is at fault: connection lost, server restarting, disk or places full, locked."""
    if isinstance(error, DBAPIError):
        return error.connection_invalidated or isinstance(getattr(error.orig, "__cause__", None), _AWAY) or sqlite.is_away(error.orig)
    return isinstance(error, (OSError, TimeoutError, DisconnectionError, PoolTimeout, *_AWAY))
