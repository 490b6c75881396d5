"""Where a unit will end at its present pace: early warnings with hysteresis, and front-runners that lead for several rounds."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from math import lcm
from zoneinfo import ZoneInfo

from services.evaluation.scoring.attainment import attainment, lower_is_better, share_of_target
from services.evaluation.scoring.exact import HUNDRED, Fraction
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
    """What the rounds say in their order; the outcome depends on the figures alone, not on when or in which order they became known.

    Under `warn_below` percent a warning opens, from `clear_at` on it closes; in between nothing changes, so that a figure that
    wavers around one threshold does not raise and clear by turns. Read from the last round back to the one that closed: in most
    cases that is the last one itself.
    """
    if not targets or not figures:
        return Watch(None, None, None)
    warn, clear = Fraction(campaign.early_warning.warn_below), Fraction(campaign.early_warning.clear_at)
    since_closed: list[Outlook] = []
    latest = outlook(campaign, indicator, targets, figures)
    one = latest
    while one.percent < max(warn, clear):
        since_closed.append(one)
        known = len(figures) - len(since_closed)
        if not known:
            break
        one = outlook(campaign, indicator, targets, figures[:known])
    raised = next((one for one in reversed(since_closed) if one.percent < warn), None)
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
    slope = _slope([_days(start, figure.as_of) for figure in figures], [figure.value for figure in figures])
    left = max(0, (campaign.ends_at.astimezone(LOCAL).date() - last.as_of).days)
    return Fraction(last.value) + max(Fraction(0), slope) * left


def _days(start: date, end: date) -> int:
    """Days counted, both ends included."""
    return max(0, (end - start).days + 1)


def _slope(days: Sequence[int], values: Sequence[Decimal]) -> Fraction:
    """Of the least-squares line through (day, value); through zero on the eve of the count while all lie on one day.

    In whole numbers over one denominator: the same as in rationals, many times faster.
    """
    ratios = [value.as_integer_ratio() for value in values]
    denominator = lcm(*(bottom for _, bottom in ratios))
    heights = [top * (denominator // bottom) for top, bottom in ratios]
    count, days_sum, heights_sum = len(days), sum(days), sum(heights)
    spread = count * sum(day * day for day in days) - days_sum**2
    if not spread:
        return Fraction(heights_sum, days_sum * denominator) if days_sum else Fraction(0)
    slant = count * sum(day * height for day, height in zip(days, heights, strict=True)) - days_sum * heights_sum
    return Fraction(slant, spread * denominator)


def lead(campaign: Campaign, indicator: Indicator, targets: Sequence[Target], figures: Sequence[Figure]) -> Lead | None:
    """A lead that lasts: `front_runner_at` percent in so many rounds running up to the last one reported.

    A single spike is none, and a round without a figure in between ends a streak.
    """
    codes = [r.code for r in campaign.rounds]
    least, streak = Fraction(campaign.early_warning.front_runner_at), list[tuple[str, Fraction]]()
    for known in range(len(figures), 0, -1):
        figure = figures[known - 1]
        if streak and codes.index(figure.round) + 1 != codes.index(streak[-1][0]):
            break
        percent = _led(campaign, indicator, targets, figures[:known])
        if percent < least:
            break
        streak.append((figure.round, percent))
    if not streak or len(streak) < campaign.early_warning.front_runner_rounds:
        return None
    return Lead(streak[-1][0], len(streak), streak[0][1])


def _led(campaign: Campaign, indicator: Indicator, targets: Sequence[Target], figures: Sequence[Figure]) -> Fraction:
    """Percent attained after the last of the figures; of a count that should stay low (crimes, accidents) percent of the projected
    end, for half a year's count is always below a whole year's limit.
    """
    last = figures[-1]
    if indicator.nature == "flow" and lower_is_better(indicator):
        return outlook(campaign, indicator, targets, figures).percent
    return attainment(indicator, in_force(targets, last.as_of), last.value) * HUNDRED

