"""Partner systems: what a campaign's file says of them becomes rows and events."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import select

from services.registration.models import PartnerSystem
from services.registration.units import identify
from shared import outbox
from shared.database import ReadSession, WriteSession
from shared.events.campaign import Campaign, Partner
from shared.events.registration import PartnerRegistered
from shared.events.reporting import UnitRef


async def save(session: WriteSession, campaign: Campaign, now: datetime) -> None:
    """Register the partners that the campaign names; one that it names no longer may publish no longer."""
    known = {row.client: row for row in await listed(session, campaign.code)}
    for partner in campaign.partners:
        await _save(session, campaign, known.get(partner.client), await _attributes(session, campaign, partner), now)
    for client in known.keys() - {partner.client for partner in campaign.partners}:
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
        indicators=tuple(row.indicators), kinds=tuple(row.kinds), active=row.active,
    )
    await outbox.record(session, event, now)


async def listed(session: ReadSession, campaign: str) -> list[PartnerSystem]:
    """The partner systems of a campaign, by client name."""
    query = select(PartnerSystem).where(PartnerSystem.campaign == campaign).order_by(PartnerSystem.client)
    return list(await session.scalars(query))


async def clients(session: ReadSession) -> list[str]:
    """The client names of all active partner systems, whatever their campaign: each has a stream of its own."""
    query = select(PartnerSystem.client).where(PartnerSystem.active).distinct().order_by(PartnerSystem.client)
    return list(await session.scalars(query))
