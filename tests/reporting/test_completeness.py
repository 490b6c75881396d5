"""Who owes what, and books that balance."""

from datetime import date, timedelta

from services.reporting import completeness, reports, submissions
from services.reporting.completeness import Standing
from shared.database import Database
from shared.events.evaluation import HoldPlaced
from tests.reporting import world
from tests.reporting.world import (
    COMMUNE,
    DEADLINE,
    DISTRICT,
    OPENED,
    OTHER,
    SECOND_OPENED,
    arrive,
    binary,
    clerk,
    form,
    hear,
    observed,
    secretary,
    tick,
)

DAY = timedelta(days=1)


async def submit(database: Database, unit: str, now, **more) -> str:
    async with database.write() as session:
        return (await submissions.submit(session, form(unit, **more), clerk(unit), now)).report


async def standings(database: Database, now, round: str = "ky-1") -> dict[str, Standing]:
    async with database.read() as session:
        found = await completeness.lines(session, world.movement(), now)
    return {line.unit: line.standing for line in found if line.round == round}


async def books(database: Database, now) -> dict:
    async with database.read() as session:
        return await completeness.books(session, world.movement(), now)


async def test_each_unit_stands_somewhere_in_a_round(movement: Database) -> None:
    report = await submit(movement, COMMUNE, OPENED + DAY)
    assert await standings(movement, OPENED + DAY) == {
        COMMUNE: Standing.ON_TIME, OTHER: Standing.WAITING, DISTRICT: Standing.WAITING,
    }  # fmt: skip
    await submit(movement, OTHER, DEADLINE + DAY)
    async with movement.write() as session:
        await reports.give_back(session, reports.ReturnForm(report, "Sai", {}), secretary(), DEADLINE + DAY)
    assert await standings(movement, DEADLINE + DAY) == {
        COMMUNE: Standing.RETURNED, OTHER: Standing.LATE, DISTRICT: Standing.MISSING,
    }  # fmt: skip


async def test_the_books_balance_also_when_a_unit_on_hold_reports(movement: Database) -> None:
    await tick(movement, OPENED)
    hold = HoldPlaced(campaign=world.CODE, hold="h", unit=OTHER, revision=1, since=OPENED + DAY, reason="x", decided_by="y")
    await hear(movement, hold)
    await submit(movement, OTHER, OPENED + 2 * DAY)
    report = await submit(movement, COMMUNE, OPENED + 2 * DAY)
    async with movement.write() as session:
        await reports.give_back(session, reports.ReturnForm(report, "Sai", {}), secretary(), OPENED + 3 * DAY)
    await submit(movement, COMMUNE, DEADLINE + DAY)
    await submit(movement, COMMUNE, SECOND_OPENED, round="ky-2", given=world.figures(as_of=date(2023, 8, 1)))
    await arrive(movement, binary(observed()), OPENED + DAY)
    found = await books(movement, SECOND_OPENED)
    assert {name: found[name] for name in ("expected", "received", "on_time", "late", "missing", "unasked", "open")} == {
        "expected": 2, "received": 1, "on_time": 1, "late": 0, "missing": 1, "unasked": 1, "open": 1,
    }  # fmt: skip
    assert (found["returned"], found["corrected"]) == (1, 1)
    assert found["expected"] == found["received"] + found["missing"]
    assert found["received"] == found["on_time"] + found["late"]
    assert found["observations"]["received"] == 1


async def test_a_hold_excuses_as_it_stands_before_the_deadline(movement: Database) -> None:
    hold = HoldPlaced(campaign=world.CODE, hold="h", unit=OTHER, revision=1, since=OPENED, reason="x", decided_by="y")
    await hear(movement, hold)
    assert (await standings(movement, OPENED + DAY))[OTHER] is Standing.ON_HOLD
