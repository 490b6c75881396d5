"""Standings: how each score stands in its cluster, and how many stand in each bucket, so that a place is counted and never rewritten."""

from collections.abc import Collection, Mapping
from datetime import date
from typing import Any

from services.evaluation import tallies
from services.evaluation.models import score_buckets, standings
from services.evaluation.scoring.order import bucket_of, key_of
from services.evaluation.scoring.ranking import official_name, sorted_name
from shared import units
from shared.database import ReadSession, WriteSession, rows_among, upsert_later


def keep(session: WriteSession, score: Mapping[str, Any], name: str | None, old: Any) -> None:
    """Have a score stand where it belongs. `old`: how it stood; the buckets change by the difference, once per transaction."""
    new = _standing(score, name)
    if old is not None and old._asdict() == new:
        return
    upsert_later(session, standings, new)
    if old is not None:
        _count(session, old._asdict(), -1)
    _count(session, new, 1)


def _standing(score: Mapping[str, Any], name: str | None) -> dict[str, Any]:
    kept = {column: score[column] for column in ("campaign", "unit", "revision", "cluster")}
    return kept | {
        "bucket": bucket_of(score["score"]),
        "key": key_of(score["score"]),
        "name": name,
        "on_hold": score["on_hold"],
    }


def _count(session: WriteSession, standing: Mapping[str, Any], by: int) -> None:
    """Only who has a name that a ranking can tell is counted."""
    if standing["name"] is not None:
        place = standing["campaign"], standing["cluster"], standing["bucket"]
        tallies.count(session, score_buckets, place, {"on_hold" if standing["on_hold"] else "competing": by})


async def names(session: ReadSession, among: Collection[str], on: date) -> dict[str, str]:
    """By which name each unit stands in a ranking made on a day, as it is sorted: the scheme's place, then the value."""
    found: dict[str, list[tuple[str, str]]] = {}
    for row in await rows_among(session, units.identifiers, "unit", among):
        if row.valid_from <= on and (row.valid_to is None or row.valid_to >= on):
            found.setdefault(row.unit, []).append((row.scheme, row.value))
    return {unit: sorted_name(*name) for unit, identifiers in found.items() if (name := official_name(identifiers))}
