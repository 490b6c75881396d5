"""On the unit's page: what it is short of and the nearest way, which comes true when it is reported; nothing once nothing can change."""

import re
from datetime import datetime, timedelta
from decimal import Decimal

import pytest

from services.evaluation import dossiers, prospects
from services.evaluation.scoring.exact import Fraction
from shared import campaigns
from shared.clock import publish
from shared.events.campaign import Phase
from shared.events.registration import Role
from tests.evaluation.conftest import ROUNDS_CLOSED, officer
from tests.evaluation.making import CODE, COMMUNES, DISTRICT, advanced, commits, hear, participates, reports
from tests.evaluation.test_pages import page, post
from tests.evaluation.test_rebuild import settled

ONE, TWO, THREE, FOUR = COMMUNES
SECOND_ROUND = datetime.fromisoformat("2023-08-20T02:00:00Z")
CHAIR, CLERK = officer(Role.CHAIR), officer(Role.CLERK, unit=FOUR)
SCHOOLS = [commits(name, "schools", None, "100") for name in COMMUNES]


async def prospect_of(database, unit, now=SECOND_ROUND):
    async with database.read() as session:
        found = await campaigns.find(session, CODE)
        place, _ = await dossiers.place_of(session, found, unit)
        return place, await prospects.of_unit(session, found, place, now)


async def test_what_is_reported_as_told_gives_the_points_and_the_rank_that_were_told(database):
    found = zip(COMMUNES, ("90", "70", "50", "30"), strict=True)
    await hear(database, *SCHOOLS, *(reports(name, "r1", 2, disbursed="80", schools=value) for name, value in found))
    await hear(database, *(reports(name, "r2", disbursed="80") for name in COMMUNES))
    place, prospect = await prospect_of(database, FOUR)
    grade, rank = prospect.goals
    assert (grade.grade.code, grade.rank, rank.grade, rank.rank, place.rank) == ("best", None, None, 3, 4)
    assert not grade.way.reaches, "the council's rubric and a band out of reach alone keep it from the best grade"
    step = next(one for one in rank.way.alone if one.criterion.code == "schools")
    assert (step.value, step.change) == (Decimal(50), Decimal(20))
    await hear(database, reports(FOUR, "r2", 2, disbursed="80", schools=str(step.value)))
    after, _ = await prospect_of(database, FOUR)
    assert abs(Fraction(after.score) - Fraction(place.score) - step.gain) < Fraction(1, 10**38), "to the last place that is kept"
    assert (after.rank, after.tied) == (3, True)


async def test_the_first_has_no_place_above_and_a_cluster_too_small_to_rank_has_grades_alone(database):
    _, first = await prospect_of(database, ONE)
    assert [goal.rank for goal in first.goals] == [None]
    _, district = await prospect_of(database, DISTRICT)
    assert [goal.grade.code for goal in district.goals] == ["best"]


async def test_equal_scores_are_not_a_place_above(database):
    place, prospect = await prospect_of(database, THREE)
    assert (place.rank, place.tied) == (2, True)
    assert [goal.rank for goal in prospect.goals if goal.rank] == [1]


async def test_after_the_last_round_only_works_are_left_and_after_the_movement_nothing(database):
    await hear(database, participates(ONE))
    async with database.read() as session:
        found = await campaigns.find(session, CODE)
    late = max(r.deadline for r in found.rounds)
    _, prospect = await prospect_of(database, FOUR, late)
    assert prospect.round is None
    assert {step.criterion.method for goal in prospect.goals for step in (*goal.way.alone, *goal.way.together)} == {"works"}
    assert (await prospect_of(database, FOUR, found.ends_at + timedelta(seconds=1)))[1] is None


def words(html: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html))


@pytest.mark.parametrize("language", ["vi", "en"])
async def test_the_unit_reads_what_it_is_short_of_and_the_nearest_way(running, language):
    await publish(running.service.jetstream, SECOND_ROUND, simulated=True)
    await settled(running.service)
    found = zip(COMMUNES, ("90", "70", "50", "30.5"), strict=True)
    await hear(running.service.database, *SCHOOLS, *(reports(name, "r1", 2, disbursed="80", schools=value) for name, value in found))
    drawn = words(await page(running, f"/units/{FOUR}?lang={language}", CLERK))
    expected = {
        "vi": ("điểm để lên loại best", "điểm để lên hạng 3", "schools: thêm 19,5 %, đạt 50 : +"),
        "en": ("points short of grade best", "points short of rank 3", "schools: 19.5 % more, 50 in all : +"),
    }
    for one in expected[language]:
        assert one in drawn


async def test_once_frozen_nothing_is_promised(running):
    await hear(running.service.database, *ROUNDS_CLOSED, advanced(Phase.CLOSED))
    assert 'id="prospect"' in await page(running, f"/units/{FOUR}", CLERK)
    assert (await post(running, "/council/freeze", CHAIR, confirmed="yes")).status_code == 303
    assert 'id="prospect"' not in await page(running, f"/units/{FOUR}", CLERK)
