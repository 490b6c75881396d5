"""Letters are settled when their matter is over: what has not left is withdrawn, what has arrived needs nothing any more."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, bindparam, exists, select, update
from sqlalchemy.sql.dml import ReturningUpdate

from services.notification import deliveries
from services.notification.models import letters
from shared.columns import among
from shared.database import CHUNK, ReadSession, WriteSession

_OPEN = select(
    letters.c.letter, letters.c.rule, letters.c.campaign, letters.c.unit, letters.c.cause, letters.c.revision, letters.c.digest
).where(letters.c.settled.is_(None))
_ABOUT = _OPEN.where(among(letters.c.unit, "units"), among(letters.c.rule, "rules"))
_BECAUSE = _OPEN.where(letters.c.campaign == bindparam("of_campaign"), among(letters.c.cause, "causes"))
_SETTLE = update(letters).where(letters.c.letter == bindparam("of_letter")).values(settled=bindparam("now"))
_gathered = letters.alias()
_EMPTY = (
    update(letters)
    .where(
        among(letters.c.letter, "digests"), letters.c.settled.is_(None),
        ~exists().where(_gathered.c.digest == letters.c.letter, _gathered.c.letter != letters.c.letter, _gathered.c.settled.is_(None)),
    )
    .values(settled=bindparam("now"))
    .returning(letters.c.letter)
)  # fmt: skip

Settling = ReturningUpdate[tuple[str, str | None]]


def settling(matter: ColumnElement[bool]) -> Settling:
    """The statement that settles the open letters of a matter, to be built once; the matter's parameters are named unlike columns."""
    done = update(letters).where(matter, letters.c.settled.is_(None)).values(settled=bindparam("now"))
    return done.returning(letters.c.letter, letters.c.digest)


async def settle(session: WriteSession, statement: Settling, now: datetime, **about: Any) -> None:
    """The matter of these letters is over."""
    settled = (await session.execute(statement, {**about, "now": now})).all()
    await _follow(session, settled, now)


async def settle_each(session: WriteSession, over: Mapping[Any, datetime]) -> None:
    """The matters of these open letters are over since an instant each."""
    if over:
        await session.execute(_SETTLE, [{"of_letter": row.letter, "now": at} for row, at in over.items()])
        await _follow(session, list(over), max(over.values()))


async def _follow(session: WriteSession, settled: Sequence[Any], now: datetime) -> None:
    """What has not left stays here; a digest is settled with the last letter in it."""
    await deliveries.withdraw(session, [row.letter for row in settled])
    digests = {row.digest for row in settled if row.digest} - {row.letter for row in settled}
    for part in _parts(digests):
        empty = await session.execute(_EMPTY, {"digests": part, "now": now})
        await deliveries.withdraw(session, [row.letter for row in empty])


async def open_about(session: ReadSession, about: Collection[str], rules: Sequence[str]) -> list[Any]:
    """The letters about some units by some rules that still want something."""
    return [row for part in _parts(about) for row in await session.execute(_ABOUT, {"units": part, "rules": rules})]


async def open_because(session: ReadSession, campaign: str, causes: Collection[str]) -> list[Any]:
    """The letters for some causes that still want something."""
    return [row for part in _parts(causes) for row in await session.execute(_BECAUSE, {"of_campaign": campaign, "causes": part})]


def since(letter: Any, ends: Iterable[tuple[int, datetime]]) -> datetime | None:
    """When the first of some revisions came that is higher than a letter's."""
    return next((at for revision, at in ends if revision > letter.revision), None)


def _parts(values: Collection[str]) -> list[list[str]]:
    ordered = sorted(values)
    return [ordered[start : start + CHUNK] for start in range(0, len(ordered), CHUNK)]
