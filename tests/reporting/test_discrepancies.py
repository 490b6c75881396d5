"""A unit's own figure beside a partner's."""

from datetime import date, timedelta
from decimal import Decimal

import pytest

from services.reporting import discrepancies, reconciliation, reports, submissions
from services.reporting.reconciliation import ResolveForm
from shared.database import Database
from shared.events.registration import Role
from shared.events.reporting import Channel, DiscrepancyOpened, DiscrepancyResolved, ReportAccepted
from shared.messages import Conflict, Forbidden, NotFound, Refused
from tests.reporting import world
from tests.reporting.world import COMMUNE, OPENED, arrive, binary, clerk, observed, said, secretary

NOW = OPENED + timedelta(days=2)


async def submit(database: Database, disbursed: str, now=NOW) -> str:
    async with database.write() as session:
        given = world.form(given=world.figures("20", disbursed))
        return (await submissions.submit(session, given, clerk(), now)).report


async def see(database: Database, value: str, event: str = "kb-1", as_of: str = "2023-07-14") -> None:
    await arrive(database, binary(observed(value, as_of=as_of), event=event), NOW)


async def opened(database: Database) -> DiscrepancyOpened:
    [event] = await said(database, DiscrepancyOpened)
    return event


async def resolve(database: Database, kept: str, officer=None, reason: str = "Đối chiếu chứng từ", discrepancy: str = "") -> None:
    form = ResolveForm(discrepancy or (await opened(database)).discrepancy, kept, reason)
    async with database.write() as session:
        await reconciliation.resolve(session, form, officer or secretary(), NOW)


@pytest.mark.parametrize("report_first", [True, False])
async def test_figures_that_differ_open_a_discrepancy_once_whoever_came_first(movement: Database, report_first: bool) -> None:
    if report_first:
        await submit(movement, "33.5")
        await see(movement, "30")
    else:
        await see(movement, "30")
        await submit(movement, "33.5")
    event = await opened(movement)
    assert (event.unit, event.round, event.reported, event.observed, event.client) == (
        COMMUNE, "ky-1", Decimal("33.5"), Decimal(30), "kho-bac",
    )  # fmt: skip


async def test_figures_that_agree_open_nothing(movement: Database) -> None:
    await submit(movement, "30.00")
    await see(movement, "30.001")
    assert await said(movement, DiscrepancyOpened) == []


async def test_a_correction_that_agrees_ends_it(movement: Database) -> None:
    await submit(movement, "33.5")
    await see(movement, "30")
    await submit(movement, "30")
    [event] = await said(movement, DiscrepancyResolved)
    assert (event.kept, event.value, event.revision, event.discrepancy) == (
        "agreement", Decimal(30), 2, (await opened(movement)).discrepancy,
    )  # fmt: skip


async def test_a_partner_that_comes_to_agree_ends_it(movement: Database) -> None:
    await submit(movement, "33.5")
    await see(movement, "30")
    await see(movement, "33.5", event="kb-2")
    assert [event.kept for event in await said(movement, DiscrepancyResolved)] == ["agreement"]


async def test_a_correction_that_still_differs_moves_the_open_one(movement: Database) -> None:
    await submit(movement, "33.5")
    await see(movement, "30")
    await submit(movement, "34")
    assert len(await said(movement, DiscrepancyOpened)) == 1
    async with movement.read() as session:
        [row] = await discrepancies.listed(session, world.CODE, None)
    assert (row.reported, row.state) == (Decimal(34), "open")


async def test_the_newest_day_within_the_window_counts(movement: Database) -> None:
    await see(movement, "30", as_of="2023-07-14")
    await see(movement, "25", event="kb-2", as_of="2023-06-30")
    await submit(movement, "30")
    assert await said(movement, DiscrepancyOpened) == []


async def test_the_secretary_keeps_the_units_figure(movement: Database) -> None:
    await submit(movement, "33.5")
    await see(movement, "30")
    await resolve(movement, "unit")
    [event] = await said(movement, DiscrepancyResolved)
    assert (event.kept, event.value) == ("unit", Decimal("33.5"))
    assert len(await said(movement, ReportAccepted)) == 1
    await submit(movement, "33.5")
    assert len(await said(movement, DiscrepancyOpened)) == 1


async def test_the_partners_figure_becomes_a_new_revision_of_the_report(movement: Database) -> None:
    await submit(movement, "33.5")
    await see(movement, "30", as_of="2023-07-10")
    await resolve(movement, "partner")
    accepted = (await said(movement, ReportAccepted))[-1]
    assert (accepted.revision, accepted.channel, accepted.correction, accepted.on_time) == (2, Channel.RECONCILIATION, True, True)
    taken = next(v for v in accepted.values if v.indicator == world.DISBURSED)
    assert (taken.value, taken.as_of, taken.note) == (Decimal(30), date(2023, 7, 10), "Đối chiếu chứng từ")
    assert next(v for v in accepted.values if v.indicator == world.REVENUE).value == Decimal(20)
    assert [event.kept for event in await said(movement, DiscrepancyResolved)] == ["partner"]
    await submit(movement, "33.5")
    assert len(await said(movement, DiscrepancyOpened)) == 2


async def test_a_decided_one_is_not_decided_again(movement: Database) -> None:
    await submit(movement, "33.5")
    await see(movement, "30")
    await resolve(movement, "unit")
    with pytest.raises(Conflict):
        await resolve(movement, "partner")


@pytest.mark.parametrize(
    ("officer", "refusal"),
    [(clerk(), Forbidden), (world.head(), Forbidden), (world.head(world.OTHER), NotFound), (world.officer(COMMUNE, Role.SECRETARY), Forbidden)],
    ids=["the clerk", "the head above", "a neighbour", "a secretary of the same unit"],
)
async def test_only_a_secretary_of_another_unit_decides(movement: Database, officer, refusal) -> None:
    await submit(movement, "33.5")
    await see(movement, "30")
    with pytest.raises(refusal):
        await resolve(movement, "unit", officer)
    assert await said(movement, DiscrepancyResolved) == []


@pytest.mark.parametrize(("kept", "reason", "field"), [("both", "x", "kept"), ("unit", "", "reason")])
async def test_a_decision_is_whole(movement: Database, kept: str, reason: str, field: str) -> None:
    await submit(movement, "33.5")
    await see(movement, "30")
    with pytest.raises(Refused) as caught:
        await resolve(movement, kept, reason=reason)
    assert caught.value.faults[0].field == field


async def test_the_partners_figure_is_not_taken_over_a_returned_report(movement: Database) -> None:
    report = await submit(movement, "33.5")
    await see(movement, "30")
    async with movement.write() as session:
        await reports.give_back(session, reports.ReturnForm(report, "Sai", {}), secretary(), NOW)
    with pytest.raises(Conflict):
        await resolve(movement, "partner")
    assert await said(movement, DiscrepancyResolved) == []
