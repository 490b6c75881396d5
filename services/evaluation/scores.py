"""Scores: computed anew for one unit from its own rows whenever one of them changed, kept with their history, told when they changed."""

from datetime import datetime
from typing import Any

from sqlalchemy import insert

from services.evaluation import alarms, records
from services.evaluation.models import score_history, scores
from services.evaluation.records import Record
from services.evaluation.scoring.exact import canonical, decimal
from services.evaluation.scoring.sheet import Assessment, assess
from shared import campaigns, outbox
from shared.database import ReadSession, WriteSession, upsert
from shared.events.evaluation import ScoreChanged, ScorePart


def key_of(campaign: str, unit: str) -> str:
    """What a handler returns to say that a unit's score may have changed."""
    return f"{campaign}|{unit}"


async def settle(session: WriteSession, key: str, now: datetime, cause: str = "") -> None:
    """Score the unit of a key from what is known now, then its warnings; a unit not registered yet waits. `cause`: an event's id."""
    code, _, unit = key.partition("|")
    campaign = await campaigns.known(session, code)
    record = await records.of_unit(session, campaign, unit) if campaign else None
    if campaign is None or record is None:
        return
    assessment = assess(record.sheet, record.facts, campaign)
    if await _keep(session, _row(code, unit, record, assessment), now, cause):
        await outbox.record(session, await _changed(session, code, unit), now)
    await alarms.settle(session, campaign, unit, record, now)


def _row(campaign: str, unit: str, record: Record, assessment: Assessment) -> dict[str, Any]:
    return {
        "campaign": campaign,
        "unit": unit,
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
            "points": None if line.points is None else canonical(decimal(line.points)),
            "max_points": canonical(line.criterion.max_points),
            "contribution": canonical(decimal(part)),
            "evidence": line.evidence,
        }
        for line, part in zip(assessment.lines, assessment.contributions, strict=True)
    ]


async def _keep(session: WriteSession, row: dict[str, Any], now: datetime, cause: str) -> bool:
    """Keep a score that differs from the last one as a new revision; False when nothing changed."""
    last = await of_unit(session, row["campaign"], row["unit"])
    if last is not None and all(getattr(last, name) == value for name, value in row.items()):
        return False
    row |= {"revision": last.revision + 1 if last else 1, "at": now}
    await upsert(session, scores, [row])
    history = {name: row[name] for name in ("campaign", "unit", "revision", "score", "grade", "at")}
    await session.execute(insert(score_history).values(history | {"cause": cause}))
    return True


async def of_unit(session: ReadSession, campaign: str, unit: str) -> Any:
    """A unit's current score row, or None."""
    return next(iter(await records.about(session, scores, campaign, unit)), None)


async def history_of(session: ReadSession, campaign: str, unit: str) -> list[Any]:
    """Every score a unit ever had, oldest first, with the id of the event that changed it."""
    return sorted(await records.about(session, score_history, campaign, unit), key=lambda row: row.revision)


async def _changed(session: WriteSession, campaign: str, unit: str) -> ScoreChanged:
    row = await of_unit(session, campaign, unit)
    parts = tuple(ScorePart.model_validate(line) for line in row.lines)
    fields = {name: getattr(row, name) for name in ("campaign", "unit", "cluster", "revision", "score", "grade", "on_hold")}
    return ScoreChanged(**fields, parts=parts)
