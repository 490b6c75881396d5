"""Standings: how each score stands in its cluster, and how many stand in each bucket, so that a place is counted and never rewritten."""

from collections.abc import Collection, Mapping
from datetime import date
from functools import cache
from typing import Any

from sqlalchemy.dialects import postgresql
from sqlalchemy.dialects import sqlite as sqlite_dialect

from services.evaluation.models import score_buckets, standings
from services.evaluation.scoring.order import bucket_of, key_of
from services.evaluation.scoring.ranking import official_name, sorted_name
from shared import units
from shared.database import ReadSession, WriteSession, on_sqlite, rows_among, upsert_later


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
    if standing["name"] is None:
        return
    place = standing["campaign"], standing["cluster"], standing["bucket"]
    session.info.setdefault("buckets", []).append((place, standing["on_hold"], by))
    session.at_commit(_write_counts)


async def _write_counts(session: WriteSession) -> None:
    """The last and shortest step of the transaction, in the order of the keys: replicas wait for each other's buckets, and never in a circle."""
    changes: dict[tuple[str, str, int], list[int]] = {}
    for place, on_hold, by in session.info.pop("buckets", ()):
        changes.setdefault(place, [0, 0])[on_hold] += by
    rows = [
        {"campaign": campaign, "cluster": cluster, "bucket": bucket, "competing": competing, "on_hold": on_hold}
        for (campaign, cluster, bucket), (competing, on_hold) in sorted(changes.items())
        if competing or on_hold
    ]
    if rows:
        await session.execute(_addition(sqlite=on_sqlite(session)), rows)


@cache
def _addition(*, sqlite: bool) -> Any:
    statement: Any = (sqlite_dialect if sqlite else postgresql).insert(score_buckets)
    counts = {name: score_buckets.c[name] + statement.excluded[name] for name in ("competing", "on_hold")}
    return statement.on_conflict_do_update(index_elements=["campaign", "cluster", "bucket"], set_=counts)


async def names(session: ReadSession, among: Collection[str], on: date) -> dict[str, str]:
    """By which name each unit stands in a ranking made on a day, as it is sorted: the scheme's place, then the value."""
    found: dict[str, list[tuple[str, str]]] = {}
    for row in await rows_among(session, units.identifiers, "unit", among):
        if row.valid_from <= on and (row.valid_to is None or row.valid_to >= on):
            found.setdefault(row.unit, []).append((row.scheme, row.value))
    return {unit: sorted_name(*name) for unit, identifiers in found.items() if (name := official_name(identifiers))}
