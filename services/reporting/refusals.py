"""Requests of partners that the HTTP door refused whole, so that no event came of them: counted by day and reason, for no body is kept."""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, NamedTuple

from sqlalchemy import bindparam, select, update

from services.reporting import verdicts
from services.reporting.models import refusals
from shared.clock import local_date
from shared.database import ReadSession, WriteSession, insert_new
from shared.messages import Refused
from shared.service import Service

log = logging.getLogger(__name__)

WRITE_SECONDS = 1.0
"""What was counted in between is lost when the process is killed: a flood must not cost a transaction for each request that it is refused."""
REASON_LIMIT = 255


class Reason(NamedTuple):
    """Why a partner was refused on a day: the status, and the first fault's sentence without what is filled into it."""

    client: str
    day: date
    status: int
    reason: str


class Times(NamedTuple):
    """How often, with which faults the last time, and when that was."""

    number: int
    faults: list[dict[str, Any]]
    at: datetime


@dataclass
class Tally:
    """Refusals of this process that are not written yet."""

    waiting: dict[Reason, Times] = field(default_factory=dict)

    def count(self, client: str, refused: Refused, now: datetime) -> None:
        """A request of a client was refused."""
        text = refused.faults[0].problem.text if refused.faults else ""
        self._add(Reason(client, local_date(now), refused.status, text[:REASON_LIMIT]), Times(1, verdicts.written(refused.faults), now))

    def _add(self, reason: Reason, times: Times) -> None:
        before = self.waiting.get(reason)
        self.waiting[reason] = times._replace(number=times.number + before.number) if before else times

    async def write(self, service: Service) -> None:
        """Write what was counted; what cannot be written now is kept."""
        taken, self.waiting = self.waiting, {}
        if not taken:
            return
        try:
            async with service.database.write() as session:
                for reason, times in sorted(taken.items()):
                    await _write(session, reason, times)
        except BaseException:
            for reason, times in taken.items():
                self._add(reason, times)
            raise


def tally_of(service: Service) -> Tally:
    """Where this process counts."""
    found: Tally = service.extras.setdefault("refusals", Tally())
    return found


async def keep(service: Service) -> None:
    """A job of the service: write what was counted, at last when the service stops."""
    try:
        while True:
            await asyncio.sleep(WRITE_SECONDS)
            await tally_of(service).write(service)
    except asyncio.CancelledError:
        try:
            await tally_of(service).write(service)
        except Exception as error:  # the service stops, whether the database takes it or not
            log.warning("refusals at the door not counted: %s", error)
        raise


_MORE = (
    update(refusals)
    .where(*(refusals.c[name] == bindparam(f"this_{name}") for name in Reason._fields))
    .values(number=refusals.c.number + bindparam("more"), faults=bindparam("told"), at=bindparam("last"))
)


async def _write(session: WriteSession, reason: Reason, times: Times) -> None:
    if not await insert_new(session, refusals, [reason._asdict() | times._asdict()]):
        named = {f"this_{name}": value for name, value in reason._asdict().items()}
        await session.execute(_MORE, named | {"more": times.number, "told": times.faults, "last": times.at})


async def of_day(session: ReadSession, client: str, day: date) -> Sequence[Any]:
    """A partner's refused requests of a day, the newest reason first."""
    query = select(refusals).where(refusals.c.client == client, refusals.c.day == day).order_by(refusals.c.at.desc(), refusals.c.reason)
    return (await session.execute(query)).all()
