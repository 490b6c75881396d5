"""What a unit is short of for the next grade and the next place, and how it could still get there."""

from datetime import datetime
from typing import NamedTuple

from services.evaluation import kept, rankings, records
from services.evaluation.models import reports
from services.evaluation.records import MISSED, Record
from services.evaluation.scoring.exact import Fraction
from services.evaluation.scoring.sheet import assess
from services.evaluation.scoring.steps import Chance, Way, way
from services.evaluation.watchlists import round_ahead
from shared.database import ReadSession
from shared.events.campaign import Campaign, Grade, Round
from shared.events.evaluation import RankedUnit


class Goal(NamedTuple):
    """A grade or a rank above the present one, and the way there."""

    grade: Grade | None
    rank: int | None
    way: Way


class Prospect(NamedTuple):
    """The next goals, and the round in which figures can still change (None: only works count now)."""

    goals: tuple[Goal, ...]
    round: Round | None


async def of_unit(session: ReadSession, campaign: Campaign, place: RankedUnit, now: datetime) -> Prospect | None:
    """The prospect of a unit that stands somewhere; None once nothing can change: the ranking is frozen, or the movement is over."""
    ahead = round_ahead(campaign, now)
    if (ahead is None and now >= campaign.ends_at) or await rankings.frozen(session, campaign.code):
        return None
    record = (await records.of_units(session, campaign, [place.unit])).get(place.unit)
    if record is None:
        return None
    chance = Chance(ahead.code, ahead.cutoff, await _punctual(session, campaign, place.unit, ahead)) if ahead else None
    sheet = (record.sheet, campaign)
    goals = [
        Goal(grade, None, way(sheet, record.facts, chance, Fraction(grade.at_least))) for grade in _next_grade(campaign, record)
    ]
    above = await (await kept.in_force(session, campaign)).above(record.cluster, place)
    if above is not None and place.rank is not None and above.score > place.score:
        goals.append(Goal(None, above.rank, way(sheet, record.facts, chance, Fraction(above.score))))
    return Prospect(tuple(goals), ahead)


async def _punctual(session: ReadSession, campaign: Campaign, unit: str, asked: Round) -> bool:
    """True while a report in time can still be earned: the unit has submitted none for the round."""
    submitted = await records.about(session, reports, campaign.code, [unit])
    return not any(row.round == asked.code and row.revision != MISSED for row in submitted)


def _next_grade(campaign: Campaign, record: Record) -> list[Grade]:
    """The lowest grade that is not reached yet, if there is one."""
    score = assess(record.sheet, record.facts, campaign).score
    return sorted((g for g in record.sheet.grades if Fraction(g.at_least) > score), key=lambda g: g.at_least)[:1]
