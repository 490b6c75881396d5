"""A batch is answered as a whole: it costs the same few statements whatever its size, and ends as if its events had come alone."""

import asyncio
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import event as sqlalchemy_event

from services.notification.models import letters, submissions
from shared.database import rows_of
from shared.events import Event
from shared.events.evaluation import FrontRunnerFound, FrontRunnerLost
from shared.events.registration import Role
from shared.testing.databases import KINDS, fresh_database
from tests.notification import story
from tests.notification.story import CAMPAIGN, DAY, DEADLINE, MINUTE, OPENING, Ear

FEW, MANY = 3, 120


@pytest.fixture(params=KINDS)
def database_kind(request):
    return request.param


async def statements(ear: Ear, events: list[Event]) -> int:
    """How many statements a batch costs."""
    seen: list[str] = []

    def note(*args) -> None:
        seen.append(args[2])

    sqlalchemy_event.listen(ear.database.writer.sync_engine, "before_cursor_execute", note)
    try:
        await ear.hear(*events, at=DEADLINE - 3 * DAY)
    finally:
        sqlalchemy_event.remove(ear.database.writer.sync_engine, "before_cursor_execute", note)
    return len(seen)


@pytest.mark.parametrize(
    ("first", "then"),
    [
        (None, story.reported), (None, story.missed), (None, story.report_returned), (story.report_returned, lambda of: story.reported(of, 3)),
        (None, lambda of: story.warned(of, warning=f"w-{of}")),
        (lambda of: story.warned(of, warning=f"w-{of}"), lambda of: story.cleared(of, warning=f"w-{of}")),
        (story.submitted, story.approved), (story.submitted, story.sent_back),
    ],
    ids=["reported", "missed", "returned", "answered", "warned", "cleared", "approved", "sent back"],
)  # fmt: skip
async def test_a_batch_costs_the_same_statements_whatever_its_size(ear, first: Callable | None, then: Callable):
    units = [f"u{number}" for number in range(FEW + MANY)]
    for unit in units:
        await ear.hear(story.unit(unit, None), story.officer(f"{unit}.clerk", unit, Role.CLERK))
    if first:
        await ear.hear(*map(first, units), at=OPENING)
    few, many = await statements(ear, [*map(then, units[:FEW])]), await statements(ear, [*map(then, units[FEW:])])
    assert few == many <= 18
    async with ear.database.read() as session:
        assert len(await rows_of(session, letters if then is not story.reported else submissions)) >= len(units)


async def test_a_batch_of_new_units_costs_the_same_statements_whatever_its_size(ear):
    named = [story.unit(f"u{number}", "huyen") for number in range(FEW + MANY)]
    few, many = await statements(ear, [*named[:FEW]]), await statements(ear, [*named[FEW:]])
    assert many - few == MANY - FEW, "one look at each for the revision known, and nothing more"


async def test_one_batch_withdraws_every_reminder_that_its_reports_make_needless_and_no_other(town):
    await town.hear(story.approved("xa"), story.approved("huyen"), story.opened(), at=OPENING)
    await town.tick(DEADLINE - 3 * DAY)
    await town.tick(DEADLINE - 3 * DAY + MINUTE)
    await town.hear(story.reported("xa"), story.warned("huyen"), at=DEADLINE - 2 * DAY)
    states = {(row.unit, row.channel, row.state) for row in await town.rows("due-3")}
    assert states == {
        ("xa", "inbox", "delivered"), ("xa", "e-mail", "withdrawn"), ("huyen", "inbox", "delivered"), ("huyen", "e-mail", "queued"),
    }  # fmt: skip


LEAD = {"campaign": CAMPAIGN, "finding": "f1", "unit": "xa", "indicator": "i1", "at": OPENING}
EVENTS = [
    story.reported(), story.report_returned(revision=2), story.reported(revision=3), story.missed(), story.reported("huyen"),
    story.missed("huyen"), story.warned(revision=1), story.cleared(revision=2), story.warned(revision=3), story.cleared(revision=4),
    FrontRunnerFound(**LEAD, revision=1, percent=120, rounds=2), FrontRunnerLost(**LEAD, revision=2), story.opened(), story.approved(),
    story.held("huyen"), story.officer("xa.head", "xa", Role.HEAD, revision=2), story.submitted(revision=1), story.sent_back(revision=3),
    story.approved(revision=4), story.approved("huyen", 2), story.warned("xóm", warning="w2"), story.unit("xóm", "xa"),
]  # fmt: skip


async def ending(order: list[int], sizes: list[int]) -> list[tuple]:
    """Letters and deliveries after the events, a minute apart, came in batches of these sizes, again and again."""
    async with fresh_database("notification") as database:
        ear = Ear(database)
        await ear.hear(*story.province())
        batch = [story.delivery(EVENTS[number], OPENING + place * MINUTE, f"e{place}") for place, number in enumerate(order)]
        turn = 0
        while batch:
            size = sizes[turn % len(sizes)]
            await ear.apply(batch[:size])
            batch, turn = batch[size:], turn + 1
        rows = [(r.rule, r.audience, r.unit, r.revision, r.created, r.settled, r.officer, r.channel, r.state) for r in await ear.rows()]
        return sorted(rows, key=str)


@settings(max_examples=15, deadline=None)
@given(st.permutations(range(len(EVENTS))), st.lists(st.integers(1, 6), min_size=1, max_size=5))
def test_events_end_in_the_same_letters_however_they_are_parted_into_batches(order, sizes):
    assert asyncio.run(ending(order, [len(order)])) == asyncio.run(ending(order, [1])) == asyncio.run(ending(order, sizes))
