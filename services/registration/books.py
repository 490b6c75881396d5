"""What registration counts, for the summary of a movement."""

from datetime import date
from typing import Any

from sqlalchemy import func, select

from services.registration import participations, works
from services.registration.amendments import AmendmentStatus
from services.registration.models import Account, Amendment, CommitmentVersion
from shared import campaigns, units
from shared.database import ReadSession
from shared.deadletters import dead_letters
from shared.events.campaign import Campaign
from shared.inbox import inbox
from shared.outbox import outbox


async def count(session: ReadSession, campaign: Campaign, today: date) -> dict[str, Any]:
    """The counts of one campaign; units are those that exist today."""
    versions = select(func.count()).select_from(CommitmentVersion).where(CommitmentVersion.campaign == campaign.code)
    return {
        "campaign": campaign.code,
        "phase": await campaigns.phase_of(session, campaign.code),
        "units": len(await units.on_day(session, today)),
        "participations": await participations.counts(session, campaign.code),
        "commitments": await session.scalar(versions),
        "amendments": await _amendments(session, campaign.code),
        "works": await works.counts(session, campaign.code),
        "officers": await session.scalar(select(func.count()).select_from(Account).where(Account.active)),
        "events": await _events(session),
    }


async def _amendments(session: ReadSession, campaign: str) -> dict[str, int]:
    query = select(Amendment.status, func.count()).where(Amendment.campaign == campaign).group_by(Amendment.status)
    found = dict((await session.execute(query)).all())
    return {status.value: found.get(status.value, 0) for status in AmendmentStatus}


async def _events(session: ReadSession) -> dict[str, int | None]:
    recorded = select(func.count()).select_from(outbox)
    return {
        "recorded": await session.scalar(recorded),
        "published": await session.scalar(recorded.where(outbox.c.sent.is_not(None))),
        "applied": await session.scalar(select(func.count()).select_from(inbox)),
        "dead": await session.scalar(select(func.count()).select_from(dead_letters)),
    }
