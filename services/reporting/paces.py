"""At which pace a partner comes: events taken in a minute against its quota. What goes beyond stays in its stream until there is room."""

from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import String, bindparam, exists, select

from services.reporting.models import OF_CLIENT, admissions, inbound, paces
from services.reporting.states import State
from shared.database import ReadSession, WriteSession, rows_among, upsert_later

REVOKED_PACE = 60
"""Events a minute that are still taken of a partner that was shut out: each is refused, and the rest can wait."""


class Pace(NamedTuple):
    """A partner's minute. `quota` is None for one that was never given keys; `blocked`: earlier events of its own must be decided first."""

    quota: int | None
    taken: int
    blocked: bool = False

    @property
    def room(self) -> int | None:
        """How many more may be taken; None: any number."""
        if self.blocked:
            return 0
        return None if self.quota is None else max(0, self.quota - self.taken)


_PARKED = exists().where(OF_CLIENT, inbound.c.state == State.PARKED)
_CLIENT = select(bindparam("client", type_=String).label("client")).subquery("asked")
_ASKED = select(admissions.c.quota, admissions.c.revoked, paces.c.minute, paces.c.taken, _PARKED.label("blocked")).select_from(
    _CLIENT.outerjoin(admissions, admissions.c.client == _CLIENT.c.client).outerjoin(paces, paces.c.client == _CLIENT.c.client)
)


async def of(session: ReadSession, client: str, now: datetime) -> Pace:
    """How a partner stands in the minute of `now`."""
    row = (await session.execute(_ASKED, {"client": client})).one()
    quota = REVOKED_PACE if row.revoked else row.quota
    return Pace(quota, row.taken if row.minute == _minute(now) else 0, bool(row.blocked))


async def room(session: ReadSession, client: str, now: datetime) -> int | None:
    """How many of a partner's events may be taken now; None: any number."""
    return (await of(session, client, now)).room


async def count(session: WriteSession, taken: Mapping[str, int], now: datetime) -> dict[str, int]:
    """So many events of each account have been taken in the minute of `now`, whatever became of them; returns how many were before."""
    if not taken:
        return {}
    minute = _minute(now)
    before = {row.client: row.taken for row in await rows_among(session, paces, "client", taken) if row.minute == minute}
    for account, number in sorted(taken.items()):
        upsert_later(session, paces, {"client": account, "minute": minute, "taken": before.get(account, 0) + number})
    return before


def _minute(now: datetime) -> datetime:
    return now.replace(second=0, microsecond=0)
