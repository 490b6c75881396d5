"""Targets in force: each change is a new version with its reason, legal basis and first day; earlier versions stay readable."""

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import select

from services.registration.models import CommitmentVersion
from shared import outbox
from shared.database import ReadSession, WriteSession
from shared.events.campaign import Campaign
from shared.events.registration import Commitment, CommitmentApproved
from shared.security import Officer

Approval = tuple[Officer, datetime]
"""Who approved, and when."""


async def put_in_force(
    session: WriteSession, campaign: Campaign, unit: str, proposed: Iterable[Commitment], approval: Approval
) -> None:
    """A registration's commitments become version 1, in force from the campaign's first day on."""
    for commitment in proposed:
        event = CommitmentApproved(
            campaign=campaign.code, unit=unit, revision=1, effective_from=campaign.starts, **commitment.model_dump()
        )
        await append(session, event, approval)


async def append(session: WriteSession, event: CommitmentApproved, approval: Approval) -> None:
    """Keep a version and tell it."""
    officer, now = approval
    session.add(CommitmentVersion(**event.model_dump(), approved_by=officer.id, approved_at=now))
    await session.flush()
    await outbox.record(session, event, now)


async def versions(session: ReadSession, campaign: str, unit: str) -> dict[str, list[CommitmentVersion]]:
    """A unit's targets by indicator, newest version first."""
    query = select(CommitmentVersion).where(CommitmentVersion.campaign == campaign, CommitmentVersion.unit == unit)
    found: dict[str, list[CommitmentVersion]] = {}
    for row in await session.scalars(query.order_by(CommitmentVersion.indicator, CommitmentVersion.revision.desc())):
        found.setdefault(row.indicator, []).append(row)
    return found
