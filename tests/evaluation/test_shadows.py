"""What partners try out is scored in shadow campaigns, and no official score, warning, place or event knows of it."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from services.evaluation.models import metadata, score_history, scores, shadows
from shared import campaigns
from shared.database import Database
from shared.delivery import Delivery
from shared.events import REGISTRY
from shared.events.evaluation import ScoreChanged, TrialScored
from shared.events.registration import Role
from shared.events.reporting import ReportAccepted, TrialEnded
from shared.outbox import outbox
from shared.shadows import is_shadow, shadow_of
from shared.testing.databases import fresh_database
from tests.evaluation.conftest import BEGINNING, Running, officer
from tests.evaluation.making import (
    CODE,
    COMMUNES,
    DISTRICT,
    NOW,
    commits,
    delivery,
    hear,
    hear_all,
    participates,
    reports,
)
from tests.evaluation.test_any_order import DELIVERIES, FAST

ONE, TWO, THREE, FOUR = COMMUNES
SHADOW, OTHERS, OVER = shadow_of(CODE, "kho-bac"), shadow_of(CODE, "thue"), shadow_of(CODE, "thong-ke")


def tried(name: str, round: str, revision: int = 1, shadow: str = SHADOW, **values: str) -> ReportAccepted:
    return reports(name, round, revision, **values).model_copy(update={"campaign": shadow, "report": f"{shadow}-{name}-{round}"})


TRIED = [
    tried(ONE, "r1", revenue="10", poverty="19"), tried(ONE, "r1", 2, revenue="300", disbursed="60"), tried(TWO, "r2", disbursed="50"),
    tried(ONE, "r2", shadow=OTHERS, revenue="1"), tried(DISTRICT, "r1", revenue="1000"), tried(THREE, "r1", schools="1"),
]  # fmt: skip
ENDED = [tried(ONE, "r1", shadow=OVER, revenue="1"), tried(TWO, "r1", shadow=OVER, revenue="1"), TrialEnded(campaign=OVER, client="thong-ke", at=NOW)]
_EVERY = (Role.CHAIR, Role.SECRETARY, Role.OPERATOR, Role.AUDITOR)
ON_THE_WAY = {"revision", "at", "raised_at", "cleared_at", "found_at", "since", "was"}
TRIALS = [delivery(event, f"trial-{n}") for n, event in enumerate([*TRIED, *ENDED])]


async def state(database: Database, *, of_shadows: bool) -> dict[str, Any]:
    """All rows of evaluation's own tables on one side, but for how often and when something was said on the way."""
    found: dict[str, Any] = {}
    async with database.read() as session:
        for table in metadata.sorted_tables:
            if "campaign" in table.c and table not in {shadows, score_history}:
                listed = [row._asdict() for row in await session.execute(select(table).order_by(*table.primary_key))]
                found[table.name] = [
                    {name: value for name, value in row.items() if name not in ON_THE_WAY}
                    for row in listed
                    if is_shadow(row["campaign"]) == of_shadows and row.get("open", True)
                ]
    found["score_buckets"] = [row for row in found["score_buckets"] if row["competing"] or row["on_hold"]]
    found["signal_counts"] = [row for row in found["signal_counts"] if row["units"]]
    return found


async def straight(kind: str, order: list[Delivery], *, of_shadows: bool) -> dict[str, Any]:
    async with fresh_database("evaluation", kind) as database:
        await hear_all(database, [[one] for one in order])
        return await state(database, of_shadows=of_shadows)


_EXPECTED: dict[bool, dict[str, Any]] = {}


async def expected(*, of_shadows: bool) -> dict[str, Any]:
    if of_shadows not in _EXPECTED:
        order = [*DELIVERIES, *TRIALS] if of_shadows else DELIVERIES
        _EXPECTED[of_shadows] = await straight("sqlite", order, of_shadows=of_shadows)
    return _EXPECTED[of_shadows]


@st.composite
def batches(draw: st.DrawFn) -> list[list[Delivery]]:
    """The story and the trials in any order, some again; a batch comes from one stream, as live."""
    order = draw(st.permutations([*DELIVERIES, *TRIALS]))
    for again in draw(st.lists(st.sampled_from(TRIALS), max_size=4)):
        order.insert(draw(st.integers(0, len(order))), again)
    found: list[list[Delivery]] = []
    for one in order:
        if found and found[-1][-1].meta.source == one.meta.source and draw(st.booleans()):
            found[-1].append(one)
        else:
            found.append([one])
    return found


async def test_the_trials_are_worth_telling() -> None:
    found = await expected(of_shadows=True)
    assert {(row["campaign"], row["unit"]) for row in found["scores"]} == {
        (SHADOW, ONE), (SHADOW, TWO), (SHADOW, THREE), (SHADOW, DISTRICT), (OTHERS, ONE),
    }  # fmt: skip
    assert found["warnings"]
    assert len({str(row["score"]) for row in found["scores"]}) >= 3


@settings(max_examples=25, **FAST)
@given(batches())
async def test_in_any_order_both_sides_end_as_they_must(order: list[list[Delivery]]) -> None:
    async with fresh_database("evaluation") as database:
        await hear_all(database, order)
        assert await state(database, of_shadows=False) == await expected(of_shadows=False)
        assert await state(database, of_shadows=True) == await expected(of_shadows=True)


@settings(max_examples=4, **FAST)
@given(batches())
async def test_in_any_order_both_sides_end_as_they_must_on_postgresql(order: list[list[Delivery]]) -> None:
    async with fresh_database("evaluation", "postgres") as database:
        await hear_all(database, order)
        assert await state(database, of_shadows=False) == await expected(of_shadows=False)
        assert await state(database, of_shadows=True) == await expected(of_shadows=True)


async def test_a_trial_has_the_score_that_an_official_report_of_the_same_figures_would_have(database_kind: str) -> None:
    """Two units with the same targets: what one is scored in earnest, the other is scored in the shadow."""
    about = (*BEGINNING[:-4], commits(ONE, "revenue", None, "400"), commits(TWO, "revenue", None, "400"))
    async with fresh_database("evaluation", database_kind) as database:
        await hear(database, *about, reports(ONE, "r1", revenue="123", disbursed="80"), tried(TWO, "r1", revenue="123", disbursed="80"))
        async with database.read() as session:
            found = {(row.campaign, row.unit): row.score for row in await session.execute(select(scores))}
    assert found[SHADOW, TWO] == found[CODE, ONE]
    assert found[CODE, TWO] != found[CODE, ONE]


async def test_the_shadows_score_is_told_as_a_trial_and_never_as_a_score(database: Database) -> None:
    await hear(database, tried(ONE, "r1", disbursed="55"))
    async with database.read() as session:
        told = [REGISTRY[row.type].model_validate_json(row.body) for row in await session.execute(select(outbox).order_by(outbox.c.position))]
    assert [event.unit for event in told if isinstance(event, TrialScored)] == [ONE]
    assert not [event for event in told if isinstance(event, ScoreChanged) and is_shadow(event.campaign)]


async def test_a_target_changed_in_earnest_is_scored_anew_in_the_shadow(database: Database) -> None:
    async def score() -> Any:
        async with database.read() as session:
            return await session.scalar(select(scores.c.score).where(scores.c.campaign == SHADOW, scores.c.unit == ONE))

    await hear(database, tried(ONE, "r1", disbursed="80"))
    before = await score()
    await hear(database, commits(ONE, "disbursed", None, "80", revision=2))
    assert await score() > before


async def test_a_trial_of_a_unit_not_registered_yet_waits_for_it(database: Database) -> None:
    await hear(database, tried("newcomer", "r1", disbursed="80"))
    await hear(database, participates("newcomer"), commits("newcomer", "disbursed", None, "80"))
    async with database.read() as session:
        assert await session.scalar(select(scores.c.score).where(scores.c.campaign == SHADOW, scores.c.unit == "newcomer")) is not None


async def test_when_a_trial_ends_nothing_of_it_is_left_and_the_rest_is_as_it_was(database: Database) -> None:
    before = await state(database, of_shadows=False)
    await hear(database, *TRIED)
    await hear(database, TrialEnded(campaign=SHADOW, client="kho-bac", at=NOW))
    left = await state(database, of_shadows=True)
    assert {row["campaign"] for rows in left.values() for row in rows} == {OTHERS}
    assert await state(database, of_shadows=False) == before
    async with database.read() as session:
        assert {row.shadow for row in await session.execute(select(shadows)) if row.unit} == {OTHERS}
        assert await session.scalar(select(score_history.c.unit).where(score_history.c.campaign == SHADOW)) is None


@pytest.mark.parametrize("path", ["league", "warnings", "rankings", f"units/{ONE}"])
async def test_no_page_shows_a_shadow_by_its_name(running: Running, path: str) -> None:
    await hear(running.service.database, *TRIED)
    chair = officer(*_EVERY)
    assert (await running.ask("GET", f"/{path}?campaign={SHADOW}", chair)).status_code == 404
    assert SHADOW not in (await running.ask("GET", f"/{path}", chair)).text


async def test_the_books_and_the_ranking_count_no_trial(running: Running) -> None:
    database, one = running.service.database, officer(*_EVERY)
    before = [(await running.ask("GET", path, one)).json() for path in ("/api/books", "/api/rankings/current")]
    await hear(database, *TRIED)
    assert [(await running.ask("GET", path, one)).json() for path in ("/api/books", "/api/rankings/current")] == before
    async with database.read() as session:
        assert [campaign.code for campaign in await campaigns.listed(session)] == [CODE]
