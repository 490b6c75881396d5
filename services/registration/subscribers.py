"""What registration hears: the ranking that ends a campaign's review, and the clock."""

from datetime import datetime

from services.registration import phases
from shared import campaigns
from shared.database import WriteSession
from shared.delivery import Meta
from shared.events.evaluation import RankingFrozen
from shared.inbox import Hears

hears = Hears("registration")


@hears
async def on_ranking_frozen(event: RankingFrozen, session: WriteSession, _: Meta) -> None:
    await phases.rank(session, event)


@hears.tick
async def on_tick(session: WriteSession, now: datetime, _since: datetime | None) -> None:
    for campaign in await campaigns.listed(session):
        await phases.advance(session, campaign, now)
