"""What partners sent, read back on both databases: a day's counts add up, and a list is the same whole in pages of any size."""

from datetime import timedelta

import pytest

from services.reporting import ledger
from services.reporting.ledger import Span
from shared.database import Database
from tests.reporting.test_kinds import OBSERVED, message
from tests.reporting.world import OPENED, arrive, observed

NOW = OPENED + timedelta(days=2)
DAY = timedelta(days=1)


async def sent(database: Database) -> None:
    """Two days: first three figures, of which the last counts, one of them twice, and another under a used id; then a refused one."""
    for value in ("30", "31", "32"):
        await arrive(database, message(OBSERVED, observed(value), event=f"e-{value}"), NOW)
    await arrive(database, message(OBSERVED, observed("32"), event="e-32"), NOW)
    await arrive(database, message(OBSERVED, observed("33"), event="e-32"), NOW)
    await arrive(database, message(OBSERVED, observed("x"), event="e-x"), NOW + DAY)


async def test_a_days_counts_add_up(movement: Database) -> None:
    await sent(movement)
    async with movement.read() as session:
        first, second = await ledger.day(session, "kho-bac", NOW, NOW + DAY), await ledger.day(session, "kho-bac", NOW + DAY)
        other = await ledger.day(session, "thue", NOW)
    counted = {state: number for state, number in first.states.items() if number}
    assert counted == {"received": 5, "accepted": 1, "superseded": 2, "conflict": 1, "duplicate": 1}
    assert (first.sent, first.taken, first.newest) == (3, 3, NOW)
    assert (second.states["rejected"], second.sent, second.taken, second.newest) == (1, 1, 0, NOW + DAY)
    assert (sum(other.states.values()), other.newest, other.delay) == (0, None, None)


@pytest.mark.parametrize("limit", [1, 2, 4, 50])
async def test_the_pages_of_a_day_are_the_whole_of_it_once_and_the_newest_first(movement: Database, limit: int) -> None:
    await sent(movement)
    span, found = Span("kho-bac", NOW, NOW + DAY), []
    async with movement.read() as session:
        while True:
            rows, after = await ledger.page(session, span, limit)
            found += [(row.event, row.state) for row in rows]
            span = span._replace(after=after)
            if not after:
                break
        one = [row.event for row in (await ledger.page(session, Span("kho-bac", NOW, NOW + DAY, "superseded"), limit=50))[0]]
        repeated = [row.event for row in (await ledger.page(session, Span("kho-bac", NOW, NOW + DAY, ledger.DUPLICATE), limit=50))[0]]
    assert found == [("e-32", "conflict"), ("e-32", "accepted"), ("e-31", "accepted"), ("e-30", "accepted")]
    assert (one, repeated) == (["e-31", "e-30"], ["e-32"])
