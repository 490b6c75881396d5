"""Events that could not be applied: kept whole with the reason, readable; each is replayed one day, or closed by somebody who says why."""

import json
import logging
import uuid
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from nats.aio.msg import Msg
from sqlalchemy import Column, Integer, LargeBinary, String, Table, Text, func, select, update

from shared import audit
from shared.database import Database, Instant, ReadSession, WriteSession, fabric, insert_new
from shared.delivery import restore, whence
from shared.identity import new_id
from shared.messages import Conflict, Fault, Message, NotFound, Refused

if TYPE_CHECKING:
    from shared.inbox import Inbox

log = logging.getLogger(__name__)

dead_letters = Table(
    "dead_letters",
    fabric,
    Column("id", String(36), primary_key=True),
    Column("event", String(160), nullable=False),
    Column("type", String(256), nullable=False),
    Column("subject", String(256), nullable=False),
    Column("headers", Text, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("reason", Text, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("kept", Instant, nullable=False),
    Column("replayed", Instant),
    Column("closed", Text),
)
"""`replayed`: since when it waits for nobody, applied or closed; `closed`: why it will never be applied, for one that was closed."""

REASON_LIMIT = 2000
PLACES = uuid.UUID("0c5f3c52-8f5e-5b0e-9f0a-6d1d6a3a7e42")
"""What letters are named by: each place in a stream has one."""


async def keep(session: WriteSession, message: Msg, reason: str, attempts: int) -> str:
    """Keep a message as a dead letter and return the letter's id; one that comes again, for its end never reached the broker, is kept already."""
    place = whence(message)
    headers = {**(message.headers or {}), **place}
    lower = {name.lower(): value for name, value in headers.items()}
    row = {
        "id": str(uuid.uuid5(PLACES, "/".join(place.values()))) if place else new_id(),
        "event": _storable(lower.get("ce-id", ""))[:160],
        "type": _storable(lower.get("ce-type", message.subject))[:256],
        "subject": _storable(message.subject)[:256],
        "headers": _storable(json.dumps(headers, ensure_ascii=False)),
        "body": message.data,
        "reason": _storable(reason)[:REASON_LIMIT],
        "attempts": attempts,
        "kept": datetime.now(UTC),
    }
    if await insert_new(session, dead_letters, [row]):
        log.error("dead letter %s: %s", row["id"], row["reason"])
    return str(row["id"])


def _storable(text: str) -> str:
    """Text that both databases take: PostgreSQL knows no NUL, and neither what is no Unicode. What cannot be kept would come again for ever."""
    return text.encode("utf-8", "replace").decode().replace("\0", "?")


async def listed(session: ReadSession, limit: int = 200) -> list[Any]:
    """The newest dead letters first, of those that wait."""
    query = select(dead_letters).where(dead_letters.c.replayed.is_(None)).order_by(dead_letters.c.kept.desc()).limit(limit)
    return list((await session.execute(query)).all())


async def count(session: ReadSession) -> int:
    """How many dead letters wait for somebody."""
    return int(await session.scalar(select(func.count()).select_from(dead_letters).where(dead_letters.c.replayed.is_(None))) or 0)


async def find(session: ReadSession, letter: str) -> Any:
    """One dead letter; raises `NotFound`."""
    row = (await session.execute(select(dead_letters).where(dead_letters.c.id == letter))).one_or_none()
    if row is None:
        raise NotFound(Fault("id", Message("Không có sự kiện lỗi {letter}", letter=letter)))
    return row


async def replay(database: Database, inbox: "Inbox", letter: str) -> None:
    """Apply a dead letter's event once more; raises what its handler raises, and keeps the letter then.

    The inbox row guards it: an event that was applied meanwhile has no second effect.
    """
    async with database.read() as session:
        row = await find(session, letter)
    await inbox.apply_one(restore(json.loads(row.headers), row.body, row.subject))
    async with database.write() as session:
        await session.execute(update(dead_letters).where(dead_letters.c.id == letter).values(replayed=datetime.now(UTC)))


async def close(session: WriteSession, actor: Any, letter: str, reason: str, now: datetime) -> None:
    """Let a letter wait no longer that can never be applied: it stays readable, with the reason, and the audit trail says who closed it.

    Raises `Refused` without a reason, `NotFound`, and `Conflict` for a letter that waits no longer.
    """
    if not (told := " ".join(reason.split())):
        raise Refused(Fault("reason", Message("Chưa ghi lý do đóng."), Message("Hãy ghi vì sao sự kiện này không bao giờ áp dụng được.")))
    told, waits = told[:REASON_LIMIT], (dead_letters.c.id == letter) & dead_letters.c.replayed.is_(None)
    closing = update(dead_letters).where(waits).values(replayed=datetime.now(UTC), closed=told)
    row = (await session.execute(closing.returning(dead_letters.c.event, dead_letters.c.type))).one_or_none()
    if row is None:
        await find(session, letter)
        raise Conflict(Fault("id", Message("Sự kiện lỗi {letter} không còn chờ xử lý.", letter=letter)))
    await audit.record(session, actor, "dead-letter.closed", letter, now, event=row.event, type=row.type, reason=told)
