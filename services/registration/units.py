"""Units: dated attributes and lineage, the cluster of each, and the tree as it was on a day."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from pydantic_core import to_jsonable_python
from sqlalchemy import or_, select

from services.registration.loading import SuccessionRow, UnitRow
from services.registration.models import Membership, Succession, Unit
from shared import outbox, units
from shared.database import ReadSession, WriteSession
from shared.events.registration import UnitChanged, UnitsSucceeded
from shared.events.reporting import UnitRef
from shared.identity import new_id
from shared.messages import Fault, Message, NotFound
from shared.units import KnownUnit, plain


async def save(session: WriteSession, rows: Sequence[UnitRow], now: datetime) -> dict[str, str]:
    """Make or change the units that the rows describe; returns every unit's id by its key. An unchanged unit says nothing."""
    known = {unit.key: unit for unit in await session.scalars(select(Unit))}
    ids = {key: unit.unit for key, unit in known.items()} | {row.key: new_id() for row in rows if row.key not in known}
    for row in rows:
        await _save(session, row, known.get(row.key), ids, now)
    return ids


async def _save(session: WriteSession, row: UnitRow, unit: Unit | None, ids: Mapping[str, str], now: datetime) -> None:
    event = UnitChanged(
        unit=ids[row.key],
        revision=unit.revision + 1 if unit else 1,
        position=row.position,
        versions=tuple(v.model_copy(update={"parent": ids[v.parent] if v.parent else None}) for v in row.versions),
        identifiers=row.identifiers,
        sample=row.sample,
    )
    content = _digest(event.model_dump(mode="json", exclude={"revision"}))
    if unit is None:
        session.add(Unit(unit=event.unit, key=row.key, revision=1, content=content))
    elif unit.content == content:
        return
    else:
        unit.revision, unit.content = event.revision, content
    await units.on_unit_changed(event, session)
    await outbox.record(session, event, now)


def _digest(content: object) -> str:
    return hashlib.sha256(json.dumps(to_jsonable_python(content), sort_keys=True).encode()).hexdigest()


async def succeed(session: WriteSession, rows: Sequence[SuccessionRow], ids: Mapping[str, str], now: datetime) -> None:
    """Keep which units became which; history stays with the predecessors."""
    known = {(s.successor, s.day, s.legal_act): s for s in await session.scalars(select(Succession))}
    for row in rows:
        predecessors = [ids[key] for key in row.predecessors]
        found = known.get((ids[row.successor], row.date, row.legal_act))
        if found and found.predecessors == predecessors:
            continue
        if found is None:
            found = Succession(
                succession=new_id(), revision=0, successor=ids[row.successor], day=row.date, legal_act=row.legal_act, predecessors=[]
            )
            session.add(found)
        found.revision, found.predecessors = found.revision + 1, predecessors
        await outbox.record(session, _succeeded(found), now)


def _succeeded(row: Succession) -> UnitsSucceeded:
    return UnitsSucceeded(
        succession=row.succession, revision=row.revision, predecessors=tuple(row.predecessors), successor=row.successor,
        date=row.day, legal_act=row.legal_act,
    )


async def assign(session: WriteSession, campaign: str, clusters: Mapping[str, str], first: date, today: date) -> list[str]:
    """Put units into clusters; returns those whose cluster changed. What was in force before stays on record."""
    query = select(Membership).where(Membership.campaign == campaign, Membership.valid_to.is_(None))
    current = {row.unit: row for row in await session.scalars(query)}
    changed = []
    for unit, row in current.items():
        if clusters.get(unit) != row.cluster:
            changed.append(unit)
            await _leave(session, row, today)
    for unit, cluster in clusters.items():
        if unit not in current or unit in changed:
            since = today if unit in changed else first
            session.add(Membership(campaign=campaign, unit=unit, valid_from=since, valid_to=None, cluster=cluster))
    await session.flush()
    return changed


async def _leave(session: WriteSession, row: Membership, today: date) -> None:
    """A membership ends yesterday; one that began today never was."""
    if row.valid_from < today:
        row.valid_to = today - timedelta(days=1)
    else:
        await session.delete(row)
    await session.flush()


async def cluster_of(session: ReadSession, campaign: str, unit: str, on: date) -> str | None:
    """The cluster of a unit on a day, or None: the province is in none."""
    query = select(Membership.cluster).where(
        Membership.campaign == campaign, Membership.unit == unit, Membership.valid_from <= on,
        or_(Membership.valid_to.is_(None), Membership.valid_to >= on),
    )
    return await session.scalar(query)


async def identify(session: ReadSession, given: str | UnitRef, on: date) -> str:
    """Our id of a unit that a caller names by id or by scheme and value. Raises `NotFound`."""
    if isinstance(given, UnitRef):
        found = await units.resolve(session, given.scheme, given.value, on)
        name = f"{given.scheme}:{given.value}"
    else:
        known = await units.known(session, given, on)
        found, name = (known.id if known else None), given
    if found is None:
        cure = Message("Ghi mã đơn vị, hoặc lược đồ (dvhc, dinh-danh, dinh-danh-2016, mst) và giá trị.")
        raise NotFound(Fault("unit", Message("Không có đơn vị {name}.", name=name), cure))
    return found


@dataclass
class Branch:
    """A unit in the tree, with the units below it and how many there are in all."""

    unit: KnownUnit
    below: list["Branch"] = field(default_factory=list)

    def count(self) -> int:
        """How many units lie below, at any depth."""
        return sum(1 + branch.count() for branch in self.below)

    def groups(self) -> list[tuple[str, list["Branch"]]]:
        """What lies below, by kind."""
        return by_kind(self.below)


def by_kind(branches: Iterable[Branch]) -> list[tuple[str, list[Branch]]]:
    """Branches by the kind of their unit, in the order in which the kinds first appear."""
    found: dict[str, list[Branch]] = {}
    for branch in branches:
        found.setdefault(branch.unit.kind, []).append(branch)
    return list(found.items())


async def tree(session: ReadSession, on: date, search: str = "") -> list[Branch]:
    """The units of a day as trees, in official order; with `search`, only those whose name fits, and what lies above them."""
    known = await units.on_day(session, on)
    kept = set(known) if not search.strip() else _with_ancestors(known, plain(search.strip()))
    branches = {id: Branch(unit) for id, unit in known.items() if id in kept}
    roots: list[Branch] = []
    for branch in branches.values():
        above = branches.get(branch.unit.parent or "")
        (above.below if above else roots).append(branch)
    return roots


def _with_ancestors(known: Mapping[str, KnownUnit], wanted: str) -> set[str]:
    kept: set[str] = set()
    for unit in known.values():
        here: KnownUnit | None = unit if wanted in plain(unit.name) else None
        while here and here.id not in kept:
            kept.add(here.id)
            here = known.get(here.parent or "")
    return kept


@dataclass(frozen=True)
class Lineage:
    """A succession with the names that the units bore."""

    day: date
    legal_act: str
    predecessors: tuple[str, ...]
    successor: str


async def lineage(session: ReadSession) -> list[Lineage]:
    """Every succession, with names, in official order of the successors."""
    rows = list(await session.scalars(select(Succession)))
    days = {row.day for row in rows}
    before = {day: await units.on_day(session, day - timedelta(days=1)) for day in days}
    after = {day: await units.on_day(session, day) for day in days}
    rows.sort(key=lambda row: (row.day, after[row.day][row.successor].position if row.successor in after[row.day] else 0))
    return [
        Lineage(row.day, row.legal_act, tuple(_name(before[row.day], u) for u in row.predecessors), _name(after[row.day], row.successor))
        for row in rows
    ]


def _name(known: Mapping[str, KnownUnit], unit: str) -> str:
    return known[unit].name if unit in known else "?"


async def clusters(session: ReadSession, campaign: str, on: date) -> dict[str, str]:
    """The cluster of each unit that is in one on a day."""
    query = select(Membership.unit, Membership.cluster).where(
        Membership.campaign == campaign,
        Membership.valid_from <= on,
        or_(Membership.valid_to.is_(None), Membership.valid_to >= on),
    )
    return dict((await session.execute(query)).all())


async def identifiers(session: ReadSession, on: date) -> dict[str, list[str]]:
    """What the outside calls each unit on a day, as sorted scheme:value."""
    table = units.identifiers
    in_force = (table.c.valid_from <= on, or_(table.c.valid_to.is_(None), table.c.valid_to >= on))
    found: dict[str, list[str]] = {}
    for row in await session.execute(select(table).where(*in_force).order_by(table.c.scheme, table.c.value)):
        found.setdefault(row.unit, []).append(f"{row.scheme}:{row.value}")
    return found
