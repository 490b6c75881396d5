"""Partner systems: what a campaign's file or the operator says of them becomes rows and events."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

from sqlalchemy import select

from services.registration import partner_keys, rules
from services.registration.models import PartnerSystem
from services.registration.units import identify
from shared import audit, campaigns, outbox
from shared import units as directory
from shared.database import ReadSession, WriteSession
from shared.events.campaign import Campaign, Partner, UnitKind
from shared.events.registration import PartnerRegistered
from shared.events.reporting import IndicatorObserved, UnitRef
from shared.inbox import lock
from shared.messages import Conflict, Fault, Message, NotFound, collect
from shared.security import Officer, System

BY_OPERATOR = "operator"
OF_FILE = frozenset({"title", "unit", "indicators", "kinds"})
"""What a campaign's file says of the systems that it names; the rest of them the operator decides."""


@dataclass(frozen=True)
class PartnerForm:
    """A system as the operator describes it: what it may say, about which indicators and kinds of unit; `units` narrows them to branches."""

    client: str
    title: str
    unit: UnitRef | str
    types: tuple[str, ...] = (IndicatorObserved.TYPE,)
    indicators: tuple[str, ...] = ()
    kinds: tuple[UnitKind, ...] = tuple(UnitKind)
    units: tuple[UnitRef | str, ...] = ()


async def register(session: WriteSession, campaign: Campaign, form: PartnerForm, now: datetime) -> None:
    """Register a system that the campaign's file does not name. Raises `Refused` with every fault, or `Conflict` for a name in use."""
    if await session.get(PartnerSystem, (campaign.code, form.client)):
        raise Conflict(Fault("client", Message("Đã có hệ thống “{client}”.", client=form.client), Message("Hãy chọn tên khác, hoặc cấp khóa mới cho hệ thống đó.")))
    attributes = await _judged(session, campaign, form)
    await _save(session, campaign, None, attributes | {"client": form.client, "active": True, "origin": BY_OPERATOR}, now)


async def change(session: WriteSession, actor: Officer | System, campaign: Campaign, form: PartnerForm, now: datetime) -> None:
    """What a system may say is another from now on. Raises `Refused` with every fault, and `Conflict` for what only the campaign's file changes."""
    partner_keys.must_operate(actor)
    await lock(session, [f"partner|{form.client}"])
    row = await find(session, campaign, form.client)
    before = await _described(session, campaign, form_of(row))
    after = {name: value for name, value in (await _judged(session, campaign, form)).items() if value != before[name]}
    if row.origin != BY_OPERATOR and (ruled := sorted(OF_FILE & after.keys())):
        cure = Message("Hãy sửa tệp của phong trào rồi nạp lại bằng thidua load; ở đây đổi được loại sự kiện, phạm vi đơn vị, hạn mức, liên hệ và khóa ký.")
        raise Conflict(*(Fault(name, Message("Tệp của phong trào quy định mục này."), cure) for name in ruled))
    if after:
        await _save(session, campaign, row, after, now)
        was = {name: before[name] for name in after}
        await audit.record(session, actor, "partner.changed", form.client, now, campaign=campaign.code, before=was, after=after)


async def find(session: ReadSession, campaign: Campaign, client: str) -> PartnerSystem:
    """A system of a campaign. Raises `NotFound`."""
    row = await session.get(PartnerSystem, (campaign.code, client), populate_existing=True)
    if row is None:
        raise NotFound(Fault("client", Message("Không có hệ thống “{client}”.", client=client), Message("Hãy đăng ký hệ thống trước.")))
    return row


def form_of(row: PartnerSystem) -> PartnerForm:
    """A registered system as a form; its units are named by our ids."""
    kinds = tuple(UnitKind(kind) for kind in row.kinds)
    return PartnerForm(row.client, row.title, row.unit, types_of(row), tuple(row.indicators), kinds, tuple(row.units or ()))


async def described(session: ReadSession, row: PartnerSystem) -> PartnerForm:
    """The same with its units as people name them: scheme:value."""
    starts = (await campaigns.find(session, row.campaign)).starts
    form = form_of(row)
    return replace(form, unit=await _reference(session, row.unit, starts), units=tuple([await _reference(session, unit, starts) for unit in row.units or ()]))


async def _reference(session: ReadSession, unit: str, on: date) -> str:
    found = await directory.identifiers_of(session, unit, on)
    return ":".join(found[0]) if found else unit


async def _judged(session: ReadSession, campaign: Campaign, form: PartnerForm) -> dict[str, Any]:
    collect(rules.partner_faults(campaign, form.client, form.title, form.types, form.indicators))
    return await _described(session, campaign, form)


async def _described(session: ReadSession, campaign: Campaign, form: PartnerForm) -> dict[str, Any]:
    return {
        "title": form.title.strip(), "unit": await identify(session, form.unit, campaign.starts), "types": list(form.types),
        "indicators": list(form.indicators), "kinds": [str(kind) for kind in form.kinds],
        "units": [await identify(session, unit, campaign.starts) for unit in form.units],
    }  # fmt: skip


async def save(session: WriteSession, campaign: Campaign, now: datetime) -> None:
    """Register the partners that the campaign names; one that it names no longer may publish no longer."""
    known = {row.client: row for row in await listed(session, campaign.code)}
    for partner in campaign.partners:
        await _save(session, campaign, known.get(partner.client), await _attributes(session, campaign, partner), now)
    from_file = {client for client, row in known.items() if row.origin != BY_OPERATOR}
    for client in from_file - {partner.client for partner in campaign.partners}:
        await _save(session, campaign, known[client], {"active": False}, now)


async def _attributes(session: ReadSession, campaign: Campaign, partner: Partner) -> dict[str, Any]:
    scheme, _, value = partner.unit.partition(":")
    return {
        "client": partner.client,
        "title": partner.title.vi,
        "unit": await identify(session, UnitRef(scheme=scheme, value=value), campaign.starts),
        "indicators": list(partner.indicators),
        "kinds": [str(kind) for kind in partner.kinds],
        "active": True,
        "origin": None,
    }


async def _save(
    session: WriteSession, campaign: Campaign, row: PartnerSystem | None, attributes: Mapping[str, Any], now: datetime
) -> None:
    if row and all(getattr(row, name) == value for name, value in attributes.items()):
        return
    row = row or PartnerSystem(campaign=campaign.code, revision=0)
    for name, value in attributes.items():
        setattr(row, name, value)
    row.revision += 1
    session.add(row)
    event = PartnerRegistered(
        campaign=row.campaign, client=row.client, revision=row.revision, title=row.title, unit=row.unit,
        indicators=tuple(row.indicators), kinds=tuple(row.kinds), active=row.active, units=tuple(row.units or ()),
        types=types_of(row),
    )
    await outbox.record(session, event, now)


def types_of(row: PartnerSystem) -> tuple[str, ...]:
    """What a system may say."""
    return (IndicatorObserved.TYPE,) if row.types is None else tuple(row.types)


async def listed(session: ReadSession, campaign: str) -> list[PartnerSystem]:
    """The partner systems of a campaign, by client name."""
    query = select(PartnerSystem).where(PartnerSystem.campaign == campaign).order_by(PartnerSystem.client)
    return list(await session.scalars(query))


async def titles(session: ReadSession, campaign: str) -> dict[str, str]:
    """What the systems of a campaign are called, by client name."""
    return {row.client: row.title for row in await listed(session, campaign)}


async def of_client(session: ReadSession, client: str) -> list[PartnerSystem]:
    """The registrations of a system, one per campaign."""
    query = select(PartnerSystem).where(PartnerSystem.client == client).order_by(PartnerSystem.campaign)
    return list(await session.scalars(query))


async def clients(session: ReadSession) -> list[str]:
    """The client names of all active partner systems, whatever their campaign: each has a stream of its own."""
    query = select(PartnerSystem.client).where(PartnerSystem.active).distinct().order_by(PartnerSystem.client)
    return list(await session.scalars(query))


async def listening(session: ReadSession) -> set[str]:
    """Those of them that were not shut out: each has places of its own to listen at."""
    return set(await clients(session)) - await partner_keys.shut_out(session)


async def not_listening(session: ReadSession) -> set[str]:
    """All other systems that were ever registered."""
    return set(await session.scalars(select(PartnerSystem.client).distinct())) - await listening(session)
