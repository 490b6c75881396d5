"""Events of a unit in any order and with duplicates: what is known ends the same, and nothing needless leaves."""

import asyncio

from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from services.notification import deliveries as use_cases
from services.notification.models import ended_matters, holds, participants, rounds, submissions
from shared.testing.databases import fresh_database
from tests.notification import story
from tests.notification.story import DAY, DEADLINE, MINUTE, OPENING, START, Ear

FACTS = [
    *((event, START) for event in story.province()),
    (story.submitted(), START), (story.approved(), START), (story.opened(), OPENING), (story.reported(), OPENING + DAY),
    (story.report_returned(revision=2), OPENING + 2 * DAY), (story.reported(revision=3), OPENING + 3 * DAY),
    (story.warned(revision=1), OPENING + DAY), (story.cleared(revision=2), OPENING + 3 * DAY),
    (story.held("huyen"), OPENING), (story.lifted("huyen"), OPENING + 3 * DAY),
]  # fmt: skip
KNOWN = (participants, rounds, submissions, holds, ended_matters)


async def ending(order: list[int], size: int) -> tuple[list[str], list[str], dict[str, int]]:
    """What is known at the end, what may still leave, and the books."""
    async with fresh_database("notification") as database:
        ear = Ear(database)
        batch = [story.delivery(*FACTS[number], f"{number}-{place}") for place, number in enumerate(order)]
        for start in range(0, len(batch), size):
            await ear.apply(batch[start : start + size])
        await ear.tick(DEADLINE - 3 * DAY)
        await ear.tick(DEADLINE - 3 * DAY + MINUTE)
        open_ones = [row.rule for row in await ear.rows() if row.state in {"waiting", "queued"} and row.rule.startswith(("due", "over"))]
        async with database.read() as session:
            rows = [str(sorted(map(_fact, (await session.execute(select(table))).all()))) for table in KNOWN]
            return rows, open_ones, await use_cases.books(session, DEADLINE)


def _fact(row) -> str:
    """A row without the id of the event that happened to say it."""
    return str({name: value for name, value in row._mapping.items() if name not in {"event", "since"}})


EXPECTED = asyncio.run(ending(list(range(len(FACTS))), len(FACTS)))


@settings(max_examples=40, deadline=None)
@given(
    st.permutations(range(len(FACTS))),
    st.lists(st.integers(0, len(FACTS) - 1), max_size=8),
    st.integers(1, len(FACTS)),
)
def test_any_order_with_duplicates_ends_in_the_same_knowledge_and_reminds_nobody_who_has_reported(order, again, size):
    known, open_ones, books = asyncio.run(ending([*order, *again], size))
    assert known == EXPECTED[0]
    assert open_ones == []
    assert books["created"] == sum(books[end] for end in ("delivered", "withdrawn", "failed")) + books["pending_due"]


def test_each_letter_is_told_when_everything_comes_in_its_order():
    assert EXPECTED[1] == []
    assert EXPECTED[2]["delivered"] > 0
