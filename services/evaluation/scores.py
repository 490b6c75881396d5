"""Scores: computed anew for one unit from its own rows whenever one of them changed, kept with their history, told when they changed."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from services.evaluation import alarms, records, signals, standings
from services.evaluation.models import findings, score_history, scores, warnings
from services.evaluation.models import signals as signals_table
from services.evaluation.models import standings as standings_table
from services.evaluation.records import Record
from services.evaluation.scoring.exact import canonical, decimal, written
from services.evaluation.scoring.sheet import Assessment, assess
from services.evaluation.scoring.signals import signal_of
from shared import campaigns, outbox
from shared.database import ReadSession, WriteSession, insert_later, upsert_later
from shared.events.campaign import Campaign
from shared.events.evaluation import ScoreChanged, ScorePart, TrialScored
from shared.shadows import is_shadow


def key_of(campaign: str, unit: str) -> str:
    """What a handler returns to say that a unit's score may have changed."""
    return f"{campaign}|{unit}"


@dataclass(frozen=True, slots=True)
class Known:
    """All that is known of a unit now, and what was told of it before: its last score (None: none yet), its warnings and findings.

    `standing`: how that score stands in its cluster (None: not yet); `shown`: its signal (None: none yet); `name`: by which a ranking
    names the unit (None: no identifier known).
    """

    campaign: Campaign
    unit: str
    record: Record
    last: Any
    standing: Any
    shown: Any
    name: str | None
    warned: Sequence[Any]
    found: Sequence[Any]


async def known(session: WriteSession, keys: Iterable[str]) -> dict[str, Known]:
    """What is known of the units of some keys, table by table for all of them at once; a unit not registered yet waits."""
    await session.flush()
    by_campaign: dict[str, list[str]] = {}
    for key in keys:
        code, _, unit = key.partition("|")
        by_campaign.setdefault(code, []).append(unit)
    found = {}
    for code, among in by_campaign.items():
        campaign = await campaigns.known(session, code)
        for one in await _known(session, campaign, among) if campaign else ():
            found[key_of(code, one.unit)] = one
    return found


async def _known(session: ReadSession, campaign: Campaign, among: Sequence[str]) -> list[Known]:
    known = await records.of_units(session, campaign, among)
    last = {row.unit: row for row in await records.about(session, scores, campaign.code, known)}
    stood = {row.unit: row for row in await records.about(session, standings_table, campaign.code, known)}
    shown = {row.unit: row for row in await records.about(session, signals_table, campaign.code, known)}
    named = await _names(session, campaign, known, stood)
    warned, found = [await records.by_unit(session, table, campaign.code, known) for table in (warnings, findings)]
    return [
        Known(
            campaign, unit, record, last.get(unit), stood.get(unit), shown.get(unit), named.get(unit), warned[unit], found[unit]
        )
        for unit, record in known.items()
    ]


async def _names(session: ReadSession, campaign: Campaign, among: Iterable[str], stood: Mapping[str, Any]) -> dict[str, str]:
    """The names that rankings use, read only where one may have changed: seldom."""
    doubted: set[str] = session.info.get("doubted", set())
    sure = {unit: row.name for unit, row in stood.items() if row.name and unit not in doubted}
    unsure = [unit for unit in among if unit not in sure]
    return sure | (await standings.names(session, unsure, records.closing_day(campaign)) if unsure else {})


def doubt(session: WriteSession, units: Iterable[str]) -> None:
    """The names of these units may be others now: they are read anew when the units are settled in this transaction."""
    session.info.setdefault("doubted", set()).update(units)


async def settle(session: WriteSession, known: Known, now: datetime, cause: str = "") -> None:
    """Score a unit from what is known now, then its warnings. `cause`: the id of the event that touched it."""
    assessment = assess(known.record.sheet, known.record.facts, known.campaign)
    row = _row(known, assessment)
    if known.last is None or any(getattr(known.last, name) != value for name, value in row.items()):
        row |= {"revision": known.last.revision + 1 if known.last else 1, "at": now}
        _keep(session, row, cause)
        await outbox.record(session, _told(row), now)
    row = {"revision": known.last.revision if known.last else 1} | row
    standings.keep(session, row, known.name, known.standing)
    told = alarms.Told(session, known.campaign.code, known.unit, now)
    watched = await alarms.settle(told, known.campaign, known.record, known.warned, known.found)
    seen = signals.Seen(signal_of(watched, known.record.facts.figures), known.record.reported, known.record.on_hold)
    signals.keep(session, row, seen, known.shown, now)


def _row(known: Known, assessment: Assessment) -> dict[str, Any]:
    record = known.record
    return {
        "campaign": known.campaign.code,
        "unit": known.unit,
        "cluster": record.cluster,
        "score": decimal(assessment.score),
        "grade": assessment.grade,
        "on_hold": record.on_hold,
        "capped": decimal(assessment.capped),
        "lines": _lines(assessment),
        "on_time": record.facts.punctuality.on_time,
        "due": record.facts.punctuality.due,
        "report_revision": record.report_revision,
    }


def _lines(assessment: Assessment) -> list[dict[str, Any]]:
    """Lines as data: numbers as plain text, so that nothing rounds them on the way."""
    return [
        {
            "criterion": line.criterion.code,
            "assigned": line.assigned,
            "points": None if line.points is None else written(line.points),
            "max_points": canonical(line.criterion.max_points),
            "contribution": written(part),
            "evidence": line.evidence,
        }
        for line, part in zip(assessment.lines, assessment.contributions, strict=True)
    ]


def _keep(session: WriteSession, row: dict[str, Any], cause: str) -> None:
    """Keep a score as the unit's present one and in its history."""
    upsert_later(session, scores, row)
    history = {name: row[name] for name in ("campaign", "unit", "revision", "score", "grade", "at")}
    insert_later(session, score_history, history | {"cause": cause})


async def of_unit(session: ReadSession, campaign: str, unit: str) -> Any:
    """A unit's current score row, or None."""
    return next(iter(await records.about(session, scores, campaign, [unit])), None)


async def history_of(session: ReadSession, campaign: str, unit: str) -> list[Any]:
    """Every score a unit ever had, oldest first, with the id of the event that changed it."""
    return await records.about(session, score_history, campaign, [unit])


def _told(row: Mapping[str, Any]) -> ScoreChanged | TrialScored:
    parts = tuple(ScorePart.model_validate(line) for line in row["lines"])
    fields = {name: row[name] for name in ("campaign", "unit", "cluster", "revision", "score", "grade")}
    if is_shadow(row["campaign"]):
        return TrialScored(**fields, parts=parts)
    return ScoreChanged(**fields, on_hold=row["on_hold"], parts=parts)
