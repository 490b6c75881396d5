"""Campaigns: loaded from a folder as a whole, a new version only when the content has changed."""

import asyncio
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import select

from services.registration import loading, officers, participations, partners, phases, units
from services.registration.loading import Loaded
from services.registration.models import CampaignVersion
from shared import audit, campaigns, outbox
from shared.clock import local_date
from shared.database import ReadSession, WriteSession
from shared.events.campaign import Campaign
from shared.events.registration import CampaignPublished
from shared.inbox import lock
from shared.messages import Fault, Message, NotFound
from shared.security import System

LOADER = System("loader", "Nạp dữ liệu phong trào")


@dataclass(frozen=True)
class Outcome:
    """What loading did: the version now in force, and whether it is new."""

    campaign: str
    version: int
    changed: bool


async def load(session: WriteSession, folder: Path, now: datetime, password: str | None = None) -> Outcome:
    """Read a campaign's folder, check it whole and put it in force; the same content again changes nothing.

    Raises `LoadingRefused` with every fault. `password` is given to accounts that have none yet (the demo's).
    """
    loaded = await asyncio.to_thread(loading.read, folder)
    return await save(session, loaded, now, password)


async def save(session: WriteSession, loaded: Loaded, now: datetime, password: str | None = None) -> Outcome:
    """Put what was read in force as a new version, unless the newest version has the same content."""
    code = loaded.campaign.code
    await lock(session, [code])
    last = await _newest(session, code)
    if last and last.fingerprint == loaded.fingerprint:
        return Outcome(code, last.version, changed=False)
    campaign = loaded.campaign.model_copy(update={"version": last.version + 1 if last else 1})
    await _publish(session, campaign, loaded.fingerprint, now)
    await _save_units(session, loaded, campaign, now, password)
    await phases.launch(session, campaign, now)
    await audit.record(session, LOADER, "campaign.loaded", code, now, version=campaign.version, fingerprint=loaded.fingerprint)
    return Outcome(code, campaign.version, changed=True)


async def _publish(session: WriteSession, campaign: Campaign, fingerprint: str, now: datetime) -> None:
    session.add(
        CampaignVersion(
            campaign=campaign.code, version=campaign.version, fingerprint=fingerprint,
            definition=campaign.model_dump_json(), loaded_at=now,
        )
    )
    event = CampaignPublished(campaign=campaign.code, revision=campaign.version, definition=campaign)
    await campaigns.on_campaign_published(event, session)
    await outbox.record(session, event, now)


async def _save_units(session: WriteSession, loaded: Loaded, campaign: Campaign, now: datetime, password: str | None) -> None:
    ids = await units.save(session, loaded.units, now)
    await units.succeed(session, loaded.successions, ids, now)
    await officers.save(session, loaded.officers, ids, now, password)
    clusters = {ids[unit.key]: unit.cluster for unit in loaded.units if unit.cluster}
    moved = await units.assign(session, campaign.code, clusters, campaign.starts, local_date(now))
    await participations.move(session, campaign.code, moved, now)
    await partners.save(session, campaign, now)


async def _newest(session: ReadSession, code: str) -> CampaignVersion | None:
    query = select(CampaignVersion).where(CampaignVersion.campaign == code).order_by(CampaignVersion.version.desc()).limit(1)
    return await session.scalar(query)


async def versions(session: ReadSession, code: str) -> list[CampaignVersion]:
    """The versions of a campaign, newest first."""
    query = select(CampaignVersion).where(CampaignVersion.campaign == code).order_by(CampaignVersion.version.desc())
    return list(await session.scalars(query))


async def chosen(session: ReadSession, code: str | None) -> Campaign:
    """The campaign with this code, or the newest when none is named. Raises `NotFound`."""
    if code:
        return await campaigns.find(session, code)
    known = await campaigns.listed(session)
    if not known:
        raise NotFound(Fault("campaign", Message("Chưa có phong trào nào được nạp.")))
    return known[0]
