"""The figures that a unit reports in the story: a course from baseline towards target, round by round."""

from datetime import date
from decimal import Decimal
from random import Random
from typing import Any

from services.simulation.ranges import Goal, rounded
from shared.clock import LOCAL
from shared.events.campaign import Campaign

YEAR_START = date(2023, 1, 1)
UNKNOWN_SHARE = 0.01


class Course:
    """One unit's figures over all rounds; drawn once from the seed, so every chapter of the story tells the same ones."""

    def __init__(self, campaign: Campaign, unit: str, goals: tuple[Goal, ...], seed: int) -> None:
        self.campaign, self.goals = campaign, goals
        random = Random(f"{seed}/course/{unit}")
        self.strength = min(1.25, max(0.7, random.gauss(1.0, 0.1)))
        self.tables = [self._course(goal, random) for goal in goals]

    def values(self, number: int) -> list[dict[str, Any]]:
        """What the unit reports in round `number` (0 is the first), as the JSON API takes it."""
        round_ = self.campaign.rounds[number]
        return [
            {
                "indicator": goal.indicator.code, "value": course[number], "unit_of_measure": goal.indicator.unit_of_measure,
                "kind": "preliminary", "as_of": round_.cutoff, "note": "" if course[number] is not None else "Chưa có số liệu kỳ này",
            }
            for goal, course in zip(self.goals, self.tables, strict=True)
        ]

    def _course(self, goal: Goal, random: Random) -> list[Decimal | None]:
        found: list[Decimal | None] = []
        factor = Decimal(str(round(min(1.3, max(0.6, self.strength + random.gauss(0, 0.06))), 4)))
        highest = Decimal(0)
        for round_ in self.campaign.rounds:
            wobble = Decimal(str(round(random.gauss(1, 0.015), 4)))
            value = _bounded(self._value(goal, round_.cutoff, factor * wobble), goal)
            if goal.indicator.nature == "flow":
                highest = value = max(highest, value)
            unknown = random.random() < UNKNOWN_SHARE and goal.indicator.code != "giai-ngan"
            found.append(None if unknown else rounded(value, goal.decimals))
        return found

    def _value(self, goal: Goal, cutoff: date, factor: Decimal) -> Decimal:
        indicator = goal.indicator
        if indicator.code == "giai-ngan":
            return goal.target * self._share(YEAR_START, cutoff) * factor
        if indicator.nature == "flow":
            return goal.target * self._share(indicator.cumulative_from or self.campaign.starts, cutoff) * factor
        if goal.baseline is None or goal.target == goal.baseline:
            return goal.target * (1 + (factor - 1) / 10)
        return goal.baseline + (goal.target - goal.baseline) * self._share(self.campaign.starts, cutoff) * factor

    def _share(self, start: date, cutoff: date) -> Decimal:
        """How much of the time from `start` to the movement's end has passed at the cut-off, 0 to 1."""
        end = self.campaign.ends_at.astimezone(LOCAL).date()
        return Decimal(min(1.0, ((cutoff - start).days + 1) / ((end - start).days + 1))).quantize(Decimal("0.0001"))


def _bounded(value: Decimal, goal: Goal) -> Decimal:
    if goal.indicator.lower is not None:
        value = max(value, goal.indicator.lower)
    return value if goal.indicator.upper is None else min(value, goal.indicator.upper)
