"""When a report is on time, who owes one, and why a round takes none."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from shared.events.campaign import Campaign, Phase, Round

LOCAL = ZoneInfo("Asia/Ho_Chi_Minh")
GRACE = timedelta(days=3)
"""Late reports are taken until this long after the campaign's end, and never once the council reviews; then only by an opening."""
REVIEWED = frozenset({Phase.REVIEWING, Phase.RANKED, Phase.HONOURED, Phase.ARCHIVED})


class Lock(StrEnum):
    """Why a round takes no report."""

    NOT_OPEN = "not-open"
    CAMPAIGN_ENDED = "campaign-ended"
    REVIEWED = "reviewed"


@dataclass(frozen=True, slots=True)
class Hold:
    """Consideration of a unit was suspended from `since` until `lifted_at`, or past the day `expires_on`."""

    unit: str
    since: datetime
    lifted_at: datetime | None = None
    expires_on: date | None = None

    def covers(self, at: datetime) -> bool:
        """True when the hold was in force at an instant."""
        if self.since > at or (self.lifted_at is not None and self.lifted_at <= at):
            return False
        return self.expires_on is None or at.astimezone(LOCAL).date() <= self.expires_on


def is_on_time(submitted_at: datetime, deadline: datetime) -> bool:
    """On time is before the deadline; the very instant of the deadline is the first that is late."""
    return submitted_at < deadline


def owes(since: datetime, holds: Iterable[Hold], deadline: datetime) -> bool:
    """True when a unit that takes part since `since` owes a report at a deadline: it took part before, and was not on hold then."""
    return since < deadline and not any(hold.covers(deadline) for hold in holds)


def locked_since(campaign: Campaign, round: Round, phase: Phase, now: datetime) -> tuple[Lock, datetime] | None:
    """Why and since when the round takes no report (not open: until when); None when it takes them."""
    if now < round.opens_at:
        return Lock.NOT_OPEN, round.opens_at
    if phase in REVIEWED:
        return Lock.REVIEWED, campaign.ends_at
    if now >= campaign.ends_at + GRACE:
        return Lock.CAMPAIGN_ENDED, campaign.ends_at + GRACE
    return None


def written(instant: datetime) -> str:
    """An instant inside a sentence: 17:00 ngày 30/10/2023, in Asia/Ho_Chi_Minh."""
    return f"{instant.astimezone(LOCAL):%H:%M %d/%m/%Y}"
