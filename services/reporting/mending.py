"""A partner's rejected inbox: what was refused, until a mended event takes its place or a person says that it is settled."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, select, update

from services.reporting.ledger import IN_EARNEST, before
from services.reporting.models import inbound
from services.reporting.states import State
from shared import audit
from shared.database import ReadSession, WriteSession
from shared.delivery import Inbound
from shared.messages import Fault, Message, NotFound
from shared.security import Officer

MENDS = "thidua-mends"
"""A header that names the refused event, by our id of it, whose place an event takes: it may have had no id that could be read, or now has another."""
_OPEN = inbound.c.state == State.REJECTED, inbound.c.superseded_by.is_(None), inbound.c.handled_at.is_(None), IN_EARNEST


async def listed(session: ReadSession, client: str, after: str, limit: int) -> tuple[Sequence[Any], str]:
    """A page of a partner's refused events that are still to be mended, newest first, whole; and `after` of the next page, empty at the end.

    No trials: what is sent from here is official.
    """
    query = select(inbound).where(inbound.c.client == client, *_OPEN, *await before(session, client, after))
    rows = (await session.execute(query.order_by(inbound.c.received_at.desc(), inbound.c.id.desc()).limit(limit + 1))).all()
    return rows[:limit], rows[limit - 1].id if len(rows) > limit else ""


_REPLACE = (
    update(inbound)
    .where(inbound.c.id == bindparam("this"), inbound.c.client == bindparam("of"), *_OPEN, inbound.c.id != bindparam("by"))
    .values(superseded_by=bindparam("by"))
)


def replace(session: WriteSession, message: Inbound, row: Mapping[str, Any]) -> None:
    """A message came, kept as `row`, that says which refused event it mends: at the next flush it takes the place of that, if it is its client's.

    A conflict mends nothing.
    """
    if (named := message.headers.get(MENDS)) and row["state"] != State.CONFLICT:
        session.later(_REPLACE, {"this": named[:36], "of": row["client"], "by": row["id"]})


async def settle(session: WriteSession, officer: Officer, client: str, row: str, now: datetime) -> None:
    """Take a refused event out of the inbox, for it was dealt with elsewhere or needs nothing. Raises `NotFound`."""
    settled = await session.execute(update(inbound).where(inbound.c.id == row, inbound.c.client == client, *_OPEN).values(handled_at=now).returning(inbound.c.id))
    if settled.one_or_none() is None:
        raise NotFound(Fault("row", Message("Không có sự kiện này trong danh sách chờ sửa.")))
    await audit.record(session, officer, "partner.event-settled", client, now, event=row)
