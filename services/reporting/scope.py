"""What a partner may say: of which campaign, in which types, about which units. Everything else it says is refused by field."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import select

from services.reporting.forms import Reading
from services.reporting.models import partners
from shared import campaigns, units
from shared.database import ReadSession, WriteSession, rows_among, rows_of, upsert
from shared.events.campaign import Campaign
from shared.events.registration import PartnerRegistered
from shared.events.reporting import IndicatorObserved
from shared.messages import Fault, Message
from shared.shadows import is_shadow, original_of
from shared.units import KnownUnit
from shared.web import formats


class NotHeardYet(Exception):
    """The campaign or the partner's registration is not known here yet: the event waits."""


@dataclass(frozen=True, slots=True)
class Sender:
    """Whose event it is: the client, and the id that it gave the event."""

    client: str
    event: str


@dataclass(frozen=True, slots=True)
class Effect:
    """What an event became: an observation, a report or a proposal, in this revision of it."""

    what: str
    id: str
    revision: int = 1

    def __str__(self) -> str:
        return f"{self.what}:{self.id}"


@dataclass(frozen=True, slots=True)
class Scope:
    """A partner in a campaign."""

    campaign: Campaign
    partner: Any


async def register_partner(event: PartnerRegistered, session: WriteSession) -> None:
    """Keep what a partner may say."""
    row = event.model_dump(mode="json", include={column.name for column in partners.c})
    await upsert(session, partners, [row], newer="revision")


async def of(session: ReadSession, client: str, campaign: str) -> Scope:
    """What a partner may say in a campaign, or in its shadow of it. Raises `NotHeardYet`."""
    found = picked(await of_clients(session, [client]), client, campaign)
    if found is None:
        raise NotHeardYet
    return found


async def of_clients(session: ReadSession, clients: Iterable[str]) -> dict[tuple[str, str], Scope]:
    """What these partners may say, by client and campaign; what has not been heard yet is left out."""
    rows = await rows_among(session, partners, "client", set(clients))
    known = {code: await campaigns.known(session, code) for code in {row.campaign for row in rows}}
    return {(row.client, row.campaign): Scope(campaign, row) for row in rows if (campaign := known[row.campaign])}


def picked(scopes: Mapping[tuple[str, str], Scope], client: str, campaign: str) -> Scope | None:
    """Of these, what a partner may say in a campaign; in a shadow the same as in the real one, under the shadow's code."""
    found = scopes.get((client, original_of(campaign)))
    if found is None or not is_shadow(campaign):
        return found
    return Scope(found.campaign.model_copy(update={"code": campaign}), found.partner)


def type_faults(partner: Any, kind: str) -> list[Fault]:
    """The partner is still welcome, and may say events of this type."""
    faults = []
    if not partner.active:
        faults.append(Fault("", Message("Quyền gửi số liệu của hệ thống này đã ngừng."), Message("Hãy liên hệ Thường trực Hội đồng.")))
    allowed = partner.types if partner.types is not None else [IndicatorObserved.TYPE]
    if kind not in allowed:
        cure = Message("Các loại được gửi: {listed}.", listed=", ".join(allowed))
        faults.append(Fault("type", Message("Hệ thống này không được gửi loại sự kiện “{kind}”.", kind=kind), cure))
    return faults


def indicator_faults(scope: Scope, code: str, field: str = "indicator") -> list[Fault]:
    """The indicator exists, and the partner may report it."""
    cure = Message("Các chỉ tiêu được gửi: {listed}.", listed=", ".join(scope.partner.indicators))
    if scope.campaign.indicator(code) is None:
        return [Fault(field, Message("Không có chỉ tiêu “{code}”.", code=code), cure)]
    if code not in scope.partner.indicators:
        return [Fault(field, Message("Hệ thống này không được báo chỉ tiêu “{code}”.", code=code), cure)]
    return []


@dataclass(frozen=True, slots=True)
class Named:
    """A unit as a partner names it."""

    scheme: str
    value: str
    field: str = "unit"

    @classmethod
    def read(cls, reading: Reading, field: str) -> "Named":
        """From {scheme, value}; what is wrong stays with the reading."""
        return cls(reading.text("scheme", limit=32), reading.text("value", limit=64), field)


Asked = tuple[Named, date]
"""A unit as a partner names it, on a day."""


@dataclass(frozen=True, slots=True)
class Directory:
    """The units that some names meant on their days, and for each of them itself with all that are above it."""

    found: Mapping[tuple[str, str, date], KnownUnit]
    lines: Mapping[tuple[str, date], set[str]]

    def named(self, named: Named, on: date) -> KnownUnit | None:
        """The unit that was called so on a day."""
        return self.found.get((named.scheme, named.value, on))


async def directory(session: ReadSession, asked: Iterable[Asked], *, branches: bool = True) -> Directory:
    """Find all these units, day by day. `branches`: someone is held to some, so that it matters what is above."""
    days: defaultdict[date, defaultdict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for named, on in asked:
        days[on][named.scheme].add(named.value)
    found: dict[tuple[str, str, date], KnownUnit] = {}
    lines: dict[tuple[str, date], set[str]] = {}
    for on, schemes in days.items():
        ids = {(scheme, value): id for scheme, values in schemes.items() for value, id in (await units.resolve_all(session, scheme, values, on)).items()}
        known = await units.on_day(session, on, set(ids.values())) if ids else {}
        found |= {(*name, on): known[id] for name, id in ids.items() if id in known}
        if branches:
            lines |= {(id, on): line for id, line in (await units.lines(session, known, on)).items()}
    return Directory(found, lines)


def own_unit(known: Directory, scope: Scope, named: Named, on: date) -> tuple[KnownUnit | None, list[Fault]]:
    """The unit that was called so on a day, or what is wrong: no such unit, of another kind, or in no branch to which the partner is held."""
    found = known.named(named, on)
    if found is None:
        problem = Message("Ngày {day} không có đơn vị {scheme}:{value}.", day=formats.day(on), scheme=named.scheme, value=named.value)
        return None, [Fault(named.field, problem, Message("Hãy kiểm tra mã đơn vị có hiệu lực vào ngày đó."))]
    return found, _foreign(scope, found, known.lines.get((found.id, on), set()), named.field)


def _foreign(scope: Scope, unit: KnownUnit, line: set[str], field: str) -> list[Fault]:
    branches = scope.partner.units
    if unit.kind in scope.partner.kinds and not (branches and line.isdisjoint(branches)):
        return []
    return [Fault(field, Message("Hệ thống này không được báo về đơn vị {name}.", name=unit.name))]


async def unit_faults(session: ReadSession, scope: Scope, about: tuple[str, date], field: str) -> list[Fault]:
    """What is wrong with a unit of ours on a day, by the same rule: the partner may have been allowed to speak of it once, and no longer be."""
    unit = await units.known(session, *about)
    if unit is None:
        return [Fault(field, Message("Ngày {day} không có đơn vị này.", day=f"{about[1]:%d/%m/%Y}"))]
    return _foreign(scope, unit, (await units.lines(session, [unit.id], about[1]))[unit.id], field)


async def find_own_unit(session: ReadSession, scope: Scope, named: Named, on: date) -> tuple[KnownUnit | None, list[Fault]]:
    """The same for one unit alone."""
    return own_unit(await directory(session, [(named, on)]), scope, named, on)


async def partners_of(session: ReadSession, campaign: str) -> Sequence[Any]:
    """The partners of a campaign, by client name."""
    return (await session.execute(select(partners).where(partners.c.campaign == campaign).order_by(partners.c.client))).all()


async def newest(session: ReadSession, client: str) -> Any:
    """A partner in the newest campaign that knows it, or None."""
    rows = {row.campaign: row for row in await rows_of(session, partners, client=client)}
    return next((rows[campaign.code] for campaign in await campaigns.listed(session) if campaign.code in rows), None)
