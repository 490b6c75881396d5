"""The copy of the unit directory that a service keeps from events: dated names, parents and identifiers, and who is below whom."""

import unicodedata
from collections.abc import Iterable
from datetime import date
from typing import Any

from sqlalchemy import (
    JSON,
    BindParameter,
    Boolean,
    Column,
    ColumnElement,
    Date,
    FromClause,
    Integer,
    Select,
    String,
    Table,
    bindparam,
    delete,
    or_,
    select,
)

from shared.columns import among
from shared.database import CHUNK, ReadSession, WriteSession, add_later, fabric, upsert, written
from shared.delivery import Meta
from shared.events.registration import UnitChanged

units = Table(
    "known_units",
    fabric,
    Column("unit", String(36), primary_key=True),
    Column("revision", Integer, nullable=False),
    Column("position", Integer, nullable=False),
    Column("sample", Boolean, nullable=False),
    Column("body", JSON, nullable=False),
)
versions = Table(
    "known_unit_versions",
    fabric,
    Column("unit", String(36), primary_key=True),
    Column("valid_from", Date, primary_key=True),
    Column("valid_to", Date),
    Column("name", String(255), nullable=False),
    Column("search", String(255), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("parent", String(36), index=True),
)
identifiers = Table(
    "known_unit_identifiers",
    fabric,
    Column("unit", String(36), primary_key=True),
    Column("scheme", String(32), primary_key=True),
    Column("value", String(64), primary_key=True, index=True),
    Column("valid_from", Date, primary_key=True),
    Column("valid_to", Date),
)

BEGINNING = date(1, 1, 1)
"""Stands for "always" where a key needs a date."""
DEPTH = 8


def plain(text: str) -> str:
    """`text` for searching: lower case, no diacritics, đ as d ("Đắk Lắk" -> "dak lak")."""
    stripped = "".join(c for c in unicodedata.normalize("NFD", text) if not unicodedata.combining(c))
    return stripped.replace("đ", "d").replace("Đ", "D").lower()


async def on_unit_changed(event: UnitChanged, session: WriteSession, _: Meta | None = None) -> None:
    """Keep the newest state of a unit; older revisions change nothing. New units of a batch are written together, for there may be a million."""
    known: dict[str, int | None] = session.info.setdefault("unit_revisions", {})
    if event.unit not in known:
        known[event.unit] = await session.scalar(_REVISION, {"unit": event.unit})
    before, known[event.unit] = known[event.unit], max(known[event.unit] or 0, event.revision)
    row = {
        "unit": event.unit,
        "revision": event.revision,
        "position": event.position,
        "sample": event.sample,
        "body": event.model_dump(mode="json"),
    }
    if before is None:
        add_later(session, units, row)  # if another replica is as far, one of the two fails and tries again
    elif not await _replace(session, row):
        return
    _write_dated(event, session)


async def _replace(session: WriteSession, row: dict[str, Any]) -> bool:
    """A newer state takes the place of the one that is known, and all that it said."""
    await session.flush()
    if not await upsert(session, units, [row], newer="revision"):
        return False
    for table in (versions, identifiers):
        await session.execute(delete(table).where(table.c.unit == row["unit"]))
    return True


def _write_dated(event: UnitChanged, session: WriteSession) -> None:
    for v in event.versions:
        kept = {
            "unit": event.unit, "valid_from": v.valid_from, "valid_to": v.valid_to, "name": v.name,
            "search": plain(v.name), "kind": v.kind, "parent": v.parent,
        }  # fmt: skip
        add_later(session, versions, kept)
    for i in event.identifiers:
        borne = {
            "unit": event.unit, "scheme": i.scheme, "value": i.value,
            "valid_from": i.valid_from or BEGINNING, "valid_to": i.valid_to,
        }  # fmt: skip
        add_later(session, identifiers, borne)


_REVISION = select(units.c.revision).where(units.c.unit == bindparam("unit"))


def in_force(table: FromClause, on: date | BindParameter[date]) -> tuple[ColumnElement[bool], ...]:
    """The conditions for rows of `versions` or `identifiers` that were in force on a day."""
    return table.c.valid_from <= on, or_(table.c.valid_to.is_(None), table.c.valid_to >= on)


def _in_force(table: Table) -> tuple[ColumnElement[bool], ...]:
    return in_force(table, bindparam("day", type_=Date))


# Built once: rights and references ask these at every request and event, and building a statement costs as much as running it.
_RESOLVE = select(identifiers.c.unit).where(
    identifiers.c.scheme == bindparam("scheme"), identifiers.c.value == bindparam("value"), *_in_force(identifiers)
)
_RESOLVE_ALL = select(identifiers.c.value, identifiers.c.unit).where(
    identifiers.c.scheme == bindparam("scheme"), among(identifiers.c.value, "values"), *_in_force(identifiers)
)
_IDENTIFIERS = select(identifiers.c.scheme, identifiers.c.value).where(
    identifiers.c.unit == bindparam("unit"), *_in_force(identifiers)
)
_ON_DAY = (
    select(versions, units.c.position, units.c.sample)
    .join(units, units.c.unit == versions.c.unit)
    .where(*_in_force(versions))
    .order_by(units.c.position, versions.c.name)
)
_AMONG = _ON_DAY.where(among(versions.c.unit, "among"))


async def resolve_all(session: ReadSession, scheme: str, values: Iterable[str], on: date) -> dict[str, str]:
    """The units that these values of a scheme named on a day, by value, as `resolve` finds each."""
    await written(session)
    found: dict[str, str] = {}
    twice: set[str] = set()
    for row in await session.execute(_RESOLVE_ALL, {"scheme": scheme, "values": sorted(set(values)), "day": on}):
        twice |= {row.value} & found.keys()
        found[row.value] = row.unit
    return {value: unit for value, unit in found.items() if value not in twice}


async def resolve(session: ReadSession, scheme: str, value: str, on: date) -> str | None:
    """The unit that `scheme:value` named on a day, or None. Codes were reused, so the day matters."""
    await written(session)
    found = (await session.scalars(_RESOLVE, {"scheme": scheme, "value": value, "day": on})).all()
    return str(found[0]) if len(found) == 1 else None


async def identifiers_of(session: ReadSession, unit: str, on: date) -> list[tuple[str, str]]:
    """(scheme, value) pairs of a unit on a day, sorted; the first is the one shown to the outside."""
    await written(session)
    return sorted((row.scheme, row.value) for row in await session.execute(_IDENTIFIERS, {"unit": unit, "day": on}))


class KnownUnit:
    """A unit as it was on a day."""

    __slots__ = ("id", "kind", "name", "parent", "position", "sample")

    def __init__(self, row: object) -> None:
        self.id: str = row.unit  # type: ignore[attr-defined]
        self.name: str = row.name  # type: ignore[attr-defined]
        self.kind: str = row.kind  # type: ignore[attr-defined]
        self.parent: str | None = row.parent  # type: ignore[attr-defined]
        self.position: int = row.position  # type: ignore[attr-defined]
        self.sample: bool = row.sample  # type: ignore[attr-defined]


async def on_day(session: ReadSession, on: date, among: Iterable[str] | None = None) -> dict[str, KnownUnit]:
    """Units by id as they were on a day, in official order; only those in `among`, if given."""
    await written(session)
    if among is None:
        return {row.unit: KnownUnit(row) for row in await session.execute(_ON_DAY, {"day": on})}
    wanted = list(among)
    found = [
        KnownUnit(row)
        for start in range(0, len(wanted), CHUNK)
        for row in await session.execute(_AMONG, {"day": on, "among": wanted[start : start + CHUNK]})
    ]
    return {unit.id: unit for unit in (sorted(found, key=lambda unit: unit.position) if len(wanted) > CHUNK else found)}


async def known(session: ReadSession, unit: str, on: date) -> KnownUnit | None:
    """One unit as it was on a day."""
    return (await on_day(session, on, [unit])).get(unit)


async def lines(session: ReadSession, units: Iterable[str], on: date) -> dict[str, set[str]]:
    """For each of these units the ids of itself and of all above it, read level by level."""
    found = {unit: {unit} for unit in units}
    tops = {unit: unit for unit in found}
    for _ in range(DEPTH):
        known_tops = await on_day(session, on, set(tops.values())) if tops else {}
        above = {unit: here.parent for unit, top in tops.items() if (here := known_tops.get(top)) and here.parent}
        tops = {unit: parent for unit, parent in above.items() if parent not in found[unit]}
        for unit, parent in tops.items():
            found[unit].add(parent)
    return found


async def ancestors(session: ReadSession, unit: str, on: date) -> list[str]:
    """The ids of the units above, nearest first."""
    found: list[str] = []
    here = await known(session, unit, on)
    while here and here.parent and here.parent not in found and len(found) < DEPTH:
        found.append(here.parent)
        here = await known(session, here.parent, on)
    return found


def below(unit: str | BindParameter[str], on: date | BindParameter[date]) -> Select[tuple[str]]:
    """A query for the ids of all units below, without the unit itself: to be joined, for a province has tens of thousands."""
    children = select(versions.c.unit).where(versions.c.parent == unit, *in_force(versions, on)).cte("below", recursive=True)
    further = versions.alias()
    return select(children.union(select(further.c.unit).where(further.c.parent == children.c.unit, *in_force(further, on))).c.unit)


async def descendants(session: ReadSession, unit: str, on: date) -> set[str]:
    """The ids of all units below, without the unit itself."""
    await written(session)
    return set(await session.scalars(_BELOW, {"top": unit, "day": on}))


_BELOW = below(bindparam("top"), bindparam("day", type_=Date))
