"""A leader's minute: how many units show which colour, the deadline ahead, who is silent, what changed; counts kept ready, lists cut short."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import func, select

from services.evaluation.models import signal_counts, signals
from services.evaluation.scoring.signals import Colour
from services.evaluation.watchlists import Kind, Listing, conditions, last_deadline, listing, round_ahead, round_asked
from shared.database import ReadSession
from shared.events.campaign import Campaign, Cluster, Round

LISTED = 5
MANY = 1000
"""Changes are counted up to here: beyond, "more than so many" says enough."""
DAY = timedelta(days=1)
CHANGED = (Kind.TURNED_RED, Kind.LEFT_RED)


class Due(NamedTuple):
    """The round for which reports are owed now and the one whose deadline comes next (None: all are over; the same while a round runs).

    `expected` units are not on hold; `missing` of them have no report accepted for the round owed or a later one.
    """

    owed: Round
    ahead: Round | None
    expected: int
    missing: int


class Changes(NamedTuple):
    """How many units turned red and how many are red no longer, since an instant; one more than `MANY` stands for more than so many."""

    since: datetime
    turned: int
    left: int


class Overview(NamedTuple):
    """All of a leader's page; `clusters`: how many units of each show which colour, `unexplained`: warnings without a word."""

    colours: Mapping[Colour, int]
    clusters: Sequence[tuple[Cluster, Mapping[Colour, int]]]
    unexplained: int
    due: Due | None
    changes: Sequence[Changes]
    lists: Mapping[Kind, Listing]


async def of(session: ReadSession, campaign: Campaign, now: datetime) -> Overview:
    """What a leader sees now; it costs the same however many units there are."""
    counted = list(await session.execute(select(signal_counts).where(signal_counts.c.campaign == campaign.code)))
    colours, by_cluster = Counter[Colour](), {cluster.code: Counter[Colour]() for cluster in campaign.clusters}
    for row in counted:
        colours[Colour(row.colour)] += row.units
        by_cluster.setdefault(row.cluster, Counter())[Colour(row.colour)] += row.units
    return Overview(
        colours=colours,
        clusters=[(cluster, by_cluster[cluster.code]) for cluster in campaign.clusters if by_cluster[cluster.code].total()],
        unexplained=sum(row.unexplained for row in counted),
        due=_due(campaign, counted, now),
        changes=[await _changes(session, campaign, now, since) for since in (now - DAY, last_deadline(campaign, now))],
        lists={kind: await listing(session, campaign, kind, now, size=LISTED) for kind in (Kind.RED, Kind.SILENT, Kind.UNEXPLAINED)},
    )


def _due(campaign: Campaign, counted: Sequence[Any], now: datetime) -> Due | None:
    asked = round_asked(campaign, now)
    if asked is None:
        return None
    owing = [row for row in counted if not row.on_hold]
    silent = sum(row.units for row in owing if row.reported < campaign.rounds.index(asked))
    return Due(asked, round_ahead(campaign, now), sum(row.units for row in owing), silent)


async def _changes(session: ReadSession, campaign: Campaign, now: datetime, since: datetime) -> Changes:
    counts = []
    for kind in CHANGED:
        some = select(signals.c.unit).where(*conditions(campaign, kind, now, since)).limit(MANY + 1).subquery()
        counts.append(int(await session.scalar(select(func.count()).select_from(some)) or 0))
    return Changes(since, *counts)
