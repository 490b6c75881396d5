"""A unit's own figure beside a partner's: where they differ a discrepancy opens, once; where they come to agree it ends."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from sqlalchemy import Date, and_, bindparam, insert, select, text, update

from services.reporting.models import discrepancies, figures, observations, reports
from services.reporting.rules.agreement import Last, Step, decide
from shared import outbox
from shared.columns import among
from shared.database import ReadSession, WriteSession, written
from shared.events.campaign import Campaign, Round
from shared.events.reporting import DiscrepancyOpened, DiscrepancyResolved
from shared.identity import new_id
from shared.messages import Fault, Message, NotFound
from shared.shadows import is_shadow

if TYPE_CHECKING:
    from services.reporting.reports import ReportForm

OPEN, RESOLVED = "open", "resolved"
UNIT, PARTNER, AGREEMENT = "unit", "partner", "agreement"
Pair = tuple[str, str]
"""Indicator and client."""


async def compare_report(
    session: WriteSession, campaign: Campaign, round: Round, form: "ReportForm", observed: Iterable[Any], now: datetime
) -> None:
    """Compare a report just accepted with what partners saw in the round's window; `observed`: all current observations of the unit."""
    own = {figure.indicator: figure.value for figure in form.figures}
    await _compare(session, campaign, round, form.unit, own, observed, now)


async def compare_observation(session: WriteSession, campaign: Campaign, seen: Any, own: Mapping[str, Decimal], now: datetime) -> None:
    """Compare a partner's figure just accepted with the unit's own, by round, of the rounds to which it belongs."""
    for round in campaign.rounds:
        if round.code in own and round.window_start <= seen.as_of <= round.cutoff:
            await written(session)
            about = {name: getattr(seen, name) for name in ("campaign", "unit", "indicator", "client")}
            window = {"first": round.window_start, "last": round.cutoff}
            newest = (await session.execute(_NEWEST, about | window)).one()
            last = (await _last(session, campaign.code, round.code, seen.unit)).get((seen.indicator, seen.client))
            await _step(session, campaign, _facts(newest, round, own[round.code]), last, now)


_NEWEST = (
    select(observations)
    .where(text("current"), *(observations.c[name] == bindparam(name) for name in ("campaign", "unit", "indicator", "client")))
    .where(observations.c.as_of.between(bindparam("first", type_=Date), bindparam("last", type_=Date)))
    .order_by(observations.c.as_of.desc())
    .limit(1)
)


async def _compare(
    session: WriteSession, campaign: Campaign, round: Round, unit: str, own: Mapping[str, Decimal | None], observed: Iterable[Any],
    now: datetime,
) -> None:  # fmt: skip
    newest = _newest(observed, round)
    if not newest:
        return
    last = await _last(session, campaign.code, round.code, unit)
    for pair, seen in newest.items():
        reported = own.get(pair[0])
        if reported is not None:
            await _step(session, campaign, _facts(seen, round, reported), last.get(pair), now)


_OWN = (
    select(reports.c.unit, reports.c.round, figures.c.indicator, figures.c.value)
    .join(figures, and_(figures.c.report == reports.c.report, figures.c.revision == reports.c.accepted_revision))
    .where(reports.c.campaign == bindparam("campaign"), among(reports.c.unit, "units"), reports.c.status == "accepted")
    .where(among(figures.c.indicator, "indicators"), figures.c.value.is_not(None))
)


async def own_figures(session: ReadSession, asked: Mapping[str, Any]) -> dict[tuple[str, str, str], dict[str, Decimal]]:
    """What units say themselves, by campaign, unit and indicator: a value for each round. `asked`: campaign, units, indicators."""
    found: defaultdict[tuple[str, str, str], dict[str, Decimal]] = defaultdict(dict)
    for row in await session.execute(_OWN, asked):
        found[asked["campaign"], row.unit, row.indicator][row.round] = row.value
    return found


def _newest(observed: Iterable[Any], round: Round) -> dict[Pair, Any]:
    """The newest observation of each partner about each indicator within the round's window."""
    within = [row for row in observed if round.window_start <= row.as_of <= round.cutoff]
    return {(row.indicator, row.client): row for row in sorted(within, key=lambda row: row.as_of)}


async def _last(session: ReadSession, campaign: str, round: str, unit: str) -> dict[Pair, Any]:
    query = (
        select(discrepancies)
        .where(discrepancies.c.campaign == campaign, discrepancies.c.unit == unit, discrepancies.c.round == round)
        .order_by(discrepancies.c.opened_at, discrepancies.c.discrepancy)
    )
    return {(row.indicator, row.client): row for row in await session.execute(query)}


def _facts(seen: Any, round: Round, reported: Decimal) -> dict[str, Any]:
    """What a discrepancy is about."""
    return {
        "campaign": seen.campaign, "unit": seen.unit, "indicator": seen.indicator, "round": round.code, "client": seen.client,
        "reported": reported, "observed": seen.value, "as_of": seen.as_of,
    }  # fmt: skip


async def _step(session: WriteSession, campaign: Campaign, facts: Mapping[str, Any], last: Any, now: datetime) -> None:
    indicator = campaign.indicator(facts["indicator"])
    measure = campaign.unit_of_measure(indicator.unit_of_measure) if indicator else None
    stands = last is not None and (last.state == OPEN or last.kept == UNIT)
    known = Last(last.state == OPEN, last.reported, last.observed) if stands else None
    step = decide(facts["reported"], facts["observed"], measure.decimals if measure else 2, known)
    if step is Step.OPEN:
        await _open(session, facts, now)
    elif step is Step.MOVE:
        this = discrepancies.c.discrepancy == last.discrepancy
        await session.execute(update(discrepancies).where(this).values({n: facts[n] for n in ("reported", "observed", "as_of")}))
    elif step is Step.AGREE:
        await end(session, last, AGREEMENT, facts["reported"], now)


async def _open(session: WriteSession, facts: Mapping[str, Any], now: datetime) -> None:
    row = {
        **facts, "discrepancy": new_id(), "revision": 1, "state": OPEN, "kept": "", "reason": "", "opened_at": now,
        "resolved_by_name": "",
    }  # fmt: skip
    await session.execute(insert(discrepancies).values(row))
    event = DiscrepancyOpened(**{name: row[name] for name in DiscrepancyOpened.model_fields if name in row}, at=now)
    await outbox.record(session, event, now)


async def end(session: WriteSession, row: Any, kept: str, value: Decimal, now: datetime, reason: str = "", by: str = "") -> None:
    """The disagreement is over; `kept` says how."""
    after = {
        "revision": row.revision + 1, "state": RESOLVED, "kept": kept, "reason": reason, "resolved_at": now, "resolved_by_name": by,
    }  # fmt: skip
    await session.execute(update(discrepancies).where(discrepancies.c.discrepancy == row.discrepancy).values(after))
    event = DiscrepancyResolved(
        campaign=row.campaign, discrepancy=row.discrepancy, unit=row.unit, indicator=row.indicator, round=row.round,
        revision=row.revision + 1, kept=kept, value=value, reason=reason, at=now,
    )  # fmt: skip
    await outbox.record(session, event, now)


async def find(session: ReadSession, discrepancy: str) -> Any:
    """One discrepancy; raises `NotFound`, for one in a shadow as well: nobody decides it."""
    row = (await session.execute(select(discrepancies).where(discrepancies.c.discrepancy == discrepancy))).one_or_none()
    if row is None or is_shadow(row.campaign):
        raise NotFound(Fault("discrepancy", Message("Không có chênh lệch số liệu này trong phạm vi của đồng chí.")))
    return row


async def listed(session: ReadSession, campaign: str, visible: set[str] | None, unit: str | None = None) -> list[Any]:
    """Discrepancies of visible units (None: of all), open ones first, then the newest."""
    query = (
        select(discrepancies)
        .where(discrepancies.c.campaign == campaign)
        .order_by(discrepancies.c.state, discrepancies.c.opened_at.desc(), discrepancies.c.discrepancy)
    )
    if unit is not None:
        query = query.where(discrepancies.c.unit == unit)
    return [row for row in await session.execute(query) if visible is None or row.unit in visible]
