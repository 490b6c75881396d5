"""Registrations seen together: every unit that should register, with its status, and the counts of each cluster."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from services.registration import participations, phases, units
from services.registration.models import Participation
from shared import units as directory
from shared.database import ReadSession
from shared.events.campaign import Campaign
from shared.events.registration import ParticipationStatus

ORDER = (ParticipationStatus.SUBMITTED, "none", ParticipationStatus.RETURNED, ParticipationStatus.DRAFT, ParticipationStatus.APPROVED)
"""What waits for the secretary comes first, then who has not registered."""


@dataclass(frozen=True)
class Registration:
    """A unit that should register; `id` is None while it has not begun."""

    unit: str
    name: str
    cluster: str
    status: str
    id: str | None = None
    submitted_at: datetime | None = None
    commitments: int = 0
    late: bool = False


@dataclass(frozen=True)
class Overview:
    """All rows, and the counts by status: in all, and of each cluster."""

    rows: Sequence[Registration]
    counts: Mapping[str, int]
    by_cluster: Mapping[str, Mapping[str, int]]


async def of_registrations(session: ReadSession, campaign: Campaign, among: Collection[str] | None, today: date) -> Overview:
    """Every unit that is in a cluster today (only those `among`, if given), those that wait for a decision first."""
    clusters = await units.clusters(session, campaign.code, today)
    known = await directory.on_day(session, today)
    rows = {row.unit: row for row in await participations.listed(session, campaign.code, among)}
    deadline = phases.registration_ends(campaign)
    found = [
        _registration(known[unit].name, unit, cluster, rows.get(unit), deadline)
        for unit, cluster in clusters.items()
        if unit in known and (among is None or unit in among)
    ]
    found.sort(key=lambda r: (ORDER.index(r.status), r.submitted_at or deadline, known[r.unit].position))
    by_cluster = {c.code: Counter(r.status for r in found if r.cluster == c.code) for c in campaign.clusters}
    return Overview(found, Counter(r.status for r in found), {code: counts for code, counts in by_cluster.items() if counts})


def _registration(name: str, unit: str, cluster: str, row: Participation | None, deadline: datetime) -> Registration:
    if row is None:
        return Registration(unit, name, cluster, "none")
    late = row.submitted_at is not None and row.submitted_at >= deadline
    return Registration(unit, name, cluster, row.status, row.id, row.submitted_at, len(row.commitments), late)
