"""The places in force: counted from the scores or, once the ranking is frozen, those that were kept."""

from collections.abc import Collection, Sequence
from functools import lru_cache

from services.evaluation import rankings
from services.evaluation.models import standings
from services.evaluation.places import Among, Asked, Mark, Places, found
from shared.database import ReadSession
from shared.events.campaign import Campaign
from shared.events.evaluation import ClusterRanking, RankedUnit

PARSED = 4
"""Frozen rankings kept parsed: one of a big cluster takes a tenth of a second."""


async def in_force(session: ReadSession, campaign: Campaign) -> Places:
    """The frozen ranking's places where there is one, else the current ones."""
    row = await rankings.frozen(session, campaign.code)
    return KeptPlaces(session, campaign, _parsed(row.body)) if row else await Places.counted(session, campaign)


@lru_cache(maxsize=PARSED)
def _parsed(body: str) -> tuple[ClusterRanking, ...]:
    return rankings.clusters_in(body)


class KeptPlaces(Places):
    """The places of a frozen ranking."""

    def __init__(self, session: ReadSession, campaign: Campaign, kept: tuple[ClusterRanking, ...]) -> None:
        super().__init__(session, campaign, {c.cluster: len(c.ranked) for c in kept if c.ranked})
        self.kept = {c.cluster: c.ranked for c in kept}

    async def clusters(self, among: Among) -> set[str]:
        """The clusters in which some of these units stand."""
        units = await self._ids(among)
        return {code for code, ranked in self.kept.items() if any(units is None or p.unit in units for p in ranked)}

    async def page(self, cluster: str, among: Among, asked: Asked) -> list[RankedUnit]:
        """A page of a cluster's units, in the order asked for."""
        units = await self._ids(among, asked.search)
        return _page([p for p in self.kept.get(cluster, ()) if units is None or p.unit in units], asked)

    async def around(self, cluster: str, among: Among, unit: str, reach: int) -> list[RankedUnit]:
        """A unit and up to `reach` units before and behind it, best first; nothing when it does not stand there."""
        everybody = await self.page(cluster, among, Asked("best", self.members.get(cluster, 0)))
        place = next((n for n, p in enumerate(everybody) if p.unit == unit), None)
        return [] if place is None else everybody[max(0, place - reach) : place + reach + 1]

    async def of(self, among: Collection[str]) -> dict[str, RankedUnit]:
        """The places of a few units, by unit."""
        return {p.unit: p for ranked in self.kept.values() for p in ranked if p.unit in among}

    async def weakest(self, among: Among, size: int) -> list[RankedUnit]:
        """The lowest scores among some units of any cluster, lowest first."""
        units = await self._ids(among)
        chosen = (p for ranked in self.kept.values() for p in ranked if units is None or p.unit in units)
        return sorted(chosen, key=Mark.of, reverse=True)[:size]

    async def cluster_of(self, among: Collection[str]) -> dict[str, str]:
        """In which cluster each of a few units stands."""
        return {p.unit: code for code, ranked in self.kept.items() for p in ranked if p.unit in among}

    async def _ids(self, among: Among, search: str = "") -> set[str] | None:
        if among is None and not search:
            return None
        query = self._those(among, standings.c.unit)
        return set(await self.session.scalars(query.where(found(self.campaign, search)) if search else query))


def _page(ordered: Sequence[RankedUnit], asked: Asked) -> list[RankedUnit]:
    best = asked.order == "best"
    turned = ordered if best else ordered[::-1]
    after = asked.after
    rest = turned if after is None else [p for p in turned if (Mark.of(p) > after if best else Mark.of(p) < after)]
    return list(rest[: asked.size])
