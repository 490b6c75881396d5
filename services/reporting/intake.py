"""Partners' events come in here: each is accepted, refused with its faults, counted as a duplicate, kept as a conflict, parked, or waits."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import bindparam, func, select, update

from services.reporting import admissions, envelopes, paces, signatures
from services.reporting.envelopes import Envelope
from services.reporting.forms import is_sound, sound
from services.reporting.kinds import KINDS
from services.reporting.models import inbound, partners
from services.reporting.scope import Effect, NotHeardYet, Sender
from shared import outbox
from shared.database import ReadSession, WriteSession, add
from shared.delivery import Inbound, Meta
from shared.events.reporting import EventRejected, FieldFault
from shared.identity import new_id
from shared.inbox import lock
from shared.messages import Fault, Message, Refused
from shared.telemetry import traceparent

KEPT_BYTES = 65_536
"""Of a refused body this much is kept to look at; the hash is of the whole."""
PATIENCE = timedelta(days=1)
"""An event waits this long for its campaign or the partner's registration to be heard; then it is refused."""
PARKED_MINUTES = 10
"""So many minutes' quota may be parked for a partner; what goes beyond that is refused."""
RELEASED = 1000
"""Parked events that a tick takes in at most."""


class State(StrEnum):
    """What became of a partner's event."""

    ACCEPTED = "accepted"
    REJECTED = "rejected"
    CONFLICT = "conflict"
    WAITING = "waiting"
    PARKED = "parked"


async def take_in(session: WriteSession, message: Inbound, meta: Meta) -> None:
    """Decide a partner's message by (client, id, body hash). Never raises for what the partner did wrong.

    An id under which everything so far was refused may come again, mended or unchanged: it then counts once, as what it became.
    """
    envelope = envelopes.read(message, max(meta.time, meta.stored or meta.time))  # in simulation senders still live by the wall
    if not envelope.id:
        await _keep(session, message, envelope, State.REJECTED, meta)
        return
    await lock(session, [f"inbound|{envelope.client}|{envelope.id}"])
    earlier = await _earlier(session, envelope)
    standing = [row for row in earlier if row.state != State.REJECTED]
    same = next((row for row in standing or earlier if row.body_hash == envelope.body_hash), None)
    if standing and same:
        await _repeated(session, same)
    elif standing:
        envelope.faults[:] = [_conflict(envelope)]
        await _keep(session, message, envelope, State.CONFLICT, meta)
    else:
        row = await _admit(session, message, envelope, meta, same)
        mended = [one.id for one in earlier]
        if mended and row not in mended:
            await session.execute(update(inbound).where(inbound.c.id.in_(mended)).values(superseded_by=row))


async def _repeated(session: WriteSession, row: Any) -> None:
    await session.execute(update(inbound).where(inbound.c.id == row.id).values(repeats=inbound.c.repeats + 1))


async def _admit(session: WriteSession, message: Inbound, envelope: Envelope, meta: Meta, refused: Any) -> str:
    """An event that nothing stands against: refused, parked beyond the quota, or decided. Returns its row's id.

    `refused`: when the same was refused before, its row; refused again for the same faults, it is a repeat of that.
    """
    row, verdict, state = new_id(), dict[str, Any](), State.REJECTED
    admission = await admissions.of_client(session, envelope.client)
    strange = _door_faults(admission, message, envelope, meta.stored or meta.time)
    envelope.faults.extend(strange)
    if admission and not strange and not await paces.take(session, envelope.client, admission.quota, meta.time):
        state = await _park(session, envelope, admission.quota)
    elif not envelope.faults:
        verdict = await _verdict(session, row, envelope, meta.time)
        state = verdict.pop("state", State.REJECTED if envelope.faults else State.WAITING)
    if state is State.REJECTED and refused is not None and refused.faults == _written(envelope):
        await _repeated(session, refused)
        return str(refused.id)
    return await _keep(session, message, envelope, state, meta, id=row, **verdict)


_REVOKED = (Fault("", Message("Quyền gửi của hệ thống này đã bị thu hồi."), Message("Hãy liên hệ Thường trực Hội đồng.")),)


def _door_faults(admission: Any, message: Inbound, envelope: Envelope, arrived: datetime) -> list[Fault]:
    if admission is None:
        return []
    if admission.revoked:
        return [*_REVOKED]
    if admission.signing_keys:
        keys, sandbox = admission.signing_keys, envelope.sandbox
        return signatures.faults_of(message.headers, message.body, envelope.id, keys, arrived, sandbox=sandbox)
    return []


def _conflict(envelope: Envelope) -> Fault:
    return Fault(
        "id",
        Message("Mã sự kiện “{id}” đã dùng cho một nội dung khác.", id=envelope.id),
        Message("Nội dung mới cần một mã mới; cả hai nội dung được giữ lại để đối chiếu."),
    )


_EARLIER = (
    select(inbound.c.id, inbound.c.state, inbound.c.body_hash, inbound.c.faults)
    .where(inbound.c.client == bindparam("client"), inbound.c.event == bindparam("event"))
    .where(func.coalesce(inbound.c.sandbox, False) == bindparam("sandbox"))  # trying out an id uses nothing up
    .order_by(inbound.c.received_at.desc(), inbound.c.id.desc())
)
_SUPERSEDE = (
    update(inbound)
    .where(inbound.c.client == bindparam("of"), inbound.c.effect == bindparam("what"), inbound.c.superseded_by.is_(None))
    .values(superseded_by=bindparam("by"))
)


async def _earlier(session: ReadSession, envelope: Envelope) -> Sequence[Any]:
    named = {"client": envelope.client, "event": envelope.id, "sandbox": envelope.sandbox}
    return (await session.execute(_EARLIER, named)).all()


async def _park(session: WriteSession, envelope: Envelope, quota: int) -> State:
    """Beyond the quota an event is kept whole and decided later; beyond a limit of such events it is refused."""
    full = await _parked(session, envelope.client) >= quota * PARKED_MINUTES
    problem = Message("Vượt hạn mức {quota} sự kiện mỗi phút.", quota=quota)
    cure = Message("Hãy gửi chậm lại rồi gửi lại sự kiện này.") if full else Message("Sự kiện được giữ lại và sẽ được xử lý khi còn hạn mức.")
    envelope.faults[:] = [Fault("", problem, cure)]
    return State.REJECTED if full else State.PARKED


async def _parked(session: WriteSession, client: str) -> int:
    """How many events of a client are parked before this one; counted once per transaction."""
    counts: dict[str, int] = session.info.setdefault("parked", {})
    if client not in counts:
        counts[client] = int(await session.scalar(_PARKED, {"client": client, "state": State.PARKED}) or 0)
    counts[client] += 1
    return counts[client] - 1


_PARKED = select(func.count()).select_from(inbound).where(inbound.c.client == bindparam("client"), inbound.c.state == bindparam("state"))


async def _keep(session: WriteSession, message: Inbound, envelope: Envelope, state: State, meta: Meta, **verdict: Any) -> str:
    """A row where people see it; what is refused at once is told to the partner too. `verdict`: what more is known of it already."""
    whole = state in {State.WAITING, State.PARKED}
    row = {
        "id": new_id(), "client": envelope.client, "event": envelope.id, "body_hash": envelope.body_hash,
        "type": sound(envelope.type, 256), "subject": sound(message.subject, 256), "state": state,
        "headers": {sound(n, 128): sound(v, 1024) for n, v in message.headers.items()},
        "body": message.body if whole else message.body[:KEPT_BYTES], "size": len(message.body),
        "faults": _written(envelope) if state is State.PARKED else [], "repeats": 0, "received_at": meta.time,
        "receipt": receipt_of(meta), "happened_at": envelope.happened, "traceparent": traceparent() or meta.traceparent,
        "sandbox": envelope.sandbox, "effect": None, "effect_revision": None, "decided_at": None,
    }  # fmt: skip
    if state in {State.REJECTED, State.CONFLICT}:
        verdict |= await _refusal(session, envelope, state, meta.time)
    row |= verdict
    await add(session, inbound, row)
    return str(row["id"])


def receipt_of(meta: Meta) -> str:
    """The place of an event in its stream, which the sender got as receipt."""
    return receipt_at(meta.stream, meta.sequence)


def receipt_at(stream: str, sequence: int) -> str:
    """A place in a stream as a receipt; the same sequence comes never again in a stream."""
    return f"{stream}:{sequence}"


async def _decide(session: WriteSession, row: str, envelope: Envelope, now: datetime) -> None:
    """Decide an event that is kept already."""
    verdict = await _verdict(session, row, envelope, now)
    if envelope.faults:
        await _refuse(session, row, envelope, now)
    elif verdict:
        await session.execute(update(inbound).where(inbound.c.id == row).values(verdict))


async def _verdict(session: WriteSession, row: str, envelope: Envelope, now: datetime) -> dict[str, Any]:
    """What is to be written of an event that is accepted; nothing while it must wait, or where it is refused: then it has faults."""
    try:
        effect = await _effect(session, envelope, now)
    except NotHeardYet:
        return {}
    except Refused as refusal:
        envelope.faults.extend(refusal.faults)
        return {}
    what = f"{envelopes.SANDBOX}:{effect}" if envelope.sandbox else str(effect)
    if effect.revision > 1:
        await session.execute(_SUPERSEDE, {"of": envelope.client, "what": what, "by": row})
    return {"state": State.ACCEPTED, "effect": what, "effect_revision": effect.revision, "faults": [], "decided_at": now}


async def _effect(session: WriteSession, envelope: Envelope, now: datetime) -> Effect:
    """What the event becomes. In the sandbox everything is done as in earnest, and then undone."""
    sender, kind = Sender(envelope.client, envelope.id), KINDS[envelope.type]
    if not envelope.sandbox:
        return await kind(session, sender, envelope.data, now)
    async with session.undone():
        return await kind(session, sender, envelope.data, now)


async def faults_of(session: WriteSession, message: Inbound, now: datetime, wall: datetime) -> list[Fault]:
    """What would be wrong with a message, signature and quota apart. Whoever asks undoes the transaction."""
    envelope = envelopes.read(message, max(now, wall))
    if envelope.id and not envelope.faults:
        try:
            await _effect(session, envelope, now)
        except NotHeardYet:
            envelope.faults.append(_unregistered())
        except Refused as refusal:
            envelope.faults.extend(refusal.faults)
    return envelope.faults


def _unregistered() -> Fault:
    cure = Message("Hãy kiểm tra mã phong trào, hoặc đăng ký hệ thống với Thường trực Hội đồng.")
    return Fault("campaign", Message("Không có phong trào này, hoặc hệ thống chưa đăng ký với phong trào."), cure)


def _told(envelope: Envelope) -> tuple[FieldFault, ...]:
    return tuple(FieldFault(field=f.field, vi=f.render("vi"), en=f.render("en")) for f in envelope.faults)


def _written(envelope: Envelope) -> list[dict[str, Any]]:
    return [told.model_dump() for told in _told(envelope)]


async def _refuse(session: WriteSession, row: str, envelope: Envelope, now: datetime) -> None:
    """Refuse an event that is kept already."""
    refusal = await _refusal(session, envelope, State.REJECTED, now)
    await session.execute(update(inbound).where(inbound.c.id == row).values(refusal))


async def _refusal(session: WriteSession, envelope: Envelope, state: State, now: datetime) -> dict[str, Any]:
    """Tell the partner; returns what is to be written of the event."""
    event = EventRejected(
        campaign=await _campaign_of(session, envelope), client=envelope.client, event=envelope.id, faults=_told(envelope), at=now
    )
    await outbox.record(session, event, now, client=envelope.client)
    return {"state": state, "faults": _written(envelope), "decided_at": now}


async def _campaign_of(session: ReadSession, envelope: Envelope) -> str:
    """The campaign that the event names, if it does, else one for which the partner is registered."""
    named = envelope.data.get("campaign") if isinstance(envelope.data, dict) else None
    if isinstance(named, str) and 0 < len(named) <= 64 and is_sound(named):
        return named
    query = select(partners.c.campaign).where(partners.c.client == envelope.client).order_by(partners.c.campaign)
    return await session.scalar(query.limit(1)) or ""


async def settle_waiting(session: WriteSession, now: datetime) -> None:
    """Decide what waited for a campaign or a registration that has now been heard."""
    for row in await _in_state(session, State.WAITING):
        await _decide(session, row.id, _reread(row), max(now, row.received_at))


async def on_tick(session: WriteSession, now: datetime) -> None:
    """Refuse what has waited longer than `PATIENCE` for something that nobody registered; take in what was parked, as far as there is room."""
    for row in await _in_state(session, State.WAITING):
        if row.received_at + PATIENCE <= now:
            envelope = _reread(row)
            envelope.faults.append(_unregistered())
            await _refuse(session, row.id, envelope, now)
    await _release(session, now)


async def _release(session: WriteSession, now: datetime) -> None:
    full: set[str] = set()
    for row in await _in_state(session, State.PARKED, RELEASED):
        admission = await admissions.of_client(session, row.client) if row.client not in full else None
        if admission is None or not (admission.revoked or await paces.take(session, row.client, admission.quota, now)):
            full.add(row.client)
            continue
        envelope = _reread(row)
        envelope.faults.extend(_REVOKED if admission.revoked else ())
        if envelope.faults:
            await _refuse(session, row.id, envelope, now)
        else:
            await session.execute(update(inbound).where(inbound.c.id == row.id).values(state=State.WAITING, faults=[]))
            await _decide(session, row.id, envelope, now)


async def _in_state(session: ReadSession, state: State, limit: int | None = None) -> Sequence[Any]:
    query = select(inbound).where(inbound.c.state == state).order_by(inbound.c.received_at, inbound.c.id).limit(limit)
    return (await session.execute(query)).all()


def _reread(row: Any) -> Envelope:
    return envelopes.read(Inbound(row.subject, row.headers, row.body))
