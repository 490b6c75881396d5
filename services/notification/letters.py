"""Letters: composed from a rule and what happened, addressed to the officers who are known."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Generic, NamedTuple, TypeVar

from sqlalchemy import Row, String, and_, cast, exists, or_, select, update

from services.notification import deliveries
from services.notification.models import TO_GATHER, letters, on_its_own
from services.notification.models import deliveries as delivered
from services.notification.rules import BY_CODE, BY_ROLE, Audience, gathers
from shared import telemetry, units
from shared.clock import local_date
from shared.columns import among
from shared.database import CHUNK, ReadSession, WriteSession, insert_new
from shared.delivery import Meta
from shared.events.registration import UnitChanged
from shared.identity import new_id
from shared.security import officers

_WRITTEN = select(letters).where(among(letters.c.letter, "letters"))
_OFFICERS = select(officers).where(among(officers.c.unit, "units"), officers.c.active)


@dataclass(frozen=True, slots=True)
class Origin:
    """Why letters are written now: the event, its instant and its trace."""

    now: datetime
    event: str = ""
    traceparent: str | None = None

    @classmethod
    def of(cls, meta: Meta) -> "Origin":
        """The origin of letters that an event causes."""
        return cls(meta.time, meta.id, telemetry.traceparent() or meta.traceparent)


E = TypeVar("E")


class Note(NamedTuple, Generic[E]):
    """An event that waits to be answered with the others of its batch, and the origin of letters that it causes."""

    event: E
    origin: Origin


@dataclass(frozen=True, slots=True)
class Draft:
    """What a letter is to say. `cause` is the id of the warning, report, round or decision; with `revision` it makes the letter unique."""

    rule: str
    campaign: str
    unit: str
    cause: str
    origin: Origin
    revision: int = 0
    parameters: dict[str, Any] = field(default_factory=dict)


async def compose(session: WriteSession, drafts: Sequence[Draft]) -> None:
    """Write the letters that do not exist yet; a draft that was a letter before changes nothing.

    Letters to a unit about itself are addressed at once, those to others wait for the tick that gathers them into digests.
    """
    for start in range(0, len(drafts), CHUNK):
        part = drafts[start : start + CHUNK]
        rows = await _rows(session, part)
        await insert_new(session, letters, rows)
        at_once = [row["letter"] for row in rows if row["digest"] is None]
        await address(session, await find(session, at_once), min(draft.origin.now for draft in part))


async def find(session: ReadSession, ids: Sequence[str]) -> Sequence[Row[Any]]:
    """The letters with these ids, at most `CHUNK` of them."""
    return (await session.execute(_WRITTEN, {"letters": ids})).all() if ids else []


async def _rows(session: WriteSession, drafts: Sequence[Draft]) -> list[dict[str, Any]]:
    wanted = [(draft, to.audience) for draft in drafts for to in BY_CODE[draft.rule].to]
    above = await _superiors_at(session, [draft for draft, audience in wanted if audience == Audience.SUPERIOR])
    return [
        {
            "letter": new_id(), "rule": draft.rule, "audience": audience, "campaign": draft.campaign, "unit": draft.unit,
            "addressee": _addressee(audience, draft, above), "cause": draft.cause, "revision": draft.revision,
            "parameters": draft.parameters, "created": draft.origin.now, "settled": None,
            "event": draft.origin.event, "traceparent": draft.origin.traceparent,
            "digest": TO_GATHER if gathers(audience, draft.unit) else None,
        }
        for draft, audience in wanted
    ]  # fmt: skip


def _addressee(audience: Audience, draft: Draft, above: Mapping[date, Mapping[str, str]]) -> str | None:
    if audience == Audience.SUPERIOR:
        return above[local_date(draft.origin.now)].get(draft.unit)
    return draft.unit if audience == Audience.UNIT else ""


async def _superiors_at(session: ReadSession, drafts: Iterable[Draft]) -> dict[date, dict[str, str]]:
    """The unit above each draft's on the draft's day; the drafts of a batch are of one day, or two."""
    by_day: dict[date, set[str]] = {}
    for draft in drafts:
        by_day.setdefault(local_date(draft.origin.now), set()).add(draft.unit)
    return {day: await _superiors(session, below, day) for day, below in by_day.items()}


async def _superiors(session: ReadSession, below: Iterable[str], day: date) -> dict[str, str]:
    """The unit above each known one, empty where there is none; units that are not known yet are left out."""
    return {unit: known.parent or "" for unit, known in (await units.on_day(session, day, below)).items()}


async def address(session: WriteSession, written: Sequence[Row[Any]], now: datetime) -> None:
    """Make the deliveries of letters to every officer known; those made before stay as they are.

    They are made at `now`, or when the letter was written if that is later.
    """
    if not written:
        return
    by_unit, by_role = await _officers(session, written)
    pairs = [
        (letter, officer)
        for letter in written
        for officer in (by_unit.get(letter.addressee or "", ()) if letter.addressee else by_role.get(letter.audience, ()))
    ]
    await deliveries.enter(session, pairs, now)


async def _officers(
    session: WriteSession, written: Sequence[Row[Any]]
) -> tuple[dict[str, list[Row[Any]]], dict[str, list[Row[Any]]]]:
    """The active officers of the units addressed, and those of the audiences that go by role."""
    places = {letter.addressee for letter in written if letter.addressee}
    by_unit: dict[str, list[Row[Any]]] = {}
    for officer in await session.execute(_OFFICERS, {"units": sorted(places)}) if places else ():
        by_unit.setdefault(officer.unit, []).append(officer)
    audiences = {letter.audience for letter in written} & {str(audience) for audience in BY_ROLE}
    return by_unit, {audience: await _holders(session, Audience(audience)) for audience in audiences}


async def _holders(session: WriteSession, audience: Audience) -> list[Row[Any]]:
    named = [cast(officers.c.roles, String).contains(f'"{role}"') for role in sorted(BY_ROLE[audience])]
    return list((await session.execute(select(officers).where(officers.c.active, or_(*named)))).all())


async def address_to_newcomer(session: WriteSession, unit: str, roles: Iterable[str], appointed: datetime) -> None:
    """An officer became known: theirs are the letters written since the appointment, and those that nobody could get yet."""
    audiences = [audience for audience, wanted in BY_ROLE.items() if wanted & set(roles)]
    theirs = or_(letters.c.addressee == unit, letters.c.audience.in_(audiences))
    unreceived = ~exists().where(delivered.c.letter == letters.c.letter, delivered.c.due_at < appointed)
    query = select(letters).where(theirs, on_its_own, letters.c.settled.is_(None), or_(letters.c.created >= appointed, unreceived))
    await address(session, (await session.execute(query.order_by(letters.c.created))).all(), appointed)


_WITHOUT_SUPERIOR = select(letters.c.unit).where(
    among(letters.c.unit, "units"), letters.c.audience == Audience.SUPERIOR, letters.c.addressee.is_(None)
)


async def find_superiors(session: WriteSession, notes: Sequence[Note[UnitChanged]]) -> None:
    """Units became known: letters to whoever is above them can be addressed now."""
    now = {event.unit: origin.now for event, origin in notes}
    for start in range(0, len(now), CHUNK):
        for unit in set(await session.scalars(_WITHOUT_SUPERIOR, {"units": sorted(now)[start : start + CHUNK]})):
            await _find_superior(session, unit, now[unit])


async def _find_superior(session: WriteSession, unit: str, now: datetime) -> None:
    waiting = and_(letters.c.unit == unit, letters.c.audience == Audience.SUPERIOR, letters.c.addressee.is_(None))
    found = [row.letter for row in await session.execute(select(letters.c.letter).where(waiting))]
    above = await _superiors(session, {unit}, local_date(now))
    if unit in above:
        await session.execute(update(letters).where(letters.c.letter.in_(found)).values(addressee=above[unit]))
        query = select(letters).where(letters.c.letter.in_(found), on_its_own, letters.c.settled.is_(None))
        await address(session, (await session.execute(query)).all(), now)
