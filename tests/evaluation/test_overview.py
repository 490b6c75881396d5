"""The leader's page: colours that hide nothing red, who is silent, what changed; counts that equal a recount, lists that are cut short."""

import re
from datetime import date, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select, text

from services.evaluation import mending, overview, watchlists
from services.evaluation.models import participations, signal_counts, signals, warnings
from services.evaluation.scoring.figures import Figure, Target
from services.evaluation.scoring.pace import watch
from services.evaluation.scoring.signals import Colour, signal_of
from services.evaluation.watchlists import Kind
from shared import campaigns
from shared.clock import publish
from shared.database import Database
from shared.events.registration import Role
from shared.testing.databases import KINDS, fresh_database
from shared.testing.fixtures import launched
from tests.evaluation.conftest import Running, officer
from tests.evaluation.making import (
    CODE,
    COMMUNES,
    DISTRICT,
    NOW,
    campaign,
    commits,
    hear,
    hear_all,
    participates,
    published,
    reports,
    returned,
    unit,
)
from tests.evaluation.test_any_order import FAST
from tests.evaluation.test_pages import page
from tests.evaluation.test_rebuild import settled
from tests.evaluation.test_standings import EVERYTHING, ORDERS

ONE, TWO, THREE, FOUR = COMMUNES
CHAIR, MEMBER, SECRETARY, AUDITOR = (officer(role) for role in (Role.CHAIR, Role.MEMBER, Role.SECRETARY, Role.AUDITOR))
SECOND_ROUND = datetime.fromisoformat("2023-08-20T02:00:00Z")
"""While r2 runs: r1's deadline was on 24 July."""


def seen_of(**figures: tuple[str, str]) -> object:
    """The signal of somebody who promised 100 % of each indicator; `figures`: (value, note)."""
    definition, target = campaign(), Target(1, None, Decimal(100), date(2023, 6, 1))
    known = {code: [Figure("r1", Decimal(value), "estimate", date(2023, 7, 14), 1, note)] for code, (value, note) in figures.items() if value}
    watched = {code: watch(definition, definition.indicator(code), [target], known.get(code, ())) for code in figures}
    return signal_of(watched, known)


def test_one_red_target_makes_a_unit_red_however_green_the_others_are():
    seen = seen_of(disbursed=("10", ""), forest=("500", ""), schools=("500", ""))
    assert (seen.colour, seen.indicator, seen.percent, seen.warnings) == (Colour.RED, "disbursed", Decimal(10), 1)


def test_short_of_a_target_without_a_warning_is_orange_and_reaching_all_is_green():
    assert seen_of(disbursed=("99.99", ""), forest=("100", "")).colour is Colour.ORANGE
    assert seen_of(disbursed=("100", ""), forest=("100", "")).colour is Colour.GREEN


def test_who_has_no_figure_is_not_assessed_and_a_target_without_one_is_counted():
    nothing, half = seen_of(disbursed=("", ""), forest=("", "")), seen_of(disbursed=("100", ""), forest=("", ""))
    assert (nothing.colour, nothing.percent, nothing.unknown) == (Colour.UNASSESSED, None, 2)
    assert (half.colour, half.unknown) == (Colour.GREEN, 1)
    assert signal_of({}, {}).colour is Colour.UNASSESSED


def test_a_warned_figure_with_a_note_is_explained_and_blanks_are_no_word():
    seen = seen_of(disbursed=("10", "vốn về chậm"), forest=("10", "  "), schools=("10", ""))
    assert (seen.warnings, seen.unexplained) == (3, 2)


async def recounted(database: Database) -> dict[tuple[object, ...], tuple[int, int, int]]:
    """What the counts should be, from the signals themselves."""
    found: dict[tuple[object, ...], list[int]] = {}
    async with database.read() as session:
        for row in await session.execute(select(signals)):
            sums = found.setdefault((row.campaign, row.cluster, row.colour, row.reported, row.on_hold), [0, 0, 0])
            for place, amount in enumerate((1, row.warnings, row.unexplained)):
                sums[place] += amount
    return {place: tuple(sums) for place, sums in found.items()}


async def counted(database: Database) -> dict[tuple[object, ...], tuple[int, int, int]]:
    async with database.read() as session:
        rows = await session.execute(select(signal_counts))
        return {
            (row.campaign, row.cluster, row.colour, row.reported, bool(row.on_hold)): (row.units, row.warnings, row.unexplained)
            for row in rows if row.units
        }


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=5, **FAST)
@given(order=ORDERS, size=st.integers(1, 60))
async def test_counts_equal_a_recount_after_any_sequence_of_events(kind, order, size):
    batches = [[EVERYTHING[n] for n in order[start : start + size]] for start in range(0, len(order), size)]
    async with fresh_database("evaluation", kind) as database:
        half = len(batches) // 2
        for part in (batches[:half], batches[half:]):
            await hear_all(database, part)
            assert await counted(database) == await recounted(database)
        async with database.read() as session:
            rows = {row.unit: row for row in await session.execute(select(signals))}
            members = set(await session.scalars(select(participations.c.unit)))
            warned = [row.unit for row in await session.execute(select(warnings).where(warnings.c.open))]
        assert set(rows) == members
        assert {one for one, row in rows.items() if row.colour == "red"} == set(warned), "red is who has an open warning"
        assert {one: row.warnings for one, row in rows.items() if row.warnings} == {one: warned.count(one) for one in warned}


async def test_the_page_counts_colours_and_names_red_units_first(database):
    async with database.read() as session:
        seen = await overview.of(session, await campaigns.find(session, CODE), NOW)
    assert dict(seen.colours) == {"green": 1, "orange": 2, "red": 1, "unassessed": 1}
    assert [u.id for u in seen.lists[Kind.RED].units] == [FOUR]
    assert seen.lists[Kind.RED].units[0].percent == Decimal(10)
    assert {cluster.code: dict(counts) for cluster, counts in seen.clusters} == {
        "communes": {"green": 1, "orange": 2, "red": 1}, "districts": {"unassessed": 1}
    }


async def test_silent_is_who_has_no_accepted_report_for_the_running_round_but_not_who_is_on_hold(database):
    await hear(database, reports(ONE, "r2", disbursed="100"), reports(TWO, "r2", disbursed="90"), returned(TWO, "r2", 2))
    async with database.read() as session:
        found = await campaigns.find(session, CODE)
        seen = await overview.of(session, found, SECOND_ROUND)
        silent = seen.lists[Kind.SILENT].units
    assert seen.due and (seen.due.owed.code, seen.due.ahead.code, seen.due.expected, seen.due.missing) == ("r2", "r2", 5, 4)
    assert [u.id for u in silent] == [DISTRICT, TWO, THREE, FOUR], "the longest silent first"
    assert [u.reported.code if u.reported else None for u in silent] == [None, "r1", "r1", "r1"]


async def test_between_two_rounds_the_last_one_is_owed_and_the_next_deadline_is_ahead(database):
    async with database.read() as session:
        found = await campaigns.find(session, CODE)
        dues = [(await overview.of(session, found, datetime.fromisoformat(at))).due for at in (
            "2023-07-01T00:00:00Z", "2023-07-20T00:00:00Z", "2023-08-01T00:00:00Z", "2023-10-01T00:00:00Z",
        )]  # fmt: skip
    told = [(due.owed.code, due.ahead.code if due.ahead else None, due.missing) for due in dues if due]
    assert told == [("r1", "r1", 1), ("r1", "r1", 1), ("r1", "r2", 1), ("r3", None, 5)]


@pytest.mark.parametrize(
    ("at", "words"),
    [
        ("2023-07-01T00:00:00Z", "5 đơn vị phải báo cáo; kỳ mở 15/07/2023"),
        ("2023-08-01T00:00:00Z", "1 trên 5 đơn vị còn thiếu kỳ trước; kỳ tới mở 15/08/2023"),
        ("2023-10-01T00:00:00Z", "5 trên 5 đơn vị còn thiếu kỳ cuối"),
    ],
)
async def test_the_page_says_what_is_owed_whenever_it_is_opened(running, at, words):
    await publish(running.service.jetstream, datetime.fromisoformat(at), simulated=True)
    await settled(running.service)
    assert words in plain(await page(running, "/overview", CHAIR))


async def test_what_changed_is_counted_since_yesterday_and_since_the_last_deadline(database):
    await hear(database, reports(ONE, "r2", disbursed="10"), reports(FOUR, "r2", disbursed="200"))
    async with database.read() as session:
        found = await campaigns.find(session, CODE)
        day, deadline = (await overview.of(session, found, NOW + timedelta(hours=1))).changes
        assert (day.turned, day.left, deadline.turned, deadline.left) == (1, 1, 1, 1)
        turned = await watchlists.listing(session, found, Kind.TURNED_RED, NOW)
        assert [u.id for u in turned.units] == [ONE], "who was never seen before has not changed"
        day, deadline = (await overview.of(session, found, NOW + timedelta(days=2))).changes
        assert (day.turned, deadline.turned) == (0, 1)
    await hear(database, reports(FOUR, "r2", 2, disbursed="95"))
    async with database.read() as session:
        left = await watchlists.listing(session, found, Kind.LEFT_RED, NOW)
    assert [(u.id, u.colour) for u in left.units] == [(FOUR, Colour.ORANGE)], "another colour that is not red is no news of red"


@pytest.mark.parametrize("kind", [Kind.RED, Kind.SILENT, Kind.UNEXPLAINED, Kind.TURNED_RED])
async def test_a_list_is_gone_through_page_by_page_and_names_everybody_once(database, kind):
    many = [f"m{n}" for n in range(12)]
    await hear(database, *(unit(name, "commune", DISTRICT) for name in many), *(participates(name) for name in many), *(commits(name, "schools", None, "100") for name in many))
    await hear(database, *(reports(name, "r1", schools=str(100 + n // 5)) for n, name in enumerate(many)))
    await hear(database, *(reports(name, "r1", 2, schools=str(10 + n // 5)) for n, name in enumerate(many)))
    found, after = [], ""
    async with database.read() as session:
        definition = await campaigns.find(session, CODE)
        while True:
            listed = await watchlists.listing(session, definition, kind, SECOND_ROUND, after=after, size=5)
            found += [u.id for u in listed.units]
            if not (after := listed.after):
                break
        (whole,) = [await watchlists.listing(session, definition, kind, SECOND_ROUND, size=100)]
    assert found == [u.id for u in whole.units]
    assert set(many) <= set(found)
    assert len(found) == len(set(found))


@pytest.mark.parametrize("kind", list(Kind))
async def test_a_list_is_read_from_an_index_in_its_own_order_and_never_sorted_or_scanned(lite, kind):
    async with lite.read() as session:
        definition = await campaigns.find(session, CODE)
        query = watchlists.page_of(definition, kind, SECOND_ROUND, "").limit(6)
        said = await session.execute(text(f"EXPLAIN QUERY PLAN {query.compile(lite.reader.sync_engine, compile_kwargs={'literal_binds': True})}"))
        plan = " ".join(row.detail for row in said)
    assert "SEARCH signals USING INDEX signals_" in plan
    assert "TEMP B-TREE" not in plan


async def test_units_that_an_older_version_scored_get_their_signals_by_mending(database):
    before = await counted(database)
    async with database.write() as session:
        await session.execute(signals.delete())
        await session.execute(signal_counts.delete())
    assert await mending.mend(database, lambda: NOW) == 5
    assert await counted(database) == before
    async with database.read() as session:
        changes = (await overview.of(session, await campaigns.find(session, CODE), NOW)).changes
    assert [(c.turned, c.left) for c in changes] == [(0, 0), (0, 0)], "a mended signal is no news"


def plain(html: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html))


async def test_a_leader_reads_colours_deadline_and_who_is_behind_and_each_line_leads_to_the_unit(running):
    await publish(running.service.jetstream, SECOND_ROUND, simulated=True)
    await settled(running.service)
    await hear(running.service.database, reports(ONE, "r2", disbursed="100"))
    drawn = await page(running, "/overview", CHAIR)
    words = plain(drawn)
    for expected in ("Tính đến 09:00 ngày 20/08/2023", "Hạn 17:00 ngày 24/08/2023", "4 trên 5 đơn vị chưa báo cáo, còn 4 ngày 8 giờ", "communes: 1 đỏ"):
        assert expected in words
    assert [words.index(name) for name in (" Đỏ ", " Cam ", " Xanh ", " Chưa đánh giá ")] == sorted(
        words.index(name) for name in (" Đỏ ", " Cam ", " Xanh ", " Chưa đánh giá ")
    )
    for section in ("Đỏ, xa chỉ tiêu nhất trước", "Bị cảnh báo, chưa nêu lý do"):
        assert f'href="/evaluation/units/{FOUR}"' in drawn.split(section)[1].split("</section>")[0]
    assert drawn.count('<div class="stat') == 5, "five things before detail"
    assert "hx-get" not in drawn.split("<main")[1], "nothing waits for a script"


@pytest.mark.parametrize("kind", list(Kind))
async def test_every_list_is_drawn_in_both_languages_for_leaders_alone(running, kind):
    for language in ("vi", "en"):
        assert "<h1>" in await page(running, f"/overview/{kind}?lang={language}", MEMBER)
    await page(running, f"/overview/{kind}?after=x~y", CHAIR, 422)
    for one in (officer(Role.HEAD, unit=DISTRICT), officer(Role.CLERK, unit=ONE), officer(Role.OPERATOR)):
        await page(running, f"/overview/{kind}", one, 403)


async def test_the_overview_is_drawn_for_leaders_alone(running):
    for one in (officer(Role.HEAD, unit=DISTRICT), officer(Role.CLERK, unit=ONE), officer(Role.OPERATOR)):
        await page(running, "/overview", one, 403)


async def test_the_page_is_there_before_anybody_is_scored(app_of):
    app = app_of("evaluation")
    async with launched(app) as client:
        await hear(app.state.service.database, published())
        assert "Chưa có đơn vị nào được chấm điểm" in await page(Running(app, client), "/overview", AUDITOR)
