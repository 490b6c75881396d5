"""The copy of campaigns that a service keeps from events: the whole definition and the phase."""

import hashlib
from collections.abc import Sequence
from functools import partial

from sqlalchemy import Column, Integer, String, Table, Text, bindparam, select

from shared.database import Instant, ReadSession, WriteSession, fabric, upsert
from shared.delivery import Meta
from shared.events.campaign import Campaign, Phase
from shared.events.registration import CampaignAdvanced, CampaignPublished
from shared.messages import Fault, Message, NotFound
from shared.shadows import is_shadow, original_of

campaigns = Table(
    "known_campaigns",
    fabric,
    Column("campaign", String(64), primary_key=True),
    Column("revision", Integer, nullable=False),
    Column("digest", String(64), nullable=False),
    Column("definition", Text, nullable=False),
)
phases = Table(
    "known_phases",
    fabric,
    Column("campaign", String(64), primary_key=True),
    Column("revision", Integer, nullable=False),
    Column("phase", String(16), nullable=False),
    Column("at", Instant, nullable=False),
)

# Built once: these run for nearly every event, and building a statement costs as much as running it.
_CODES = select(campaigns.c.campaign)
_DIGEST = select(campaigns.c.digest).where(campaigns.c.campaign == bindparam("campaign"))
_DEFINITION = select(campaigns.c.digest, campaigns.c.definition).where(campaigns.c.campaign == bindparam("campaign"))
_PHASE = select(phases.c.phase).where(phases.c.campaign == bindparam("campaign"))

_parsed: dict[str, Campaign] = {}
"""Parsed definitions by digest: a definition is some 100 KB, and events ask for it thousands of times."""
PARSED_LIMIT = 16


async def on_campaign_published(event: CampaignPublished, session: WriteSession, _: Meta | None = None) -> bool:
    """Keep the newest version of a campaign; True when this one is newer than what was known."""
    text = event.definition.model_dump_json()
    digest = hashlib.sha256(text.encode()).hexdigest()
    row = {"campaign": event.campaign, "revision": event.revision, "digest": digest, "definition": text}
    session.info.pop("campaign_digests", None)
    if session.telemetry:
        session.after_commit(partial(session.telemetry.campaigns.know, [event.campaign]))
    return bool(await upsert(session, campaigns, [row], newer="revision"))


async def on_campaign_advanced(event: CampaignAdvanced, session: WriteSession, _: Meta | None = None) -> bool:
    """Keep the newest phase of a campaign; True when it moved."""
    row = {"campaign": event.campaign, "revision": event.revision, "phase": event.phase, "at": event.at}
    return bool(await upsert(session, phases, [row], newer="revision"))


async def known(session: ReadSession, campaign: str) -> Campaign | None:
    """The definition in force, or None when this service has not heard of the campaign. A shadow has its original's, under its own code."""
    if is_shadow(campaign):
        original = await known(session, original_of(campaign))
        return original and original.model_copy(update={"code": campaign})
    digests: dict[str, str | None] = session.info.setdefault("campaign_digests", {})
    if not digests.get(campaign):  # asked once per transaction: hardly any event needs it only once
        digests[campaign] = await session.scalar(_DIGEST, {"campaign": campaign})
    digest = digests[campaign]
    return None if digest is None else await _definition(session, campaign, digest)


async def find(session: ReadSession, campaign: str) -> Campaign:
    """The definition in force; raises `NotFound`, for a shadow as well: nobody acts in one by naming it."""
    found = None if is_shadow(campaign) else await known(session, campaign)
    if found is None:
        raise unknown(campaign)
    return found


def unknown(campaign: str) -> NotFound:
    """There is no campaign with this code."""
    return NotFound(Fault("campaign", Message("Không có phong trào {campaign}.", campaign=campaign)))


async def listed(session: ReadSession) -> list[Campaign]:
    """Every campaign known here, newest start first."""
    rows = (await session.execute(select(campaigns.c.campaign, campaigns.c.digest))).all()
    found = [await _definition(session, row.campaign, row.digest) for row in rows]
    return sorted(found, key=lambda c: c.starts, reverse=True)


async def codes(session: ReadSession) -> Sequence[str]:
    """The codes of every campaign known here."""
    return (await session.scalars(_CODES)).all()


async def phase_of(session: ReadSession, campaign: str) -> Phase:
    """The phase a campaign stands in, and its shadows with it; draft when none was heard yet."""
    found = await session.scalar(_PHASE, {"campaign": original_of(campaign)})
    return Phase(found) if found else Phase.DRAFT


async def _definition(session: ReadSession, campaign: str, digest: str) -> Campaign:
    """The definition with this digest, or the newer one that has taken its place meanwhile."""
    if digest not in _parsed:
        row = (await session.execute(_DEFINITION, {"campaign": campaign})).one()
        digest = row.digest
        while len(_parsed) >= PARSED_LIMIT:
            _parsed.pop(next(iter(_parsed)))
        _parsed[digest] = Campaign.model_validate_json(row.definition)
    return _parsed[digest]
