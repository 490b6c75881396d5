"""What was heard is kept as it came: one function per fact, idempotent by revision, indifferent to order."""

from typing import Any

from services.evaluation.models import (
    commitments,
    discrepancies,
    letters,
    observations,
    participations,
    reports,
    rounds,
    works,
)
from services.evaluation.records import MISSED
from shared.database import WriteSession, insert_later, upsert
from shared.events.contract import CampaignEvent
from shared.events.notification import LetterDelivered
from shared.events.registration import CommitmentApproved, ParticipationApproved, WorkProgressed
from shared.events.reporting import (
    DiscrepancyOpened,
    DiscrepancyResolved,
    ObservationAccepted,
    ReportAccepted,
    ReportMissed,
    ReportReturned,
    RoundClosed,
    RoundOpened,
)


def _fields(event: CampaignEvent, *names: str) -> dict[str, Any]:
    return {name: getattr(event, name) for name in ("campaign", *names)}


async def keep_participation(session: WriteSession, event: ParticipationApproved) -> None:
    """Which cluster a unit takes part in."""
    row = _fields(event, "unit", "revision", "cluster") | {"head": event.head.name}
    await upsert(session, participations, [row], newer="revision")


def keep_commitment(session: WriteSession, event: CommitmentApproved) -> None:
    """A version of a target; every version stays."""
    names = ("unit", "indicator", "revision", "baseline", "target", "unit_of_measure", "effective_from", "reason", "legal_basis")
    insert_later(session, commitments, _fields(event, *names))


def keep_report(session: WriteSession, event: ReportAccepted) -> None:
    """A revision of a report with its figures; every revision stays."""
    figures = [value.model_dump(mode="json") for value in event.values]
    row = _fields(event, "unit", "round", "revision", "on_time") | {"status": "accepted", "at": event.submitted_at}
    insert_later(session, reports, row | {"figures": figures})


def keep_return(session: WriteSession, event: ReportReturned) -> None:
    """A returned revision: no figures count from it."""
    row = _fields(event, "unit", "round", "revision", "on_time") | {"status": "returned", "at": event.first_submitted_at}
    insert_later(session, reports, row | {"figures": []})


def keep_miss(session: WriteSession, event: ReportMissed) -> None:
    """A round missed; a report that came nevertheless stands above it."""
    row = _fields(event, "unit", "round") | {"revision": MISSED, "on_time": False, "status": "missed", "at": event.deadline}
    insert_later(session, reports, row | {"figures": []})


async def keep_work(session: WriteSession, event: WorkProgressed) -> None:
    """The state of a work."""
    await upsert(session, works, [_fields(event, "work", "unit", "revision", "title", "status", "confirmed")], newer="revision")


async def keep_round(session: WriteSession, event: RoundOpened | RoundClosed) -> None:
    """Whether a round is open or closed, and what was counted when it closed."""
    row = _fields(event, "round", "revision", "deadline") | {"state": "open", "expected": None, "on_time": None, "missing": None}
    if isinstance(event, RoundClosed):
        row |= {"state": "closed"} | _fields(event, "expected", "on_time", "missing")
    await upsert(session, rounds, [row], newer="revision")


async def keep_discrepancy(session: WriteSession, event: DiscrepancyOpened | DiscrepancyResolved) -> None:
    """Whether a figure is disputed."""
    row = _fields(event, "discrepancy", "unit", "indicator", "round", "revision") | {"open": isinstance(event, DiscrepancyOpened)}
    await upsert(session, discrepancies, [row], newer="revision")


async def keep_observation(session: WriteSession, event: ObservationAccepted) -> None:
    """A partner's figure, shown beside the unit's own and never scored."""
    row = _fields(event, "observation", "unit", "indicator", "revision", "client", "value", "as_of")
    await upsert(session, observations, [row], newer="revision")


def keep_letter(session: WriteSession, event: LetterDelivered) -> None:
    """When a unit was told of a warning: the first delivery by a channel counts."""
    insert_later(session, letters, _fields(event, "letter", "channel", "unit", "cause", "at"))
