"""The sandbox: what a partner tries out happens in its shadow of the campaign, by the same road, and is forgotten when it is over."""

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, select, update

from services.reporting.envelopes import Envelope
from services.reporting.models import (
    discrepancies,
    figures,
    inbound,
    observations,
    partners,
    reports,
    trial_scores,
    trials,
    versions,
)
from shared import outbox
from shared.database import ReadSession, WriteSession, row_of, rows_of, upsert
from shared.events.evaluation import TrialScored
from shared.events.reporting import TrialEnded
from shared.inbox import lock
from shared.messages import Fault, Message, Refused
from shared.shadows import is_shadow, shadow_of

LASTS = timedelta(days=30)
"""So long after its first event a sandbox is emptied by itself."""


def slow_down(envelopes: Iterable[Envelope], admissions: Mapping[str, Any], taken: Mapping[str, int]) -> None:
    """Trials beyond the quota, which is counted for them alone, are refused: kept in the stream, they would hold up what is said in earnest.

    `envelopes` in their order, with whoever was let in and how many events each account sent in this minute before.
    """
    counts = Counter(taken)
    for one in envelopes:
        admission = admissions.get(one.client)
        if one.sandbox and admission and not admission.revoked:
            counts[one.account] += 1
            if counts[one.account] > admission.quota:
                problem = Message("Vượt hạn mức {quota} sự kiện mỗi phút.", quota=admission.quota)
                one.faults.append(Fault("", problem, Message("Hãy gửi chậm lại rồi gửi lại sự kiện này.")))


async def data_of(session: WriteSession, envelope: Envelope, now: datetime) -> Any:
    """An event's data; of a trial, about the partner's shadow of the campaign that it names. Raises `Refused` for who names a shadow itself."""
    data = envelope.data
    named = data.get("campaign") if isinstance(data, dict) else None
    if not isinstance(named, str):
        return data
    if is_shadow(named):
        cure = Message("Hãy ghi mã phong trào chính thức; sự kiện thử được nhận biết qua kênh gửi.")
        raise Refused(Fault("campaign", Message("Không có phong trào {campaign}.", campaign=named), cure))
    return data | {"campaign": await _entered(session, named, envelope.client, now)} if envelope.sandbox else data


async def _entered(session: WriteSession, campaign: str, client: str, now: datetime) -> str:
    """The code of a client's shadow of a campaign. With the first event in it its time begins."""
    await lock(session, [_key(client)])
    row = await row_of(session, trials, client=client)
    number = row.number if row else 1
    if row is None or row.begun_at is None:
        await upsert(session, trials, [{"client": client, "number": number, "begun_at": now}])
    return shadow_of(campaign, client, number)


def _key(client: str) -> str:
    """What is held while something is tried out or the sandbox is emptied, so that nothing falls between two shadows."""
    return f"trial|{client}"


async def of_client(session: ReadSession, client: str, campaign: str) -> tuple[str, datetime | None]:
    """The code of a client's present shadow of a campaign, and since when something was tried out in it."""
    row = await row_of(session, trials, client=client)
    return shadow_of(campaign, client, row.number if row else 1), row.begun_at if row else None


async def keep_score(event: TrialScored, session: WriteSession, at: datetime) -> None:
    """Keep how evaluation scored a unit from what was tried out; what comes after the sandbox was emptied is let go."""
    if not await rows_of(session, reports, campaign=event.campaign, unit=event.unit):
        return
    parts = [part.model_dump(mode="json") for part in event.parts]
    fields = {name: getattr(event, name) for name in ("campaign", "unit", "revision", "score", "grade")}
    await upsert(session, trial_scores, [fields | {"parts": parts, "at": at}], newer="revision")


async def end(session: WriteSession, client: str, now: datetime) -> None:
    """Empty a client's sandbox: nothing in it counts, its events' ids are free again, and the next trial begins in a new shadow."""
    await lock(session, [_key(client)])
    row = await row_of(session, trials, client=client)
    if row is None or row.begun_at is None:
        return
    for partner in await rows_of(session, partners, client=client):
        shadow = shadow_of(partner.campaign, client, row.number)
        await _forget(session, shadow)
        await outbox.record(session, TrialEnded(campaign=shadow, client=client, at=now), now)
    await _let_go(session, client, row.number)
    await upsert(session, trials, [{"client": client, "number": row.number + 1, "begun_at": None}])


async def _let_go(session: WriteSession, client: str, number: int) -> None:
    """Free the ids of its events: what was decided stays, with its receipt, as of a sandbox that is over; what was not is let go."""
    mine = inbound.c.client == client, inbound.c.sandbox.is_(True), inbound.c.trial.is_(None)
    await session.execute(delete(inbound).where(*mine, inbound.c.decided_at.is_(None)))
    await session.execute(update(inbound).where(*mine).values(trial=number))


async def _forget(session: WriteSession, shadow: str) -> None:
    """Delete every row of a shadow."""
    own = select(reports.c.report).where(reports.c.campaign == shadow)
    for table in (versions, figures):
        await session.execute(delete(table).where(table.c.report.in_(own)))
    for table in (reports, observations, discrepancies, trial_scores):
        await session.execute(delete(table).where(table.c.campaign == shadow))


async def on_tick(session: WriteSession, now: datetime) -> None:
    """Empty the sandboxes whose time is over."""
    over = select(trials.c.client).where(trials.c.begun_at <= now - LASTS).order_by(trials.c.client)
    for client in (await session.scalars(over)).all():
        await end(session, client, now)
