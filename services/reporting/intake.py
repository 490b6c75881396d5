"""Partners' events come in here: each is accepted, refused with its faults, counted as a duplicate, kept as a conflict, or waits."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from services.reporting import (
    admissions,
    arrivals,
    earlier,
    envelopes,
    mending,
    paces,
    signatures,
    trials,
    verdicts,
    waiting,
)
from services.reporting.arrivals import Arrival
from services.reporting.earlier import Past
from services.reporting.envelopes import Envelope
from services.reporting.forms import sound
from services.reporting.models import inbound
from services.reporting.states import State
from services.reporting.verdicts import Verdict
from shared import telemetry
from shared.database import WriteSession, add
from shared.delivery import Inbound, Meta
from shared.messages import Fault, Message

KEPT_BYTES = 65_536
"""Of a refused body this much is kept to look at; the hash is of the whole."""


def note(session: WriteSession, message: Inbound, meta: Meta) -> set[str]:
    """Keep a partner's message for `settle`, which decides all that came together. Returns what is locked for it."""
    envelope = envelopes.read(message, max(meta.time, meta.stored or meta.time))  # in simulation senders still live by the wall
    session.info.setdefault("arrivals", []).append(arrivals.arrival(message, meta, envelope))
    return {waiting.key_of(envelope.client)}


async def settle(session: WriteSession) -> None:
    """Decide what was noted, by (client, id, body hash). Never raises for what a partner did wrong.

    An id under which everything so far was refused may come again, mended or unchanged: it then counts once, as what it became.
    """
    came: dict[str, Arrival] = {one.case.row: one for one in session.info.pop("arrivals", ())}
    if not came:
        return
    clients = {one.case.envelope.client for one in came.values()}
    known, behind = await admissions.among(session, clients), await waiting.parked(session, clients)
    accounts = Counter(one.case.envelope.account for one in came.values() if one.case.envelope.client in known)
    before = await paces.count(session, accounts, max(one.meta.heard or one.meta.time for one in came.values()))
    trials.slow_down((one.case.envelope for one in came.values()), known, before)
    for stage in arrivals.stages(one.case for one in came.values()):
        await _take_in(session, [came[case.row] for case in stage], known, behind)


class _Look(NamedTuple):
    """An arrival before it is judged: what came under its id before, the same event among that, and what is clear already.

    `state`: None for what only comes again, waiting for what is to be judged.
    """

    arrival: Arrival
    past: Past
    same: Any
    state: State | None


async def _take_in(session: WriteSession, stage: Sequence[Arrival], known: Mapping[str, Any], behind: set[str]) -> None:
    """Read for all, decide each, write for all."""
    past = await earlier.of(session, [one.case.envelope for one in stage])
    looks = [await _look(session, one, past, known.get(one.case.envelope.client)) for one in stage]
    open_ones = [look.arrival.case for look in looks if look.state is State.WAITING and look.arrival.case.envelope.client not in behind]
    judged = await verdicts.of(session, open_ones)
    rows = []
    for look in looks:
        verdict = judged.get(look.arrival.case.row, {"state": State.PARKED, "faults": verdicts.written([waiting.BEHIND])})
        if look.state is not None and (values := await _values(session, look, verdict)):
            rows.append(_row(look.arrival, values))
            earlier.mend(session, look.past, rows[-1])
            verdicts.supersede(session, rows[-1])
            mending.replace(session, look.arrival.message, rows[-1])
        elif look.same is not None:
            mending.replace(session, look.arrival.message, look.same._mapping)  # noqa: SLF001 - SQLAlchemy's own name
    await add(session, inbound, *rows)
    await session.flush()


async def _look(session: WriteSession, one: Arrival, pasts: Mapping[earlier.Identity, Past], admission: Any) -> _Look:
    envelope, past = one.case.envelope, pasts.get(earlier.identity_of(one.case.envelope), Past())
    same = await earlier.same(session, envelope, past)
    if past.standing and same:
        earlier.count_again(session, same)
        return _Look(one, past, same, None)
    if past.standing:
        envelope.faults[:] = [_conflict(envelope)]
        return _Look(one, past, None, State.CONFLICT)
    if envelope.id:
        envelope.faults.extend(_door_faults(admission, one.message, envelope, one.meta.stored or one.meta.time))
    return _Look(one, past, same, State.REJECTED if envelope.faults else State.WAITING)


REVOKED = Fault("", Message("Quyền gửi của hệ thống này đã bị thu hồi."), Message("Hãy liên hệ Thường trực Hội đồng."))


def _door_faults(admission: Any, message: Inbound, envelope: Envelope, arrived: datetime) -> list[Fault]:
    if admission is None:
        return []
    if admission.revoked:
        return [REVOKED]
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


async def _values(session: WriteSession, look: _Look, verdict: Verdict) -> Verdict:
    """What is to be written of an arrival; nothing where it was refused before for the same faults, and is only counted."""
    case = look.arrival.case
    faults = case.envelope.faults
    if not (faults or verdict) and await waiting.is_crowded(session, case.envelope):
        faults.append(waiting.CROWDED)
    if not faults:
        return verdict or {"state": State.WAITING}
    if look.same is not None and look.same.state == State.REJECTED and look.same.faults == verdicts.written(faults):
        earlier.count_again(session, look.same)
        return {}
    return await verdicts.refuse(session, case, State.CONFLICT if look.state is State.CONFLICT else State.REJECTED)


def _row(one: Arrival, values: Verdict) -> dict[str, Any]:
    """A row where people see it. What is still to be decided is kept whole."""
    message, meta, envelope = one.message, one.meta, one.case.envelope
    whole = values["state"] in {State.WAITING, State.PARKED}
    row = {
        "id": one.case.row, "client": envelope.client, "event": envelope.id, "body_hash": envelope.body_hash,
        "type": sound(envelope.type, 256), "subject": sound(message.subject, 256),
        "headers": {sound(n, 128): sound(v, 1024) for n, v in message.headers.items()},
        "body": message.body if whole else message.body[:KEPT_BYTES], "size": len(message.body),
        "faults": [], "repeats": 0, "received_at": meta.time, "receipt": receipt_of(meta), "happened_at": envelope.happened,
        "traceparent": telemetry.traceparent_of(one.case.trace) or meta.traceparent,
        "sandbox": envelope.sandbox, "effect": None, "effect_revision": None, "decided_at": None,
    }  # fmt: skip
    return row | values


def receipt_of(meta: Meta) -> str:
    """The place of an event in its stream, which the sender got as receipt."""
    return receipt_at(meta.stream, meta.sequence)


def receipt_at(stream: str, sequence: int) -> str:
    """A place in a stream as a receipt; the same sequence comes never again in a stream."""
    return f"{stream}:{sequence}"
