"""A commemorative work from its declaration to its plaque."""

from datetime import date, timedelta
from decimal import Decimal

import pytest

from services.registration import campaigns, works
from services.registration.models import Work
from services.registration.works import Declaration, Step
from shared import units
from shared.clock import local_date
from shared.database import Database
from shared.events.registration import WorkProgressed, WorkStatus
from shared.messages import Conflict, Forbidden, NotFound, Refused
from shared.security import Officer
from tests.registration.conftest import REGISTERING, said
from tests.registration.test_campaigns import CLOSE, tick

LATER = REGISTERING + timedelta(days=40)
STARTED, COMPLETED, UNVEILED = Step(WorkStatus.STARTED), Step(WorkStatus.COMPLETED), Step(WorkStatus.UNVEILED)


async def declare(database: Database, officer: Officer, state: str = "350", people: str = "42.5") -> Work:
    async with database.write() as session:
        form = Declaration(officer.unit, " Đường bê tông bản Nậm Ngụ ", "living", Decimal(state), Decimal(people))
        return await works.declare(session, officer, await campaigns.chosen(session, None), form, REGISTERING)


async def confirm(database: Database, officer: Officer, id: str) -> Work:
    async with database.write() as session:
        return await works.confirm(session, officer, id, LATER)


async def advance(database: Database, officer: Officer, id: str, *steps: Step) -> Work:
    async with database.write() as session:
        for step in steps:
            work = await works.advance(session, officer, id, step, LATER)
        return work


async def test_a_communes_work_is_confirmed_by_its_district_then_started_completed_and_unveiled(database: Database, officer) -> None:
    clerk, district = await officer("xa-ta-tong.clerk"), await officer("huyen-muong-te.clerk")
    work = await declare(database, clerk)
    assert (work.title, work.confirmed) == ("Đường bê tông bản Nậm Ngụ", False)
    with pytest.raises(Conflict):
        await advance(database, clerk, work.id, STARTED)
    await confirm(database, district, work.id)
    await advance(database, clerk, work.id, STARTED, COMPLETED, UNVEILED)
    told = [(e.revision, e.status, e.confirmed) for e in await said(database, WorkProgressed)]
    assert told == [(1, "declared", False), (2, "confirmed", True), (3, "started", True), (4, "completed", True), (5, "unveiled", True)]
    async with database.read() as session:
        steps = await works.steps(session, work.id)
    assert [s.recorded_name for s in steps][1] == district.name


async def test_a_districts_own_work_needs_no_confirmation(database: Database, officer) -> None:
    head = await officer("huyen-muong-te.head")
    work = await declare(database, head)
    assert work.confirmed
    with pytest.raises((Conflict, NotFound)):
        await confirm(database, head, work.id)
    assert (await advance(database, head, work.id, STARTED)).status == "started"


async def test_only_the_unit_right_above_confirms_and_only_the_owner_goes_on(database: Database, officer) -> None:
    clerk = await officer("xa-ta-tong.clerk")
    work = await declare(database, clerk)
    for login in ("xa-ta-tong.head", "huyen-tam-duong.head", "tinh-lai-chau.head", "hoi-dong.thu-ky"):
        with pytest.raises(NotFound):
            await confirm(database, await officer(login), work.id)
    district = await officer("huyen-muong-te.head")
    await confirm(database, district, work.id)
    with pytest.raises(Conflict):
        await confirm(database, district, work.id)
    with pytest.raises(NotFound):
        await advance(database, district, work.id, STARTED)


async def test_a_step_happens_on_a_day_between_the_step_before_and_today(database: Database, officer) -> None:
    head = await officer("huyen-muong-te.head")
    work = await declare(database, head)
    for day in (date(2023, 5, 31), local_date(LATER) + timedelta(days=1)):
        with pytest.raises(Refused) as refused:
            await advance(database, head, work.id, Step(WorkStatus.STARTED, day))
        assert [f.field for f in refused.value.faults] == ["on"]
    await advance(database, head, work.id, Step(WorkStatus.STARTED, date(2023, 6, 15)))
    async with database.read() as session:
        assert [s.day for s in await works.steps(session, work.id)] == [date(2023, 6, 1), date(2023, 6, 15)]


async def test_a_work_without_funds_is_refused_and_an_auditor_declares_none(database: Database, officer) -> None:
    with pytest.raises(Refused):
        await declare(database, await officer("xa-ta-tong.clerk"), "0", "0")
    with pytest.raises(Forbidden):
        await declare(database, await officer("kiem-tra"))
    assert await said(database, WorkProgressed) == []


async def test_after_the_close_no_step_is_taken(database: Database, officer) -> None:
    head = await officer("huyen-muong-te.head")
    work = await declare(database, head)
    await tick(database, CLOSE)
    with pytest.raises(Conflict):
        await advance(database, head, work.id, STARTED)


async def test_the_duty_counts_units_not_works(database: Database, officer) -> None:
    for login in ("xa-ta-tong.clerk", "xa-ta-tong.clerk", "huyen-muong-te.head"):
        work = await declare(database, await officer(login))
    await advance(database, await officer("huyen-muong-te.head"), work.id, STARTED, COMPLETED)
    async with database.read() as session:
        campaign = await campaigns.chosen(session, None)
        rows = await works.listed(session, campaign.code)
        seen = await units.on_day(session, date(2023, 7, 1))
    met = {d.kind: works.duty(d, rows, seen) for d in campaign.work_duties}
    assert (met["commune"].declared, met["commune"].confirmed) == (1, 0)
    assert (met["district"].units, met["district"].declared, met["district"].completed) == (2, 1, 1)
