"""What registration hears: the ranking that ends a campaign's review, what partners propose, and the clock."""

from datetime import datetime

from services.registration import phases, proposals
from shared import campaigns
from shared.database import WriteSession
from shared.delivery import Meta
from shared.events.evaluation import RankingFrozen
from shared.events.reporting import ReorganisationProposed, WorkProposed
from shared.inbox import Hears

hears = Hears("registration")


@hears
async def on_ranking_frozen(event: RankingFrozen, session: WriteSession, _: Meta) -> None:
    await phases.rank(session, event)


@hears
async def on_work_proposed(event: WorkProposed, session: WriteSession, _: Meta) -> None:
    await proposals.propose_work(event, session)


@hears
async def on_reorganisation_proposed(event: ReorganisationProposed, session: WriteSession, _: Meta) -> None:
    await proposals.propose_reorganisation(event, session)


@hears.tick
async def on_tick(session: WriteSession, now: datetime, _since: datetime | None) -> None:
    for campaign in await campaigns.listed(session):
        await phases.advance(session, campaign, now)
