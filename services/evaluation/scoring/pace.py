"""Where a unit will end at its present pace: early warnings with hysteresis, and front-runners that lead for several rounds."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from zoneinfo import ZoneInfo

from services.evaluation.scoring.attainment import attainment, lower_is_better, share_of_target
from services.evaluation.scoring.exact import HUNDRED
from services.evaluation.scoring.figures import Figure, Target, in_force
from shared.events.campaign import Campaign, Indicator

LOCAL = ZoneInfo("Asia/Ho_Chi_Minh")


@dataclass(frozen=True, slots=True)
class Outlook:
    """What the figures up to a round let expect: the end value, and what percent of the target that is."""

    round: str
    projected: Fraction
    target: Fraction
    percent: Fraction


@dataclass(frozen=True, slots=True)
class Lead:
    """A front-runner's streak: since which round, for how many rounds, percent attained in the last of them."""

    since: str
    rounds: int
    percent: Fraction


@dataclass(frozen=True, slots=True)
class Watch:
    """What there is to tell of one target: the outlook that raised the open warning (if one is open), the latest one, a lead."""

    raised: Outlook | None
    latest: Outlook | None
    lead: Lead | None


def watch(campaign: Campaign, indicator: Indicator, targets: Sequence[Target], figures: Sequence[Figure]) -> Watch:
    """Walk the rounds in order; the outcome depends on the figures alone, not on when or in which order they became known.

    Under `warn_below` percent a warning opens, from `clear_at` on it closes; in between nothing changes, so that a figure that
    wavers around one threshold does not raise and clear by turns.
    """
    if not targets:
        return Watch(None, None, None)
    raised: Outlook | None = None
    latest: Outlook | None = None
    for known in range(1, len(figures) + 1):
        latest = outlook(campaign, indicator, targets, figures[:known])
        if latest.percent < Fraction(campaign.early_warning.warn_below):
            raised = raised or latest
        elif latest.percent >= Fraction(campaign.early_warning.clear_at):
            raised = None
    return Watch(raised, latest, lead(campaign, indicator, targets, figures))


def outlook(campaign: Campaign, indicator: Indicator, targets: Sequence[Target], figures: Sequence[Figure]) -> Outlook:
    """The outlook after the last of `figures` (not empty, in order), against the target in force on its day."""
    last = figures[-1]
    target = in_force(targets, last.as_of)
    end = projection(campaign, indicator, figures)
    return Outlook(last.round, end, Fraction(target.target), share_of_target(indicator, target, end) * HUNDRED)


def projection(campaign: Campaign, indicator: Indicator, figures: Sequence[Figure]) -> Fraction:
    """The value at the movement's end, in the indicator's unit of measure.

    A flow goes on from its last value at its daily pace: the slope of the least-squares line through the accepted rounds, which is
    the pace of the movement itself; with one round only, the mean since the count began (`cumulative_from`). It never falls.
    A stock or a rate has no such pace (recognition comes at once, a share does not add up): its last value stands for the end.
    """
    last = figures[-1]
    if indicator.nature != "flow":
        return Fraction(last.value)
    start = indicator.cumulative_from or campaign.starts
    points = [(Fraction(_days(start, f.as_of)), Fraction(f.value)) for f in figures]
    left = max(0, (campaign.ends_at.astimezone(LOCAL).date() - last.as_of).days)
    return Fraction(last.value) + max(Fraction(0), _slope(points)) * left


def _days(start: date, end: date) -> int:
    """Days counted, both ends included."""
    return max(0, (end - start).days + 1)


def _slope(points: Sequence[tuple[Fraction, Fraction]]) -> Fraction:
    """Of the least-squares line through (day, value); through zero on the eve of the count while all lie on one day."""
    mean_x = sum((x for x, _ in points), Fraction(0)) / len(points)
    mean_y = sum((y for _, y in points), Fraction(0)) / len(points)
    spread = sum(((x - mean_x) ** 2 for x, _ in points), Fraction(0))
    if not spread:
        return mean_y / mean_x if mean_x else Fraction(0)
    return sum(((x - mean_x) * (y - mean_y) for x, y in points), Fraction(0)) / spread


def lead(campaign: Campaign, indicator: Indicator, targets: Sequence[Target], figures: Sequence[Figure]) -> Lead | None:
    """A lead that lasts: `front_runner_at` percent in so many rounds running up to the last one reported.

    A single spike is none, and a round without a figure in between ends a streak.
    """
    places = {figure.round: n for n, figure in enumerate(figures, 1)}
    streak: list[tuple[str, Fraction]] = []
    for code in [r.code for r in campaign.rounds][: _place(campaign, figures)]:
        percent = _led(campaign, indicator, targets, figures[: places[code]]) if code in places else None
        leads = percent is not None and percent >= Fraction(campaign.early_warning.front_runner_at)
        streak = [*streak, (code, percent)] if leads and percent is not None else []
    if not streak or len(streak) < campaign.early_warning.front_runner_rounds:
        return None
    return Lead(streak[0][0], len(streak), streak[-1][1])


def _led(campaign: Campaign, indicator: Indicator, targets: Sequence[Target], figures: Sequence[Figure]) -> Fraction:
    """Percent attained after the last of the figures; of a count that should stay low (crimes, accidents) percent of the projected
    end, for half a year's count is always below a whole year's limit.
    """
    last = figures[-1]
    if indicator.nature == "flow" and lower_is_better(indicator):
        return outlook(campaign, indicator, targets, figures).percent
    return attainment(indicator, in_force(targets, last.as_of), last.value) * HUNDRED


def _place(campaign: Campaign, figures: Sequence[Figure]) -> int:
    """How many rounds there are up to and including the last one with a figure."""
    reported = {figure.round for figure in figures}
    return max((n for n, r in enumerate(campaign.rounds, 1) if r.code in reported), default=0)
