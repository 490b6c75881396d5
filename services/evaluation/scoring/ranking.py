"""Places inside one cluster, on unrounded scores, and the hash by which a ranking is known."""

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from services.evaluation.scoring.exact import canonical
from shared.events.evaluation import ClusterRanking, RankedUnit

SCHEMES = ("dinh-danh", "dvhc", "mst", "dinh-danh-2016")
"""By which of its official identifiers a unit is named in a ranking: the first of these that it bears at the close."""


@dataclass(frozen=True, slots=True)
class Contender:
    """A scored unit of a cluster, before it has a place."""

    unit: str
    scheme: str
    value: str
    score: Decimal
    grade: str | None
    on_hold: bool
    report_revision: int = 0


def official_name(identifiers: Iterable[tuple[str, str]]) -> tuple[str, str] | None:
    """The (scheme, value) by which a unit is named in a ranking, or None when it bears none of `SCHEMES`."""
    known = [(SCHEMES.index(scheme), value, scheme) for scheme, value in identifiers if scheme in SCHEMES]
    return (min(known)[2], min(known)[1]) if known else None


def standings(contenders: Sequence[Contender], least_members: int) -> tuple[RankedUnit, ...]:
    """Best first. Equal scores share a rank and the next ones are skipped (1, 1, 3). A unit on hold keeps its score but has no
    rank; in a cluster with fewer than `least_members` members nobody has one.
    """
    ranked = len(contenders) >= least_members
    scores = sorted((c.score for c in contenders if not c.on_hold), reverse=True)
    ordered = sorted(contenders, key=lambda c: (-c.score, SCHEMES.index(c.scheme), c.value))
    return tuple(_placed(c, scores if ranked and not c.on_hold else []) for c in ordered)


def _placed(contender: Contender, scores: Sequence[Decimal]) -> RankedUnit:
    return RankedUnit(
        unit=contender.unit,
        scheme=contender.scheme,
        value=contender.value,
        score=contender.score,
        grade=contender.grade,
        rank=scores.index(contender.score) + 1 if scores else None,
        tied=scores.count(contender.score) > 1,
        report_revision=contender.report_revision,
    )


def ranking_hash(clusters: Iterable[ClusterRanking]) -> str:
    """SHA-256 (hexadecimal) over canonical JSON: [cluster, {scheme, value}, score as decimal string, rank or null], sorted.

    No ids of ours and no wall time go in: whoever has the same scores gets the same hash, on any database.
    """
    entries = [
        [cluster.cluster, {"scheme": place.scheme, "value": place.value}, canonical(place.score), place.rank]
        for cluster in clusters
        for place in cluster.ranked
    ]
    entries.sort(key=lambda entry: (entry[0], entry[1]["scheme"], entry[1]["value"]))  # type: ignore[index]
    text = json.dumps(entries, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
