"""What is heard in any order, and what is asked at the same time, ends in the same state."""

import asyncio
from datetime import timedelta
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from services.reporting import answers, models, submissions
from services.reporting.reports import Receipt
from services.reporting.submissions import Submission
from shared.database import Database
from shared.events.evaluation import HoldLifted, HoldPlaced
from shared.events.reporting import ObservationAccepted, ReportAccepted
from shared.testing.databases import fresh_database
from tests.reporting import world
from tests.reporting.world import COMMUNE, OPENED, OTHER, arrive, binary, clerk, everything, form, hear, observed, said

NOW = OPENED + timedelta(days=1)
HELD = (
    HoldPlaced(campaign=world.CODE, hold="h", unit=OTHER, revision=1, since=OPENED, reason="x", decided_by="y"),
    HoldLifted(campaign=world.CODE, hold="h", unit=OTHER, revision=2, at=NOW, conclusion="x", decided_by="y"),
)
LATER = (
    world.approved(COMMUNE, OPENED, revision=2),
    world.committed(COMMUNE, world.REVENUE, "120", "ty-dong", revision=2, effective_from=NOW.date()),
    world.treasury(revision=2, title="Kho bạc Nhà nước"),
    *HELD,
)
EVENTS = [*everything(), *LATER]
KEPT = (models.participants, models.commitments, models.holds, models.lifted_holds, models.partners)


async def state(database: Database) -> list[Any]:
    async with database.read() as session:
        return [sorted(map(str, (await session.execute(select(table))).all())) for table in KEPT]


async def expected() -> list[Any]:
    async with fresh_database("reporting") as database:
        await hear(database, *EVENTS)
        return await state(database)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(order=st.permutations(range(len(EVENTS))), again=st.lists(st.integers(0, len(EVENTS) - 1), max_size=8))
async def test_events_in_any_order_and_again_end_in_the_same_state(order: list[int], again: list[int]) -> None:
    async with fresh_database("reporting") as database:
        for place in [*order, *again]:
            await hear(database, EVENTS[place])
        assert await state(database) == await expected()


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(at=st.integers(0, len(EVENTS)))
async def test_a_partners_figure_is_taken_once_wherever_it_comes_among_the_others(at: int) -> None:
    directory = [event for event in EVENTS if event.TYPE.startswith("registration.unit")]
    others = [event for event in EVENTS if event not in directory]
    async with fresh_database("reporting") as database:
        await hear(database, *directory)
        await hear(database, *others[:at])
        await arrive(database, binary(observed()), NOW)
        await hear(database, *others[at:])
        assert len(await said(database, ObservationAccepted)) == 1


async def test_submissions_at_the_same_time_become_revisions_of_one_report(movement: Database) -> None:
    async def submit() -> int:
        async with movement.write() as session:
            return (await submissions.submit(session, form(), clerk(), NOW)).revision

    assert sorted(await asyncio.gather(*(submit() for _ in range(6)))) == [1, 2, 3, 4, 5, 6]
    assert len({event.report for event in await said(movement, ReportAccepted)}) == 1


async def test_the_same_key_at_the_same_time_has_one_effect(movement: Database) -> None:
    who = clerk()

    async def ask() -> Receipt:
        async with movement.write() as session:
            (receipt,) = await submissions.submit_all(session, [Submission(form(), who, NOW, answers.asked(who.id, "k", b"{}"))])
            return receipt

    receipts = await asyncio.gather(*(ask() for _ in range(5)))
    assert {receipt.revision for receipt in receipts} == {1}
    assert len({receipt.report for receipt in receipts}) == 1
    assert len(await said(movement, ReportAccepted)) == 1


async def test_many_reports_may_share_one_transaction(movement: Database) -> None:
    async with movement.write() as session:
        for unit in (COMMUNE, OTHER):
            await submissions.submit(session, form(unit), clerk(unit), NOW)
    assert [event.unit for event in await said(movement, ReportAccepted)] == [COMMUNE, OTHER]
