"""The freeze: once every round is closed and everything heard is applied, the council's ranking is kept for good with its hash."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import and_, func, select

from services.evaluation import decisions, holds, rankings
from services.evaluation.council import criteria_of
from services.evaluation.models import discrepancies, entries, participations, reports, rounds, scores
from services.evaluation.records import MISSED
from services.evaluation.scores import key_of
from services.evaluation.scoring import RULES_VERSION
from services.evaluation.scoring.ranking import ranking_hash
from shared import campaigns, deadletters
from shared.database import Database, ReadSession, WriteSession
from shared.events.campaign import Campaign, Phase
from shared.events.evaluation import RankingFrozen
from shared.events.registration import Role
from shared.inbox import lock
from shared.messages import Conflict, Fault, Message
from shared.security import Officer

PATIENCE = 20
"""How often the freeze looks whether everything heard has been applied, `PAUSE_SECONDS` apart, before it refuses."""
PAUSE_SECONDS = 0.25

Lag = Callable[[], Awaitable[Mapping[str, int]]]
"""Events not yet applied, by stream; asked again inside the freeze's own transaction."""


class Precondition(NamedTuple):
    """One thing to look at before a freeze: what, whether it holds, whether the freeze is refused without it, and what is left to do."""

    text: Message
    met: bool
    binding: bool = True
    left: int = 0


async def preconditions(session: ReadSession, campaign: Campaign, waiting: int) -> list[Precondition]:
    """What a freeze asks for (binding) and what the council should know before it (not binding)."""
    phase = await campaigns.phase_of(session, campaign.code)
    incomplete = await _incomplete_rounds(session, campaign)
    missing, held, disputed = await _missing_levels(session, campaign), len(await holds.active(session, campaign.code)), await _disputed(session, campaign)
    dead = await deadletters.count(session)
    return [
        Precondition(Message("Phong trào đã kết thúc và chưa xếp hạng"), phase in {Phase.CLOSED, Phase.REVIEWING}),
        Precondition(Message("Mọi kỳ báo cáo đã đóng"), not incomplete, left=incomplete),
        Precondition(Message("Mọi sự kiện đã được xử lý"), not waiting, left=waiting),
        Precondition(Message("Hội đồng đã chấm đủ tiêu chí định tính"), not missing, binding=False, left=missing),
        Precondition(Message("Không còn số liệu đang đối chiếu"), not disputed, binding=False, left=disputed),
        Precondition(Message("Không còn đơn vị tạm dừng xét"), not held, binding=False, left=held),
        Precondition(Message("Không có sự kiện lỗi nào bị để lại"), not dead, binding=False, left=dead),
    ]


async def _incomplete_rounds(session: ReadSession, campaign: Campaign) -> int:
    """Rounds of the campaign that are not closed, or of whose missed reports not every one has been heard yet."""
    closed = {row.round: row for row in await session.execute(select(rounds).where(rounds.c.campaign == campaign.code)) if row.state == "closed"}
    query = (
        select(reports.c.round, func.count().label("number"))
        .where(reports.c.campaign == campaign.code, reports.c.revision == MISSED)
        .group_by(reports.c.round)
    )
    missed = {row.round: row.number for row in await session.execute(query)}
    return sum(1 for r in campaign.rounds if r.code not in closed or missed.get(r.code, 0) < closed[r.code].missing)


async def _missing_levels(session: ReadSession, campaign: Campaign) -> int:
    """How many levels the council has not chosen yet; counted by the database, for there may be a million units."""
    p, e = participations, entries
    sizes = select(p.c.cluster, func.count().label("number")).where(p.c.campaign == campaign.code).group_by(p.c.cluster)
    chosen = (
        select(p.c.cluster, e.c.criterion, func.count(e.c.unit.distinct()).label("number"))
        .join(e, and_(e.c.campaign == p.c.campaign, e.c.unit == p.c.unit))
        .where(p.c.campaign == campaign.code, e.c.level.is_not(None))
        .group_by(p.c.cluster, e.c.criterion)
    )
    entered = {(row.cluster, row.criterion): row.number for row in await session.execute(chosen)}
    members = {row.cluster: row.number for row in await session.execute(sizes)}
    return sum(
        number - entered.get((cluster, criterion.code), 0)
        for cluster, number in members.items()
        for criterion in criteria_of(campaign, cluster, "rubric")
    )


async def _disputed(session: ReadSession, campaign: Campaign) -> int:
    query = select(func.count()).select_from(discrepancies).where(discrepancies.c.campaign == campaign.code, discrepancies.c.open.is_(True))
    return int(await session.scalar(query) or 0)


async def freeze(database: Database, officer: Officer, code: str, now: datetime, *, lag: Lag) -> RankingFrozen:
    """Freeze a campaign's ranking. Waits a few seconds for events still on their way, then refuses with what is missing."""
    officer.must_hold(Role.SECRETARY, Role.CHAIR)
    for _ in range(PATIENCE):
        if not sum((await lag()).values()):
            break
        await asyncio.sleep(PAUSE_SECONDS)
    async with database.write() as session:
        return await _freeze(session, officer, await campaigns.find(session, code), now, waiting=sum((await lag()).values()))


async def _freeze(session: WriteSession, officer: Officer, campaign: Campaign, now: datetime, *, waiting: int) -> RankingFrozen:
    await lock(session, await _keys(session, campaign.code))
    await decisions.must_be_open(session, campaign.code)
    unmet = [p.text for p in await preconditions(session, campaign, waiting) if p.binding and not p.met]
    if unmet:
        raise Conflict(*(Fault("campaign", Message("Chưa chốt được. Cần: {condition}.", condition=text)) for text in unmet))
    found = await rankings.current(session, campaign)
    event = RankingFrozen(
        campaign=campaign.code, revision=1, rules_version=RULES_VERSION, campaign_version=campaign.version,
        ranking_hash=ranking_hash(found), clusters=found, decided_by=decisions.signature(officer), at=now,
    )
    await decisions.take(session, officer, event, now)
    return event


async def _keys(session: ReadSession, campaign: str) -> list[str]:
    """Every score of the campaign: held, so that none moves between reading and keeping."""
    found = await session.scalars(select(scores.c.unit).where(scores.c.campaign == campaign))
    return ["freeze", *(key_of(campaign, unit) for unit in found)]
