"""What of a partner's events is still in its stream because it came faster than agreed: how many, since when, and why."""

from datetime import datetime
from typing import NamedTuple

import nats.errors
from sqlalchemy import bindparam, func, select

from services.reporting import paces, waiting
from services.reporting.envelopes import account_of
from services.reporting.models import inbound
from services.reporting.paces import Pace
from shared import streams
from shared.messages import Fault, Message
from shared.service import Service


class Parked(NamedTuple):
    """Events that wait for room. `since`: when the newest that was taken had come; they came after it. `first`: their first place in the stream."""

    number: int
    since: datetime | None
    reason: Fault
    first: int


_NEWEST = select(func.max(inbound.c.received_at)).where(inbound.c.client == bindparam("client"))


async def standing(service: Service, client: str) -> tuple[Pace, Parked | None]:
    """A partner's minute, and what is parked in its stream; None where nothing is, or the broker does not answer."""
    async with service.database.read() as session:
        pace = await paces.of(session, client, service.now())
        since = await session.scalar(_NEWEST, {"client": client})
    if pace.room != 0:
        return pace, None
    try:
        info = await service.jetstream.consumer_info(streams.stream_of_client(client), service.name)
    except nats.errors.Error:
        return pace, None
    if not info.num_pending:
        return pace, None
    first = (info.delivered.stream_seq if info.delivered else 0) + 1
    return pace, Parked(info.num_pending, since, waiting.BEHIND if pace.blocked else beyond(pace.quota or 0), first)


async def tried(service: Service, client: str) -> int:
    """How many trials of a partner were taken in this minute; they are counted for themselves."""
    async with service.database.read() as session:
        return (await paces.of(session, account_of(client, sandbox=True), service.now())).taken


def beyond(quota: int) -> Fault:
    """Why events wait in the stream."""
    cure = Message("Sự kiện được giữ trong luồng và sẽ được xử lý theo thứ tự khi còn hạn mức, không cần gửi lại.")
    return Fault("", Message("Vượt hạn mức {quota} sự kiện mỗi phút.", quota=quota), cure)
