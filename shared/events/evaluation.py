"""What evaluation says: scores, warnings, front-runners, holds, what the council enters, the frozen ranking."""

from datetime import date, datetime
from decimal import Decimal

from pydantic import Field

from shared.events.contract import CampaignEvent, Contract


class ScorePart(Contract):
    """A criterion's share in a score. `points` null: assigned but nothing known yet; not assigned: `assigned` false."""

    criterion: str
    assigned: bool
    points: Decimal | None
    max_points: Decimal


class ScoreChanged(CampaignEvent, type="evaluation.score.changed.v1"):
    """A unit's score, unrounded, of 100, with its parts; not public, since it names who lags."""

    unit: str
    cluster: str
    revision: int
    score: Decimal
    grade: str | None
    parts: tuple[ScorePart, ...]
    on_hold: bool


class TrialScored(CampaignEvent, type="evaluation.trial.scored.v1"):
    """How a unit is scored in a shadow campaign, from what a partner tried out there; said in place of `ScoreChanged`."""

    unit: str
    cluster: str
    revision: int
    score: Decimal
    grade: str | None
    parts: tuple[ScorePart, ...]


class WarningRaised(CampaignEvent, type="evaluation.warning.raised.v1"):
    """At this pace the unit will miss a target: projected end value and percent of the target. To the unit and its superior."""

    warning: str
    unit: str
    indicator: str
    revision: int
    projected: Decimal
    target: Decimal
    percent: Decimal
    round: str
    at: datetime


class WarningCleared(CampaignEvent, type="evaluation.warning.cleared.v1"):
    """The pace is enough again."""

    warning: str
    unit: str
    indicator: str
    revision: int
    percent: Decimal
    at: datetime


class FrontRunnerFound(CampaignEvent, type="evaluation.front-runner.found.v1"):
    """A unit leads its target in several rounds running; a fact to look at, not yet an exemplar."""

    finding: str
    unit: str
    indicator: str
    revision: int
    percent: Decimal
    rounds: int
    at: datetime


class FrontRunnerLost(CampaignEvent, type="evaluation.front-runner.lost.v1"):
    """The unit no longer leads that target."""

    finding: str
    unit: str
    indicator: str
    revision: int
    at: datetime


class HoldPlaced(CampaignEvent, type="evaluation.hold.placed.v1"):
    """Consideration of the unit is suspended from `since` (under inspection or complaint): not rejected, not ranked,
    owes no report while the hold lasts.
    """

    hold: str
    unit: str
    revision: int
    since: datetime
    expires_on: date | None = None
    reason: str
    decided_by: str


class HoldLifted(CampaignEvent, type="evaluation.hold.lifted.v1"):
    """The hold ended by a recorded conclusion."""

    hold: str
    unit: str
    revision: int
    at: datetime
    conclusion: str
    decided_by: str


class RubricEntered(CampaignEvent, type="evaluation.rubric.entered.v1"):
    """The council chose a rubric's level for a unit; the whole decision, so that a rebuild needs the streams alone."""

    unit: str
    criterion: str
    revision: int
    level: str
    reason: str = ""
    decided_by: str
    at: datetime


class AdjustmentEntered(CampaignEvent, type="evaluation.adjustment.entered.v1"):
    """The council set a bonus or penalty criterion's points for a unit."""

    unit: str
    criterion: str
    revision: int
    points: Decimal
    reason: str
    decided_by: str
    at: datetime


class RankedUnit(Contract):
    """A unit's place in its cluster; equal scores share a rank and are marked."""

    unit: str
    scheme: str
    value: str
    score: Decimal
    grade: str | None
    rank: int | None = Field(description="Null when the cluster is too small or the unit is on hold.")
    tied: bool = False
    report_revision: int = 0


class ClusterRanking(Contract):
    """The places inside one cluster."""

    cluster: str
    ranked: tuple[RankedUnit, ...]


class RankingFrozen(CampaignEvent, type="evaluation.ranking.frozen.v1"):
    """The council's ranking at the close, with the revisions it used, the rules' version and the hash of the result.

    Where the places are more than a message holds (some thousands of units), every cluster comes without them; the hash is of all.
    """

    revision: int
    rules_version: str
    campaign_version: int
    ranking_hash: str
    clusters: tuple[ClusterRanking, ...]
    decided_by: str
    at: datetime

