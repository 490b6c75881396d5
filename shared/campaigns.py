"""The copy of campaigns that a service keeps from events: the whole definition and the phase."""

from sqlalchemy import Column, Integer, String, Table, Text, select

from shared.database import Instant, ReadSession, WriteSession, fabric, upsert
from shared.delivery import Meta
from shared.events.campaign import Campaign, Phase
from shared.events.registration import CampaignAdvanced, CampaignPublished
from shared.messages import Fault, Message, NotFound

campaigns = Table(
    "known_campaigns",
    fabric,
    Column("campaign", String(64), primary_key=True),
    Column("revision", Integer, nullable=False),
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

_parsed: dict[tuple[str, str], Campaign] = {}
"""Parsed definitions by (campaign, text): a definition is some 100 KB, and events ask for it thousands of times."""
PARSED_LIMIT = 16


async def on_campaign_published(event: CampaignPublished, session: WriteSession, _: Meta | None = None) -> bool:
    """Keep the newest version of a campaign; True when this one is newer than what was known."""
    row = {"campaign": event.campaign, "revision": event.revision, "definition": event.definition.model_dump_json()}
    return bool(await upsert(session, campaigns, [row], newer="revision"))


async def on_campaign_advanced(event: CampaignAdvanced, session: WriteSession, _: Meta | None = None) -> bool:
    """Keep the newest phase of a campaign; True when it moved."""
    row = {"campaign": event.campaign, "revision": event.revision, "phase": event.phase, "at": event.at}
    return bool(await upsert(session, phases, [row], newer="revision"))


async def known(session: ReadSession, campaign: str) -> Campaign | None:
    """The definition in force, or None when this service has not heard of the campaign."""
    text = await session.scalar(select(campaigns.c.definition).where(campaigns.c.campaign == campaign))
    return None if text is None else _parse(campaign, text)


async def find(session: ReadSession, campaign: str) -> Campaign:
    """The definition in force; raises `NotFound`."""
    found = await known(session, campaign)
    if found is None:
        raise NotFound(Fault("campaign", Message("Không có phong trào {campaign}", campaign=campaign)))
    return found


async def listed(session: ReadSession) -> list[Campaign]:
    """Every campaign known here, newest start first."""
    rows = await session.execute(select(campaigns.c.campaign, campaigns.c.definition))
    return sorted((_parse(row.campaign, row.definition) for row in rows), key=lambda c: c.starts, reverse=True)


async def phase_of(session: ReadSession, campaign: str) -> Phase:
    """The phase a campaign stands in; draft when none was heard yet."""
    found = await session.scalar(select(phases.c.phase).where(phases.c.campaign == campaign))
    return Phase(found) if found else Phase.DRAFT


def _parse(campaign: str, text: str) -> Campaign:
    key = (campaign, text)
    if key not in _parsed:
        while len(_parsed) >= PARSED_LIMIT:
            _parsed.pop(next(iter(_parsed)))
        _parsed[key] = Campaign.model_validate_json(text)
    return _parsed[key]
