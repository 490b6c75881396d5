"""Partners' events that were kept undecided: some wait for a campaign or a registration, some for those of the same partner before them."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import bindparam, func, select, update

from services.reporting import arrivals, envelopes, verdicts
from services.reporting.arrivals import Case
from services.reporting.envelopes import Envelope
from services.reporting.models import OF_CLIENT, inbound, partners
from services.reporting.states import State
from services.reporting.verdicts import UNREGISTERED, Verdict
from shared.columns import among
from shared.database import ReadSession, WriteSession
from shared.delivery import Inbound
from shared.inbox import lock
from shared.messages import Fault, Message
from shared.telemetry import parent_of

PATIENCE = timedelta(days=1)
"""An event waits this long for its campaign or the partner's registration to be heard; then it is refused."""
LIMIT = 1000
"""So many events of a partner may wait; what comes beyond is refused."""
RELEASED = 1000
"""Events that one transaction takes up again at most."""
CROWDED = Fault(
    "campaign",
    Message("Đã có {limit} sự kiện của hệ thống này chờ phong trào hoặc đăng ký.", limit=LIMIT),
    Message("Hãy kiểm tra mã phong trào, rồi gửi lại khi hệ thống đã đăng ký."),
)
BEHIND = Fault("", Message("Sự kiện được giữ lại sau các sự kiện đến trước của cùng hệ thống."), Message("Sẽ được xử lý theo thứ tự, không cần gửi lại."))


def key_of(client: str) -> str:
    """The key that is locked while a partner's events are decided: one after the other, as they came."""
    return f"inbound|{client}"


_AMONG_CLIENTS = among(inbound.c.client, "clients")
_WAKE = update(inbound).where(inbound.c.state == State.WAITING, _AMONG_CLIENTS).values(state=State.PARKED, faults=bindparam("why"))
_WAITING_CLIENTS = select(partners.c.client).where(partners.c.campaign == bindparam("campaign")).order_by(partners.c.client)
_PARKED_CLIENTS = select(inbound.c.client).where(inbound.c.state == State.PARKED, _AMONG_CLIENTS).distinct()
_NUMBER = (
    select(func.count())
    .select_from(inbound)
    .where(OF_CLIENT, inbound.c.state == State.WAITING)
    .where(func.coalesce(inbound.c.sandbox, False) == bindparam("sandbox"))
)


async def for_campaign(session: ReadSession, campaign: str) -> Sequence[str]:
    """The partners whose events may have waited for a campaign."""
    return (await session.scalars(_WAITING_CLIENTS, {"campaign": campaign})).all()


async def wake(session: WriteSession, clients: Iterable[str], now: datetime) -> None:
    """Something was heard for which events of these partners may have waited: each is decided in its turn."""
    await session.execute(_WAKE, {"clients": sorted(clients), "why": verdicts.written([BEHIND])})
    await release(session, now)


async def parked(session: ReadSession, clients: Iterable[str]) -> set[str]:
    """Those of these partners who have events that must be decided before any newer one."""
    return set(await session.scalars(_PARKED_CLIENTS, {"clients": sorted(clients)}))


async def is_crowded(session: ReadSession, envelope: Envelope) -> bool:
    """Whether no further event of a partner may wait beside this one: those in earnest and those tried out are counted apart."""
    return int(await session.scalar(_NUMBER, {"client": envelope.client, "sandbox": envelope.sandbox}) or 0) >= LIMIT


_PLACE = func.row_number().over(partition_by=inbound.c.client, order_by=(inbound.c.received_at, inbound.c.id)).label("place")
_QUEUES = select(inbound.c.id, inbound.c.client, _PLACE).where(inbound.c.state == State.PARKED).subquery("queues")
_NEXT = select(_QUEUES.c.id, _QUEUES.c.client).order_by(_QUEUES.c.place, _QUEUES.c.client).limit(RELEASED)
_ROWS = select(inbound).where(among(inbound.c.id, "ids"), inbound.c.state == State.PARKED).order_by(inbound.c.received_at, inbound.c.id)


async def release(session: WriteSession, now: datetime) -> None:
    """Decide parked events: the first of each partner, then the second, so that none starves the others; each partner's as they came."""
    chosen = (await session.execute(_NEXT)).all()
    if not chosen:
        return
    await lock(session, {key_of(row.client) for row in chosen})
    rows = {row.id: row for row in await session.execute(_ROWS, {"ids": [row.id for row in chosen]})}
    for stage in arrivals.stages(_case(row, now) for row in rows.values()):
        await _decide(session, stage)


def _case(row: Any, now: datetime) -> Case:
    """A kept event, read again."""
    envelope = envelopes.read(Inbound(row.subject, row.headers, row.body))
    return Case(row.id, envelope, max(now, row.received_at), parent_of(row.traceparent))


async def _decide(session: WriteSession, stage: Sequence[Case]) -> None:
    found = await verdicts.of(session, stage)
    for case in stage:
        refused = await verdicts.refuse(session, case) if case.envelope.faults else {"state": State.WAITING}
        row = _UNDECIDED | (found[case.row] or refused)
        session.later(_SETTLE, row | {"this": case.row})
        verdicts.supersede(session, row | {"id": case.row})
    await session.flush()


_UNDECIDED: Verdict = {"faults": [], "effect": None, "effect_revision": None, "decided_at": None}
_SETTLE = update(inbound).where(inbound.c.id == bindparam("this"))
_OVERDUE = (
    select(inbound)
    .where(inbound.c.state == State.WAITING, inbound.c.received_at <= bindparam("due", type_=inbound.c.received_at.type))
    .order_by(inbound.c.received_at, inbound.c.id)
    .limit(RELEASED)
)


async def on_tick(session: WriteSession, now: datetime) -> None:
    """Refuse what has waited longer than `PATIENCE` for something that nobody registered; go on with what waits for its turn."""
    for row in (await session.execute(_OVERDUE, {"due": now - PATIENCE})).all():
        case = _case(row, now)
        case.envelope.faults.append(UNREGISTERED)
        session.later(_SETTLE, _UNDECIDED | await verdicts.refuse(session, case) | {"this": row.id})
    await session.flush()
    await release(session, now)
