"""A person's decision is an event that carries it whole: applied by the same function when it is taken and in a rebuild."""

import json
from datetime import datetime
from functools import singledispatch
from typing import Any

from sqlalchemy import insert, select

from services.evaluation import rankings, scores
from services.evaluation.models import entries, holds, lifts, participations
from services.evaluation.models import rankings as rankings_table
from shared import audit, campaigns, outbox
from shared.database import ReadSession, WriteSession, insert_new
from shared.events.campaign import Campaign
from shared.events.contract import CampaignEvent
from shared.events.evaluation import (
    AdjustmentEntered,
    ClusterRanking,
    HoldLifted,
    HoldPlaced,
    RankingFrozen,
    RubricEntered,
)
from shared.inbox import lock
from shared.messages import Conflict, Fault, Message, NotFound, Refused
from shared.security import Officer, System

REASON_LIMIT = 2000


async def take(session: WriteSession, actor: Officer | System, event: CampaignEvent, now: datetime) -> None:
    """Apply a decision, tell it, write it into the audit trail, and score the unit anew, all in the caller's transaction."""
    keys = await apply(event, session)
    cause = await outbox.record(session, _told(event), now)
    action = event.TYPE.removeprefix("evaluation.").rpartition(".v")[0]
    details = event.model_dump(mode="json", exclude={"clusters"})
    await audit.record(session, actor, action, str(getattr(event, "unit", event.campaign)), now, **details)
    for known in (await scores.known(session, sorted(keys))).values():
        await scores.settle(session, known, now, cause)


def _told(event: CampaignEvent) -> CampaignEvent:
    """What a message can hold: a ranking of more than some thousands of units is told without its places."""
    if not isinstance(event, RankingFrozen) or outbox.fits(event.model_dump_json()):
        return event
    return event.model_copy(update={"clusters": tuple(ClusterRanking(cluster=each.cluster, ranked=()) for each in event.clusters)})


@singledispatch
async def apply(event: CampaignEvent, _: WriteSession) -> set[str]:
    """Keep a decision's rows; returns the keys of the scores it touches."""
    raise TypeError(f"{event.TYPE} is no decision")


@apply.register
async def _place(event: HoldPlaced, session: WriteSession) -> set[str]:
    names = ("hold", "campaign", "unit", "since", "expires_on", "reason", "decided_by")
    await insert_new(session, holds, [{name: getattr(event, name) for name in names}])
    return {scores.key_of(event.campaign, event.unit)}


@apply.register
async def _lift(event: HoldLifted, session: WriteSession) -> set[str]:
    names = ("hold", "at", "conclusion", "decided_by")
    await insert_new(session, lifts, [{name: getattr(event, name) for name in names}])
    return {scores.key_of(event.campaign, event.unit)}


@apply.register
async def _enter_rubric(event: RubricEntered, session: WriteSession) -> set[str]:
    names = ("campaign", "unit", "criterion", "revision", "level", "reason", "decided_by", "at")
    await insert_new(session, entries, [{name: getattr(event, name) for name in names} | {"points": None}])
    return {scores.key_of(event.campaign, event.unit)}


@apply.register
async def _enter_adjustment(event: AdjustmentEntered, session: WriteSession) -> set[str]:
    names = ("campaign", "unit", "criterion", "revision", "points", "reason", "decided_by", "at")
    await insert_new(session, entries, [{name: getattr(event, name) for name in names} | {"level": None}])
    return {scores.key_of(event.campaign, event.unit)}


@apply.register
async def _freeze(event: RankingFrozen, session: WriteSession) -> set[str]:
    """Places that the event could not hold are those of the scores at this moment, as they were for the council."""
    if not any(each.ranked for each in event.clusters):
        event = event.model_copy(update={"clusters": await rankings.current(session, await campaigns.find(session, event.campaign))})
    names = ("campaign", "revision", "rules_version", "campaign_version", "ranking_hash", "decided_by", "at")
    body = json.dumps([cluster.model_dump(mode="json") for cluster in event.clusters], ensure_ascii=False)
    await session.execute(insert(rankings_table).values({name: getattr(event, name) for name in names} | {"body": body}))
    return set()


async def open_for(session: WriteSession, officer: Officer, campaign: str, unit: str) -> tuple[Campaign, str]:
    """The campaign and the unit's cluster, when the officer may still decide about that unit; its score is locked.

    Nobody decides about their own unit, and nobody after the ranking was frozen.
    """
    found = await campaigns.find(session, campaign)
    await lock(session, [scores.key_of(campaign, unit)])
    cluster = await cluster_of(session, campaign, unit)
    if cluster is None:
        raise NotFound(Fault("unit", Message("Đơn vị này không tham gia phong trào.")))
    if officer.unit == unit:
        raise Refused(Fault("unit", Message("Đồng chí không được tự quyết định về đơn vị của mình."), Message("Nhờ thành viên khác của Hội đồng.")))
    await must_be_open(session, campaign)
    return found, cluster


async def must_be_open(session: ReadSession, campaign: str) -> None:
    """Raise `Conflict` once the ranking was frozen."""
    if await rankings.frozen(session, campaign):
        raise Conflict(Fault("campaign", Message("Kết quả xếp hạng đã chốt nên không sửa được nữa.")))


async def cluster_of(session: ReadSession, campaign: str, unit: str) -> str | None:
    """The cluster a unit takes part in, or None."""
    table = participations
    query = select(table.c.cluster).where(table.c.campaign == campaign, table.c.unit == unit)
    return await session.scalar(query)


def reason_of(text: str, field: str, *, needed: bool = True) -> str:
    """A reason worth recording, without surrounding blanks; raises when it is needed and empty, or too long."""
    stripped = text.strip()
    if needed and not stripped:
        raise Refused(Fault(field, Message("Chưa ghi lý do."), Message("Ghi rõ căn cứ của quyết định.")))
    if len(stripped) > REASON_LIMIT:
        raise Refused(Fault(field, Message("Lý do dài quá {limit} ký tự.", limit=REASON_LIMIT), Message("Rút gọn lại.")))
    return stripped


def signature(officer: Officer) -> str:
    """How a decision names who took it: name and post, no more."""
    return f"{officer.name}, {officer.post}" if officer.post else officer.name


async def next_revision(session: ReadSession, query: Any) -> int:
    """One above the highest revision that `query` gives; 1 when there is none."""
    return int(await session.scalar(query) or 0) + 1
