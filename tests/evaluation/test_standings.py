"""Standings and buckets: equal to a recount after any sequence of events, and places equal to those of the pure ranking."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from alembic import command
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Table, select, update

from services.evaluation import mending, rankings, standings
from services.evaluation.models import score_buckets, scores
from services.evaluation.models import standings as table
from services.evaluation.places import Asked, Mark, Places, written
from services.evaluation.scoring.order import bucket_of, key_of
from services.evaluation.scoring.ranking import sorted_name
from shared import campaigns
from shared.database import Database, insert_new
from shared.events.campaign import UnitKind
from shared.events.registration import Identifier, UnitChanged, UnitVersion
from shared.migrations import configuration
from shared.testing.databases import KINDS, fresh_database
from tests.evaluation.making import (
    CODE,
    COMMUNES,
    DISTRICT,
    NOW,
    campaign,
    delivery,
    hear,
    hear_all,
    participates,
    published,
)
from tests.evaluation.test_any_order import DELIVERIES, FAST

ONE, TWO = COMMUNES[:2]


def renamed(name: str, revision: int, *identifiers: Identifier) -> UnitChanged:
    version = UnitVersion(valid_from=date(2020, 1, 1), name=f"Unit {name}", kind=UnitKind.COMMUNE, parent=DISTRICT)
    return UnitChanged(unit=name, revision=revision, versions=(version,), identifiers=identifiers)


MORE = [
    renamed(TWO, 3, Identifier(scheme="dinh-danh", value="H35.2")), renamed(ONE, 4), renamed(ONE, 5, Identifier(scheme="mst", value="1")),
    participates(TWO, "districts", revision=2), participates(TWO, revision=3), participates(ONE, "districts", revision=2),
    published(campaign(version=2)),
]
EVERYTHING = [*DELIVERIES, *(delivery(event, f"more-{n}") for n, event in enumerate(MORE))]


async def recounted(database: Database) -> dict[tuple[str, int], tuple[int, int]]:
    """How many named units compete and are on hold by (cluster, bucket), counted from the scores and the directory alone."""
    found: dict[tuple[str, int], list[int]] = {}
    async with database.read() as session:
        known = await campaigns.known(session, CODE)
        names = await rankings.official_names(session, known) if known else {}
        for row in await session.execute(select(scores)):
            if row.unit in names:
                found.setdefault((row.cluster, bucket_of(row.score)), [0, 0])[row.on_hold] += 1
    return {place: (competing, held) for place, (competing, held) in found.items()}


async def counted(database: Database) -> dict[tuple[str, int], tuple[int, int]]:
    async with database.read() as session:
        rows = await session.execute(select(score_buckets))
        return {(row.cluster, row.bucket): (row.competing, row.on_hold) for row in rows if row.competing or row.on_hold}


async def assert_places_are_those_of_the_pure_ranking(database: Database) -> None:
    async with database.read() as session:
        known = await campaigns.find(session, CODE)
        places = await Places.counted(session, known)
        for cluster in await rankings.current(session, known):
            assert places.members.get(cluster.cluster, 0) == len(cluster.ranked)
            assert tuple(await places.page(cluster.cluster, None, Asked("best", 1000))) == cluster.ranked
            assert tuple(await places.page(cluster.cluster, None, Asked("worst", 1000))) == cluster.ranked[::-1]
            assert await places.of([p.unit for p in cluster.ranked]) == {p.unit: p for p in cluster.ranked}


NUMBERS = range(len(EVERYTHING))
ORDERS = st.builds(lambda order, again: [*order, *again], st.permutations(NUMBERS), st.lists(st.sampled_from(NUMBERS), max_size=8))


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=5, **FAST)
@given(order=ORDERS, size=st.integers(1, 60))
async def test_buckets_equal_a_recount_after_any_sequence_of_events(kind, order, size):
    batches = [[EVERYTHING[n] for n in order[start : start + size]] for start in range(0, len(order), size)]
    async with fresh_database("evaluation", kind) as database:
        half = len(batches) // 2
        for part in (batches[:half], batches[half:]):
            await hear_all(database, part)
            assert await counted(database) == await recounted(database)
        await assert_places_are_those_of_the_pure_ranking(database)


scored = st.tuples(
    st.one_of(st.integers(-30, 1050).map(lambda n: Decimal(n) / 10), st.decimals(-50, 105, places=4), st.just(Decimal(1) / 3)),
    st.booleans(), st.sampled_from(["communes", "districts"]), st.sampled_from(["dvhc", "mst", None]),
)


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=8, **FAST)
@given(st.lists(scored, max_size=40))
async def test_places_of_random_scores_are_those_of_the_pure_ranking(kind, drawn):
    async with fresh_database("evaluation", kind) as database:
        await populate(database, drawn)
        assert await counted(database) == await recounted(database)
        await assert_places_are_those_of_the_pure_ranking(database)


async def populate(database: Database, drawn: list[tuple[Decimal, bool, str, str | None]], letters: str = "") -> None:
    """Scores as they would stand had somebody reached them."""
    await hear(database, published())
    if drawn:
        await hear(database, *(
            renamed(f"u{n}", 1, *([Identifier(scheme=scheme, value=f"{n:04}")] if scheme else [])) for n, (_, _, _, scheme) in enumerate(drawn)
        ))
    async with database.write() as session:
        for n, (score, on_hold, cluster, scheme) in enumerate(drawn):
            row: dict[str, Any] = {"campaign": CODE, "unit": f"u{n}", "revision": 1, "cluster": cluster, "score": score, "on_hold": on_hold}
            rest = {"grade": None, "capped": Decimal(0), "lines": [], "on_time": 0, "due": 0, "report_revision": 0, "at": campaign().ends_at}
            await insert_new(session, scores, [row | rest])
            standings.keep(session, row, sorted_name(scheme, f"{n:04}") if scheme else None, None)


@pytest.mark.parametrize("kind", KINDS)
async def test_pages_that_follow_each_other_hold_everybody_once_in_order_and_a_search_finds_by_name_and_code(kind):
    async with fresh_database("evaluation", kind) as database:
        await populate(database, [(Decimal(n % 7), n % 5 == 0, "communes", "dvhc") for n in range(40)])
        async with database.read() as session:
            known = await campaigns.find(session, CODE)
            places = await Places.counted(session, known)
            whole = list((await rankings.current(session, known))[0].ranked)
            for order, expected in (("best", whole), ("worst", whole[::-1])):
                after, found = "", []
                while page := await places.page("communes", None, Asked(order, 7, Mark.read(after))):
                    found += page
                    after = written(page[-1])
                assert found == expected
            assert [p.unit for p in await places.page("communes", None, Asked("best", 9, search="unit U13"))] == ["u13"]
            assert [p.unit for p in await places.page("communes", None, Asked("best", 9, search="0021"))] == ["u21"]
            around = await places.around("communes", None, whole[20].unit, 5)
            assert around == whole[15:26]
            assert await places.around("communes", None, whole[1].unit, 5) == whole[:7]
            assert await places.around("districts", None, whole[1].unit, 5) == []


@given(st.decimals(-1000, 1000, places=40), st.decimals(-1000, 1000, places=40))
def test_text_and_buckets_sort_as_the_scores_do(one, other):
    assert (key_of(one) < key_of(other)) == (one > other)
    assert (key_of(one) == key_of(other)) == (one == other)
    assert one <= other or bucket_of(one) <= bucket_of(other)
    assert len(key_of(one)) == len(key_of(other))


@pytest.mark.parametrize("kind", KINDS)
async def test_the_migration_fills_standings_and_buckets_from_the_scores_there_are(kind):
    async with fresh_database("evaluation", kind) as database:
        await populate(database, [(Decimal(n % 9) / 4, n % 4 == 0, "communes", "dvhc" if n % 6 else None) for n in range(30)])
        before = [await rows(database, t) for t in (table, score_buckets)]
        async with database.writer.connect() as connection:
            for step, revision in ((command.downgrade, "evaluation_0001"), (command.upgrade, "head")):
                await connection.run_sync(lambda c, step=step, to=revision: step(configuration("evaluation", c), to))
        assert [await rows(database, t) for t in (table, score_buckets)] == before


async def rows(database: Database, of: Table) -> list[tuple[Any, ...]]:
    async with database.read() as session:
        return sorted((tuple(row) for row in await session.execute(select(of))), key=str)


@pytest.mark.parametrize("kind", KINDS)
async def test_scores_that_an_older_version_changed_beside_this_one_are_mended(kind):
    async with fresh_database("evaluation", kind) as database:
        await hear_all(database, [DELIVERIES])
        async with database.write() as session:
            await session.execute(update(scores).where(scores.c.unit == TWO).values(revision=99, score=Decimal(1), cluster="districts"))
        assert await mending.mend(database, lambda: NOW) == 1
        assert await counted(database) == await recounted(database)
        await assert_places_are_those_of_the_pure_ranking(database)
        assert await mending.mend(database, lambda: NOW) == 0
