"""Partners' events come in here: each is accepted, refused with its faults, counted as a duplicate, kept as a conflict, or waits."""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import func, insert, select, update

from services.reporting import envelopes, observations
from services.reporting.envelopes import Envelope
from services.reporting.forms import is_sound, sound
from services.reporting.models import inbound, partners
from services.reporting.observations import PATIENCE, NotHeardYet
from shared import outbox
from shared.database import ReadSession, WriteSession
from shared.delivery import Inbound
from shared.events.reporting import EventRejected, FieldFault
from shared.identity import new_id
from shared.inbox import lock
from shared.messages import Fault, Message, NotFound, Refused

KEPT_BYTES = 65_536
"""Of a refused body this much is kept to look at; the hash is of the whole."""


class State(StrEnum):
    """What became of a partner's event."""

    ACCEPTED = "accepted"
    REJECTED = "rejected"
    CONFLICT = "conflict"
    WAITING = "waiting"


async def take_in(session: WriteSession, message: Inbound, now: datetime) -> None:
    """Decide a partner's message by (client, id, body hash). Never raises for what the partner did wrong."""
    envelope = envelopes.read(message)
    if not envelope.id:
        await _keep(session, message, envelope, State.REJECTED, now)
        return
    await lock(session, [f"inbound|{envelope.client}|{envelope.id}"])
    earlier = await _earlier(session, envelope)
    same = next((row for row in earlier if row.body_hash == envelope.body_hash), None)
    if same is not None:
        await session.execute(update(inbound).where(inbound.c.id == same.id).values(repeats=same.repeats + 1))
    elif earlier:
        envelope.faults[:] = [_conflict(envelope)]
        await _keep(session, message, envelope, State.CONFLICT, now)
    else:
        row = await _keep(session, message, envelope, State.REJECTED if envelope.faults else State.WAITING, now)
        if not envelope.faults:
            await _decide(session, row, envelope, now)


def _conflict(envelope: Envelope) -> Fault:
    return Fault(
        "id",
        Message("Mã sự kiện “{id}” đã dùng cho một nội dung khác.", id=envelope.id),
        Message("Nội dung mới cần một mã mới; cả hai nội dung được giữ lại để đối chiếu."),
    )


async def _earlier(session: ReadSession, envelope: Envelope) -> Sequence[Any]:
    query = select(inbound).where(inbound.c.client == envelope.client, inbound.c.event == envelope.id)
    return (await session.execute(query.order_by(inbound.c.received_at))).all()


async def _keep(session: WriteSession, message: Inbound, envelope: Envelope, state: State, now: datetime) -> str:
    """A row where people see it; a refusal is told to the partner too."""
    row = {
        "id": new_id(), "client": envelope.client, "event": envelope.id, "body_hash": envelope.body_hash,
        "type": sound(envelope.type, 256), "subject": sound(message.subject, 256), "state": state,
        "headers": {sound(n, 128): sound(v, 1024) for n, v in message.headers.items()},
        "body": message.body if state is State.WAITING else message.body[:KEPT_BYTES], "size": len(message.body),
        "faults": [], "repeats": 0, "received_at": now,
    }  # fmt: skip
    await session.execute(insert(inbound).values(row))
    if state is not State.WAITING:
        await _refuse(session, str(row["id"]), envelope, state, now)
    return str(row["id"])


async def _decide(session: WriteSession, row: str, envelope: Envelope, now: datetime) -> None:
    try:
        seen = observations.parse(envelope.data)
        sighting = await observations.judge(session, envelope.client, seen, now)
    except NotHeardYet:
        return
    except Refused as refusal:
        envelope.faults.extend(refusal.faults)
        await _refuse(session, row, envelope, State.REJECTED, now)
        return
    observation = await observations.accept(session, sighting, now)
    values = {"state": State.ACCEPTED, "observation": observation, "decided_at": now}
    await session.execute(update(inbound).where(inbound.c.id == row).values(values))


async def _refuse(session: WriteSession, row: str, envelope: Envelope, state: State, now: datetime) -> None:
    told = tuple(FieldFault(field=f.field, vi=f.render("vi"), en=f.render("en")) for f in envelope.faults)
    values = {"state": state, "faults": [fault.model_dump() for fault in told], "decided_at": now}
    await session.execute(update(inbound).where(inbound.c.id == row).values(values))
    event = EventRejected(
        campaign=await _campaign_of(session, envelope), client=envelope.client, event=envelope.id, faults=told, at=now
    )
    await outbox.record(session, event, now, client=envelope.client)


async def _campaign_of(session: ReadSession, envelope: Envelope) -> str:
    """The campaign that the event names, if it does, else one for which the partner is registered."""
    named = envelope.data.get("campaign") if isinstance(envelope.data, dict) else None
    if isinstance(named, str) and 0 < len(named) <= 64 and is_sound(named):
        return named
    query = select(partners.c.campaign).where(partners.c.client == envelope.client).order_by(partners.c.campaign)
    return await session.scalar(query.limit(1)) or ""


async def settle_waiting(session: WriteSession, now: datetime) -> None:
    """Decide what waited for a campaign or a registration that has now been heard."""
    for row in await _waiting(session):
        await _decide(session, row.id, _reread(row), max(now, row.received_at))


async def expire_waiting(session: WriteSession, now: datetime) -> None:
    """Refuse what has waited longer than `PATIENCE` for something that nobody registered."""
    for row in await _waiting(session):
        if row.received_at + PATIENCE <= now:
            envelope = _reread(row)
            cure = Message("Hãy kiểm tra mã phong trào, hoặc đăng ký hệ thống với Thường trực Hội đồng.")
            envelope.faults.append(Fault("campaign", Message("Không có phong trào này, hoặc hệ thống chưa đăng ký với phong trào."), cure))
            await _refuse(session, row.id, envelope, State.REJECTED, now)


async def _waiting(session: ReadSession) -> Sequence[Any]:
    return (await session.execute(select(inbound).where(inbound.c.state == State.WAITING).order_by(inbound.c.received_at))).all()


def _reread(row: Any) -> Envelope:
    return envelopes.read(Inbound(row.subject, row.headers, row.body))


async def listed(session: ReadSession, state: str = "", client: str = "", limit: int = 200) -> Sequence[Any]:
    """Partners' events, newest first, without their bodies."""
    columns = [column for column in inbound.c if column.name not in {"body", "headers"}]
    query = select(*columns).order_by(inbound.c.received_at.desc(), inbound.c.id.desc()).limit(limit)
    if state:
        query = query.where(inbound.c.state == state)
    if client:
        query = query.where(inbound.c.client == client)
    return (await session.execute(query)).all()


async def find(session: ReadSession, event: str) -> Any:
    """One partner's event, whole; raises `NotFound`."""
    row = (await session.execute(select(inbound).where(inbound.c.id == event))).one_or_none()
    if row is None:
        raise NotFound(Fault("id", Message("Không có sự kiện này.")))
    return row


async def counts(session: ReadSession) -> dict[str, int]:
    """Received = accepted + rejected + duplicate + waiting; a conflict is a duplicate id and is counted by itself as well."""
    query = select(inbound.c.state, func.count(), func.coalesce(func.sum(inbound.c.repeats), 0)).group_by(inbound.c.state)
    rows = {state: (int(number), int(repeats)) for state, number, repeats in (await session.execute(query)).all()}
    number = {state: rows.get(state, (0, 0))[0] for state in State}
    repeats = sum(repeated for _, repeated in rows.values())
    return {
        "received": sum(number.values()) + repeats,
        "accepted": number[State.ACCEPTED],
        "rejected": number[State.REJECTED],
        "duplicate": repeats + number[State.CONFLICT],
        "conflict": number[State.CONFLICT],
        "waiting": number[State.WAITING],
    }
