"""What a partner sent before under the same ids: it tells duplicates, conflicts and mended events apart."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import bindparam, func, select, update

from services.reporting.envelopes import Envelope
from services.reporting.models import LAST_OF_ID, inbound
from services.reporting.states import State
from shared.columns import among
from shared.database import ReadSession, WriteSession

Identity = tuple[str, str, bool]
"""Client, the event's id, and whether it is a trial: trying out an id uses nothing up."""


class Past(NamedTuple):
    """Of one id: the event that stands (there is at most one), and the newest that was refused and has not come again."""

    standing: Any = None
    refused: Any = None


def identity_of(envelope: Envelope) -> Identity:
    """What tells a client's events apart."""
    return envelope.client, envelope.id, envelope.sandbox


_SANDBOX = func.coalesce(inbound.c.sandbox, False)
_KNOWN = (
    inbound.c.id, inbound.c.client, inbound.c.event, _SANDBOX.label("sandbox"), inbound.c.state, inbound.c.body_hash, inbound.c.faults,
    inbound.c.received_at,
)  # fmt: skip
_PRESENT = inbound.c.trial.is_(None)
"""An id that was used in a sandbox that is over is free."""
_LAST = select(*_KNOWN).where(LAST_OF_ID, among(inbound.c.client, "clients"), among(inbound.c.event, "events"), _PRESENT)
_SAME = (
    select(*_KNOWN)
    .where(inbound.c.client == bindparam("client"), inbound.c.event == bindparam("event"), inbound.c.body_hash == bindparam("body_hash"))
    .where(bindparam("sandbox") == _SANDBOX, _PRESENT)
)
_SAME_NOT_REFUSED = _SAME.where(inbound.c.state != State.REJECTED)


async def of(session: ReadSession, envelopes: Iterable[Envelope]) -> Mapping[Identity, Past]:
    """The past of each id, of those that have one."""
    named = [envelope for envelope in envelopes if envelope.id]
    if not named:
        return {}
    asked = {"clients": sorted({one.client for one in named}), "events": sorted({one.id for one in named})}
    found: dict[Identity, Past] = {}
    for row in sorted(await session.execute(_LAST, asked), key=_age):
        key = row.client, row.event, bool(row.sandbox)
        before = found.get(key, Past())
        found[key] = before._replace(refused=row) if row.state == State.REJECTED else before._replace(standing=row)
    return found


async def same(session: ReadSession, envelope: Envelope, past: Past) -> Any:
    """The newest event with this very id and body, or None; where one stands, what was refused before it does not count."""
    likely = past.standing or past.refused
    if likely is not None and likely.body_hash == envelope.body_hash:
        return likely
    if likely is None and envelope.id:
        return None
    client, event, sandbox = identity_of(envelope)
    asked = {"client": client, "event": event, "body_hash": envelope.body_hash, "sandbox": sandbox}
    return max(await session.execute(_SAME_NOT_REFUSED if past.standing else _SAME, asked), key=_age, default=None)


def _age(row: Any) -> tuple[datetime, str]:
    """Sorted here: to read them in this order, SQLite would take an index of all that a client ever sent."""
    return row.received_at, row.id


_COUNT = update(inbound).where(inbound.c.id == bindparam("row")).values(repeats=inbound.c.repeats + 1)
_ONE = update(inbound).where(inbound.c.id == bindparam("row")).values(superseded_by=bindparam("by"))
_ALL = (
    update(inbound)
    .where(inbound.c.client == bindparam("of"), inbound.c.event == bindparam("named"), inbound.c.state == State.REJECTED)
    .where(bindparam("tried") == _SANDBOX, _PRESENT, inbound.c.id != bindparam("by"))
    .values(superseded_by=bindparam("by"))
)


def count_again(session: WriteSession, row: Any) -> None:
    """The same came once more."""
    session.later(_COUNT, {"row": row.id})


def mend(session: WriteSession, past: Past, row: Mapping[str, Any]) -> None:
    """What was refused under this id has come again, as this row; once that is not refused as well, it stands for all of them."""
    if past.refused is None:
        return
    if row["state"] == State.REJECTED:
        session.later(_ONE, {"row": past.refused.id, "by": row["id"]})
    else:
        session.later(_ALL, {"of": row["client"], "named": row["event"], "tried": row["sandbox"], "by": row["id"]})
