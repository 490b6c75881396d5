"""Places inside one cluster, on unrounded scores, and the hash by which a ranking is known."""

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from services.evaluation.scoring.exact import canonical
from services.evaluation.scoring.order import key_of
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


def sorted_name(scheme: str, value: str) -> str:
    """An identifier as text that sorts as rankings do.

    >>> sorted_name("mst", "6200012345"), scheme_and_value("26200012345")
    ('26200012345', ('mst', '6200012345'))
    """
    return f"{SCHEMES.index(scheme)}{value}"


def scheme_and_value(name: str) -> tuple[str, str]:
    """The identifier that a sorted name stands for."""
    return SCHEMES[int(name[0])], name[1:]


def standings(contenders: Sequence[Contender], least_members: int) -> tuple[RankedUnit, ...]:
    """Best first. Equal scores share a rank and the next ones are skipped (1, 1, 3). A unit on hold keeps its score but has no
    rank; in a cluster with fewer than `least_members` members nobody has one.
    """
    ordered = sorted(contenders, key=lambda c: (key_of(c.score), sorted_name(c.scheme, c.value)))
    competing = [c.score for c in ordered if not c.on_hold] if len(contenders) >= least_members else []
    ranks = {score: rank for rank, score in reversed(list(enumerate(competing, start=1)))}
    equal = Counter(competing)
    return tuple(
        RankedUnit(
            unit=c.unit,
            scheme=c.scheme,
            value=c.value,
            score=c.score,
            grade=c.grade,
            rank=None if c.on_hold else ranks.get(c.score),
            tied=not c.on_hold and equal[c.score] > 1,
            report_revision=c.report_revision,
        )
        for c in ordered
    )


def ranking_hash(clusters: Iterable[ClusterRanking]) -> str:
    """SHA-256 (hexadecimal) of the canonical text."""
    return hashlib.sha256(canonical_text(clusters).encode()).hexdigest()


def canonical_text(clusters: Iterable[ClusterRanking]) -> str:
    """A ranking as canonical JSON: [cluster, {scheme, value}, score as decimal string, rank or null], sorted.

    No ids of ours and no wall time go in: whoever has the same scores gets the same hash, on any database.
    """
    entries = [
        [cluster.cluster, {"scheme": place.scheme, "value": place.value}, canonical(place.score), place.rank]
        for cluster in clusters
        for place in cluster.ranked
    ]
    entries.sort(key=lambda entry: (entry[0], entry[1]["scheme"], entry[1]["value"]))  # type: ignore[index]
    return json.dumps(entries, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
