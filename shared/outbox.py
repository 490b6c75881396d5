"""Events leave a service only here: recorded in the caller's transaction, published by the relay after the commit."""

import asyncio
import contextlib
import logging
from datetime import UTC, datetime, timedelta
from time import monotonic
from typing import Any, cast

import asyncpg
from nats.js import JetStreamContext
from opentelemetry.context import Context, get_current
from sqlalchemy import Column, CursorResult, Index, Integer, String, Table, Text, bindparam, func, select, update

from shared.columns import among, end_of_trace
from shared.database import Database, Instant, WriteSession, add, fabric
from shared.events import Event
from shared.identity import new_id
from shared.publishing import LARGEST, Outgoing, publish
from shared.telemetry import Telemetry, traceparent_of

log = logging.getLogger(__name__)

outbox = Table(
    "outbox",
    fabric,
    Column("position", Integer, primary_key=True, autoincrement=True),
    Column("id", String(36), nullable=False, unique=True),
    Column("type", String(128), nullable=False),
    Column("subject", String(256), nullable=False),
    Column("campaign", String(64), nullable=False, default=""),
    Column("body", Text, nullable=False),
    Column("time", Instant, nullable=False),
    Column("recorded", Instant, nullable=False),
    Column("traceparent", String(64)),
    Column("sent", Instant),
)
Index("outbox_unsent", outbox.c.position, sqlite_where=outbox.c.sent.is_(None), postgresql_where=outbox.c.sent.is_(None))

Index("outbox_trace", end_of_trace(outbox.c.traceparent))

WINDOW = 200
POLL_SECONDS = 1.0
RETRY_SECONDS = (0.1, 0.5, 1.0, 2.0, 5.0)
PERSISTENT = 3
"""So many failures in a row are more than a broker that was started again."""
ACK_TIMEOUT = 5.0
LOOK_SECONDS = 5.0
LISTEN_SECONDS = 2.0
CLOCKS_APART = timedelta(seconds=2)
"""How much the broker's clock and ours may differ; a service whose clock is further off is not ready."""


async def record(session: WriteSession, event: Event, now: datetime, *, client: str = "") -> str:
    """Record `event` in the caller's transaction and return its id (UUIDv7, also the broker's message id).

    `now` is when it happened (the CloudEvents `time`); `client` is the addressee of an event meant for one partner. Raises `ValueError`
    for one that no broker takes: in the outbox it would hold all that come after it.
    """
    if bool(client) != event.ADDRESSED:
        raise ValueError(f"{event.TYPE}: an addressed event, and no other, names its client")
    body = event.model_dump_json()
    if not fits(body):
        raise ValueError(f"{event.TYPE}: more than {LARGEST} bytes are too many for a message")
    row = {
        "id": new_id(),
        "type": event.TYPE,
        "subject": f"{event.TYPE}.{client}" if client else event.TYPE,
        "campaign": getattr(event, "campaign", ""),
        "body": body,
        "time": now,
        "recorded": datetime.now(UTC),
    }
    session.at_commit(write)
    session.info.setdefault("outbox", []).append((row, get_current()))
    session.info["recorded"] = True
    return str(row["id"])


def fits(body: str) -> bool:
    """Whether a broker takes a message with this body."""
    return len(body.encode()) <= LARGEST


async def write(session: WriteSession) -> None:
    """All events of a transaction in one statement, as its last one; earlier by whoever records more than it wants to hold.

    Only here an event gets its span: what was recorded in a trial, or by a handler that then failed, is never said.
    """
    recorded = session.info.pop("outbox", ())
    await add(session, outbox, *(row | {"traceparent": _trace_of(session, row, cause)} for row, cause in recorded))


def _trace_of(session: WriteSession, row: dict[str, Any], cause: Context) -> str | None:
    return session.telemetry.said(cause, row["type"], row["id"], row["campaign"]) if session.telemetry else traceparent_of(cause)


def headers_of(row: Any, service: str) -> dict[str, str]:
    """CloudEvents 1.0 attributes of an outbox row, binary mode of the NATS binding."""
    headers = {
        "Nats-Msg-Id": row.id,
        "ce-specversion": "1.0",
        "ce-id": row.id,
        "ce-source": f"/thidua/{service}",
        "ce-type": row.type,
        "ce-time": row.time.isoformat(),
        "ce-recordedtime": row.recorded.isoformat(),
        "content-type": "application/json",
    }
    if row.traceparent:
        headers["traceparent"] = row.traceparent
    return headers


class Relay:
    """Publishes unsent rows in windows and marks them after the broker's ack.

    Wakes on this process's commits and those that `listen` hears of, and polls every `POLL_SECONDS`. A window that fails is tried
    again with the same ids, so the stream keeps one copy. Several relays may run: rows in hand are skipped on PostgreSQL.
    """

    def __init__(self, database: Database, jetstream: JetStreamContext, telemetry: Telemetry) -> None:
        self.database, self.jetstream, self.telemetry = database, jetstream, telemetry
        self.failures = 0
        self.fault = ""
        """Why events have not been leaving for a while, though the stream may answer; empty when they do. A full disk looks like this."""
        self.sent = 0
        """Events published so far: a cheap sign of activity."""
        self.idle = False
        """True while nothing is left to publish, as far as this process knows."""
        self._look_at = 0.0
        self._made: datetime | None = None

    async def run(self) -> None:
        """Relay until cancelled."""
        self.database.relayed = True
        while True:
            self.database.committed.clear()
            self.idle = False
            try:
                if self.failures or monotonic() > self._look_at:
                    await self.refill()
                while await self.publish_window() == WINDOW:
                    pass
                self.failures, self.fault = 0, ""
            except Exception as error:
                await self._rest(error)
                continue
            self.idle = True
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(POLL_SECONDS):  # Python 3.11's wait_for may swallow the cancellation that ends us
                    await self.database.committed.wait()

    async def _rest(self, error: Exception) -> None:
        delay = RETRY_SECONDS[min(self.failures, len(RETRY_SECONDS) - 1)]
        self.failures += 1
        self.fault = type(error).__name__ if self.failures >= PERSISTENT else ""
        log.warning("relay of %s waits %.1f s: %s: %s", self.database.service, delay, type(error).__name__, error)
        await asyncio.sleep(delay)

    async def refill(self) -> None:
        """Events sent before the stream was made went to one that is lost: they are unsent again and follow with the same ids."""
        made = (await self.jetstream.stream_info(self.database.service.upper())).created
        assert made is not None  # the broker tells it of every stream
        self._look_at = monotonic() + LOOK_SECONDS
        if made == self._made:
            return
        lost = made + CLOCKS_APART
        async with self.database.read() as session:
            first = await session.scalar(_FIRST_SENT)
        if first is not None and first < lost:
            async with self.database.write() as session:
                found = cast(CursorResult[Any], await session.execute(_UNSEND, {"lost": lost})).rowcount
            log.error("stream %s is younger than %d events sent to it: they are published again", self.database.service.upper(), found)
        self._made = made

    async def publish_window(self) -> int:
        """Publish up to `WINDOW` unsent events in their order; returns how many the broker has acknowledged."""
        if self.database.sqlite:
            async with self.database.read() as session:
                rows = (await session.execute(_UNSENT)).all()
            await self._publish(rows)
            if rows:
                async with self.database.write() as session:
                    await _mark(session, rows)
        else:
            async with self.database.write() as session:
                rows = (await session.execute(_UNSENT_OF_NOBODY)).all()
                await self._publish(rows)
                await _mark(session, rows)
        self.sent += len(rows)
        self.telemetry.published.inc(len(rows))
        return len(rows)

    async def _publish(self, rows: Any) -> None:
        age = (datetime.now(UTC) - rows[0].recorded).total_seconds() if rows else 0
        self.telemetry.outbox_age.set(age)
        service = self.database.service
        outgoing = [Outgoing(row.subject, row.body.encode(), headers_of(row, service)) for row in rows]
        await publish(self.jetstream, service.upper(), outgoing, ACK_TIMEOUT)


_UNSENT = select(outbox).where(outbox.c.sent.is_(None)).order_by(outbox.c.position).limit(WINDOW)
_UNSENT_OF_NOBODY = _UNSENT.with_for_update(skip_locked=True)
_FIRST_SENT = select(outbox.c.sent).where(outbox.c.sent.is_not(None)).order_by(outbox.c.position).limit(1)
_UNSEND = update(outbox).where(outbox.c.sent < bindparam("lost", type_=Instant)).values(sent=None)
_MARK = update(outbox).where(among(outbox.c.position, "positions")).values(sent=bindparam("now"))


async def _mark(session: WriteSession, rows: Any) -> None:
    if rows:
        await session.execute(_MARK, {"positions": [row.position for row in rows], "now": datetime.now(UTC)})


async def listen(database: Database) -> None:
    """Hear, on PostgreSQL and until cancelled, what processes without a relay commit. A connection that dies has a successor; polling fills the gap."""
    while True:
        try:
            await _listen_once(database)
        except Exception as error:
            log.warning("relay of %s hears no other process, again in %.1f s: %s: %s", database.service, LISTEN_SECONDS, type(error).__name__, error)
        await asyncio.sleep(LISTEN_SECONDS)


async def _listen_once(database: Database) -> None:
    """Raises when the connection has died, also one that only a question finds dead."""
    named = {"application_name": f"thidua-{database.service}-listen"}
    connection = await asyncpg.connect(database.url.replace("+asyncpg", "", 1), timeout=ACK_TIMEOUT, server_settings=named)
    try:
        await connection.add_listener(f"outbox_{database.service}", lambda *_: database.committed.set())
        database.committed.set()
        while True:
            await connection.execute("SELECT 1", timeout=ACK_TIMEOUT)
            await asyncio.sleep(LISTEN_SECONDS)
    finally:
        connection.terminate()


async def waiting(database: Database) -> int:
    """How many events are recorded but not yet published."""
    async with database.read() as session:
        return int(await session.scalar(select(func.count()).select_from(outbox).where(outbox.c.sent.is_(None))) or 0)
