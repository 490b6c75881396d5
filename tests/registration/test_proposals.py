"""What partners propose changes nothing until the person whose matter it is confirms it."""

import re
from datetime import date

import pytest
from sqlalchemy import select

from services.registration import campaigns, proposals, units, works
from services.registration.subscribers import hears
from services.registration.works import Declaration
from shared.database import Database
from shared.delivery import Meta
from shared.events.registration import ProposalDecided, UnitsSucceeded, WorkProgressed, WorkStatus
from shared.events.reporting import ReorganisationProposed, UnitRef, WorkProposed, WorkStep
from shared.identity import new_id
from shared.messages import Conflict, Forbidden, NotFound, Refused
from shared.outbox import outbox
from tests.registration.conftest import REGISTERING, said

DAY = REGISTERING.date()


async def hear(database: Database, event) -> str:
    async with database.write() as session:
        for _ in range(2):  # the same again changes nothing
            await hears.handlers[event.TYPE](event, session, Meta(id=new_id(), source="x", type=event.TYPE, time=REGISTERING))
    return event.proposal


async def declared(database: Database, owner) -> str:
    async with database.write() as session:
        form = Declaration(owner.unit, "Nhà văn hóa", "social", 10, 5)
        return (await works.declare(session, owner, await campaigns.chosen(session, None), form, REGISTERING)).id


def work_proposed(unit: str, work: str, **changes) -> WorkProposed:
    facts = {
        "campaign": "lai-chau-2023", "proposal": new_id(), "client": "xay-dung", "event": "x-1", "unit": unit, "work": work,
        "status": WorkStep.STARTED, "day": DAY, "at": REGISTERING,
    }  # fmt: skip
    return WorkProposed(**facts | changes)


async def test_the_owner_confirms_a_step_in_their_own_name(database: Database, officer) -> None:
    owner = await officer("xa-ta-tong.clerk")
    work = await declared(database, owner)
    id = await hear(database, work_proposed(owner.unit, work, status=WorkStep.COMPLETED))
    before = len(await said(database, WorkProgressed))
    async with database.write() as session:
        with pytest.raises(Refused):  # it was never started: the same rules hold as for the owner's own step
            await proposals.confirm(session, owner, id, REGISTERING)
    assert len(await said(database, WorkProgressed)) == before
    async with database.read() as session:
        [row] = await proposals.listed(session, "lai-chau-2023", {owner.unit})
    assert row.state == "open"


async def test_a_confirmed_proposal_moves_the_work_and_is_decided_once(database: Database, officer) -> None:
    owner = await officer("xa-ta-tong.clerk")
    work = await declared(database, owner)
    async with database.write() as session:
        row = await session.get(works.Work, work)
        row.confirmed, row.status = True, WorkStatus.CONFIRMED
    id = await hear(database, work_proposed(owner.unit, work))
    async with database.write() as session:
        await proposals.confirm(session, owner, id, REGISTERING)
    assert (await said(database, WorkProgressed))[-1].status == WorkStatus.STARTED
    assert await told(database) == [("registration.proposal.decided.v1.xay-dung", "x-1", "confirmed", "")]
    async with database.write() as session:
        with pytest.raises(Conflict):
            await proposals.decline(session, owner, id, "x", REGISTERING)


async def test_nobody_else_decides_and_a_refusal_needs_a_reason(database: Database, officer) -> None:
    owner, secretary = await officer("xa-ta-tong.clerk"), await officer("hoi-dong.thu-ky")
    id = await hear(database, work_proposed(owner.unit, new_id()))
    async with database.write() as session:
        with pytest.raises(NotFound):
            await proposals.confirm(session, secretary, id, REGISTERING)
        with pytest.raises(Refused):  # a work that nobody knows
            await proposals.confirm(session, owner, id, REGISTERING)
        with pytest.raises(Refused):
            await proposals.decline(session, owner, id, " ", REGISTERING)
        assert (await proposals.decline(session, owner, id, "Không có công trình này", REGISTERING)).state == "declined"
    assert await told(database) == [("registration.proposal.decided.v1.xay-dung", "x-1", "declined", "Không có công trình này")]


async def told(database: Database) -> list[tuple[str, str, str, str]]:
    """What became of proposals, as their senders hear it: subject, their id of the event, decision and reason."""
    async with database.read() as session:
        subjects = await session.scalars(select(outbox.c.subject).where(outbox.c.type == ProposalDecided.TYPE).order_by(outbox.c.id))
        return [(subject, event.event, event.decision, event.reason) for subject, event in zip(subjects, await said(database, ProposalDecided), strict=True)]


async def test_the_secretary_confirms_a_reorganisation_once_the_new_unit_is_known(database: Database, officer) -> None:
    secretary, owner = await officer("hoi-dong.thu-ky"), await officer("xa-ta-tong.clerk")
    async with database.read() as session:
        known = await units.identify(session, UnitRef(scheme="dinh-danh", value="H35.34"), DAY)

    def proposed(value: str) -> ReorganisationProposed:
        return ReorganisationProposed(
            campaign="lai-chau-2023", proposal=new_id(), client="noi-vu", event="n-1", predecessors=(owner.unit,), successor=None,
            successor_ref=UnitRef(scheme="dinh-danh", value=value), day=DAY, legal_act="NQ 7/2023", at=REGISTERING,
        )  # fmt: skip

    unknown, fine = await hear(database, proposed("H35.404")), await hear(database, proposed("H35.34"))
    async with database.write() as session:
        with pytest.raises(Forbidden):
            await proposals.confirm(session, owner, fine, REGISTERING)
        with pytest.raises(Refused):
            await proposals.confirm(session, secretary, unknown, REGISTERING)
        await proposals.confirm(session, secretary, fine, REGISTERING)
    event = (await said(database, UnitsSucceeded))[-1]
    assert (event.predecessors, event.successor, event.date, event.legal_act) == ((owner.unit,), known, DAY, "NQ 7/2023")
    assert isinstance(event.date, date)


async def test_the_page_lists_what_is_the_officers_to_decide_and_takes_the_decision(town) -> None:
    database = town.service.database
    async with database.read() as session:
        from services.registration import sessions

        owner = await sessions.open_session(session, "xa-ta-tong.clerk")
    id = await hear(database, work_proposed(owner.unit, new_id()))
    await town.browse("xa-ta-tong.clerk")
    assert f"/registration/proposals/{id}/confirm" in (await town.client.get("/registration/proposals")).text
    assert (await town.post(f"/registration/proposals/{id}/confirm")).status_code == 422
    assert (await town.post(f"/registration/proposals/{id}/decline", reason="Không đúng")).status_code == 303
    page = (await town.client.get("/registration/proposals?lang=en")).text
    assert "Declined" in page
    assert f"{id}/confirm" not in page


async def test_a_works_page_leads_to_each_steps_event_and_path_and_to_the_event_of_the_system_that_proposed_it(town) -> None:
    await town.browse("xa-ta-tong.clerk")
    work = (await town.post("/registration/works", title="Nhà văn hóa", purpose="social", state_share="10", people_share="5")).headers["location"]
    async with town.service.database.write() as session:
        row = await session.get(works.Work, work.rpartition("/")[2])
        row.confirmed, row.status = True, WorkStatus.CONFIRMED
        owner = row.unit
    id = await hear(town.service.database, work_proposed(owner, work.rpartition("/")[2], client="kho-bac", event="kb-7"))
    listed = (await town.client.get("/registration/proposals")).text
    assert f'href="/reporting/proposals/{id}"' in listed
    assert "<code>kho-bac</code>" not in listed, "the system is called by its title"
    assert (await town.post(f"/registration/proposals/{id}/confirm")).status_code == 303
    page = (await town.client.get(work)).text
    for event in await said(town.service.database, WorkProgressed):
        assert event.work in work
    assert len(re.findall(r"<dd><code>[0-9a-f-]{36}</code></dd>", page)) == 2, "a clerk sees the events' ids"
    assert len(set(re.findall(r'hx-get="/registration/fragments/path/([0-9a-f]{32})"', page))) == 2
    assert f'<a href="/reporting/proposals/{id}"><code>kb-7</code></a>' in page
