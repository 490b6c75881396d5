"""Events of a unit in any order, with duplicates, in batches of any size, end in the same state."""

import json
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from services.evaluation import rankings, subscribers
from services.evaluation.models import findings, scores, warnings
from services.evaluation.scoring.ranking import ranking_hash
from shared import campaigns
from shared.database import Database
from shared.delivery import Delivery
from shared.events.evaluation import AdjustmentEntered, HoldLifted, HoldPlaced, RubricEntered, ScoreChanged
from shared.events.registration import WorkStatus
from shared.outbox import outbox
from shared.testing.databases import KINDS, fresh_database
from tests.evaluation.making import (
    CODE,
    COMMUNES,
    DISTRICT,
    NOW,
    SHEET,
    campaign,
    closed,
    commits,
    delivery,
    hear,
    hear_all,
    missed,
    participates,
    published,
    reports,
    returned,
    unit,
    units_changed,
    worked,
)

ONE, TWO, THREE, FOUR = COMMUNES
ENTERED: dict[str, Any] = {"campaign": CODE, "decided_by": "chair", "at": NOW, "reason": "why"}
STORY = [
    published(), *units_changed(), unit(ONE, "commune", DISTRICT, revision=2),
    *(participates(name) for name in COMMUNES), participates(DISTRICT, "districts"),
    commits(ONE, "revenue", None, "400"), commits(ONE, "poverty", "20", "16"), commits(ONE, "disbursed", None, "90"),
    commits(ONE, "disbursed", None, "60", revision=2, since=date(2023, 8, 1)),
    commits(TWO, "disbursed", "10", "50"), commits(THREE, "schools", None, "10"), commits(DISTRICT, "revenue", None, "1000"),
    reports(ONE, "r1", revenue="195", poverty="19", disbursed="30"),
    reports(ONE, "r2", revenue="2260", poverty=None, disbursed="59"), reports(ONE, "r2", 2, revenue="226", poverty="17", disbursed="59"),
    reports(TWO, "r1", disbursed="60"), reports(TWO, "r2", disbursed="61"), returned(TWO, "r2", 2), reports(TWO, "r2", 3, disbursed="62"),
    missed(THREE, "r1"), reports(THREE, "r1", on_time=False, schools="4"), missed(FOUR, "r1"), reports(DISTRICT, "r1", revenue="100"),
    reports(FOUR, "r2", revenue="5"), returned(FOUR, "r2", 2), closed("r1", 2),
    worked(ONE, "w1", 1, WorkStatus.STARTED), worked(ONE, "w1", 2), worked(TWO, "w2", confirmed=False), worked(DISTRICT, "w3"),
    RubricEntered(unit=ONE, criterion="lead", revision=1, level="none", **ENTERED),
    RubricEntered(unit=ONE, criterion="lead", revision=2, level="good", **ENTERED),
    AdjustmentEntered(unit=TWO, criterion="models", revision=1, points=Decimal("2.5"), **ENTERED),
    HoldPlaced(campaign=CODE, hold="h1", unit=THREE, revision=1, since=NOW, reason="why", decided_by="chair"),
    HoldPlaced(campaign=CODE, hold="h2", unit=ONE, revision=1, since=NOW, reason="why", decided_by="chair"),
    HoldLifted(campaign=CODE, hold="h2", unit=ONE, revision=2, at=NOW, conclusion="no finding", decided_by="chair"),
]
DELIVERIES = [delivery(event, f"event-{n}") for n, event in enumerate(STORY)]


async def state_of(database: Database) -> dict[str, Any]:
    """What counts: scores with their parts, open warnings and leads, the ranking; not how often it was said on the way."""
    async with database.read() as session:
        scored = list(await session.execute(select(scores).order_by(scores.c.unit)))
        raised = await session.execute(select(warnings).where(warnings.c.open).order_by(warnings.c.warning))
        found = await session.execute(select(findings).where(findings.c.open).order_by(findings.c.finding))
        known = await campaigns.find(session, CODE)
        return {
            "scores": [{k: v for k, v in row._asdict().items() if k not in {"revision", "at"}} for row in scored],
            "warnings": [(row.warning, row.percent, row.projected) for row in raised],
            "findings": [(row.finding, row.percent, row.rounds) for row in found],
            "hash": ranking_hash(await rankings.current(session, known)),
        }


FAST = {"deadline": None, "suppress_health_check": list(HealthCheck), "phases": [Phase.explicit, Phase.reuse, Phase.generate]}
"""No shrinking: it takes minutes here, and a failing order says as much as a shorter one."""


@st.composite
def batches(draw: st.DrawFn) -> list[list[Delivery]]:
    order = draw(st.permutations(DELIVERIES))
    again = draw(st.lists(st.tuples(st.sampled_from(DELIVERIES), st.integers(0, len(order))), max_size=12))
    for duplicate, place in again:
        order.insert(place, duplicate)
    size = draw(st.integers(1, len(order)))
    return [order[n : n + size] for n in range(0, len(order), size)]


async def straight(kind: str) -> dict[str, Any]:
    async with fresh_database("evaluation", kind) as database:
        await hear_all(database, [[one] for one in DELIVERIES])
        return await state_of(database)


async def test_the_story_is_worth_telling():
    found = await straight("sqlite")
    assert [row["unit"] for row in found["scores"]] == sorted([*COMMUNES, DISTRICT])
    assert {row["unit"]: row["on_hold"] for row in found["scores"]}[THREE] is True
    assert len(found["warnings"]) >= 2
    assert len(found["findings"]) == 1
    assert found == await straight("postgres"), "both databases agree to the last digit"


@settings(max_examples=30, **FAST)
@given(batches())
async def test_any_permutation_with_duplicates_ends_in_the_same_state(order):
    async with fresh_database("evaluation") as database:
        await hear_all(database, order)
        assert await state_of(database) == await expected()


@settings(max_examples=5, **FAST)
@given(batches())
async def test_any_permutation_with_duplicates_ends_in_the_same_state_on_postgresql(order):
    async with fresh_database("evaluation", "postgres") as database:
        await hear_all(database, order)
        assert await state_of(database) == await expected()


_EXPECTED: list[dict[str, Any]] = []


async def expected() -> dict[str, Any]:
    if not _EXPECTED:
        _EXPECTED.append(await straight("sqlite"))
    return _EXPECTED[0]


@pytest.mark.parametrize("kind", KINDS)
async def test_a_new_version_of_a_campaign_scores_everybody_a_few_at_a_time_and_tells_each_once(kind, monkeypatch):
    stricter = campaign(version=2, score_sheets=(SHEET.model_copy(update={"criteria": SHEET.criteria[1:]}),))
    async with fresh_database("evaluation", kind) as database:
        await hear_all(database, [DELIVERIES])
        settled: list[int] = []
        settle = subscribers._settle

        async def counted(session: Any, touched: Any) -> None:
            settled.append(len(touched))
            await settle(session, touched)

        monkeypatch.setattr(subscribers, "_settle", counted)
        monkeypatch.setattr(subscribers, "CHUNK", 2)
        await hear(database, published(stricter))
        assert settled == [2, 2, 1]
        async with database.read() as session:
            told = await session.scalars(select(outbox.c.body).where(outbox.c.type == ScoreChanged.TYPE).order_by(outbox.c.position.desc()).limit(5))
            assert sorted(json.loads(body)["unit"] for body in told) == sorted([*COMMUNES, DISTRICT])


@pytest.mark.parametrize("late", [0, 1, 6, 12])
async def test_a_report_before_its_campaign_unit_registration_or_target_is_scored_when_that_arrives(late):
    held = DELIVERIES[late]
    async with fresh_database("evaluation") as database:
        await hear_all(database, [[one] for one in DELIVERIES if one is not held])
        await hear_all(database, [[held]])
        assert await state_of(database) == await expected()
