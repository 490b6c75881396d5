"""From a draft to a registration in force."""

from decimal import Decimal

import pytest
from sqlalchemy import update

from services.registration import campaigns, commitments, overview, participations
from services.registration.models import Participation
from services.registration.participations import Form
from shared import audit
from shared.campaigns import phases
from shared.clock import local_date
from shared.database import Database
from shared.events.registration import (
    CommitmentApproved,
    ParticipationApproved,
    ParticipationEvent,
    ParticipationReturned,
    ParticipationSubmitted,
    Person,
)
from shared.messages import Conflict, Forbidden, NotFound, Refused
from shared.security import Officer
from tests.registration.conftest import BEFORE, REGISTERING, TARGETS, form, said

CODE = "lai-chau-2023"

async def save(database: Database, officer: Officer, form: Form) -> Participation:
    async with database.write() as session:
        return await participations.save(session, officer, await campaigns.chosen(session, None), form, REGISTERING)


async def submit(database: Database, officer: Officer, id: str) -> Participation:
    async with database.write() as session:
        return await participations.submit(session, officer, id, REGISTERING)


async def approve(database: Database, officer: Officer, id: str) -> Participation:
    async with database.write() as session:
        return await participations.approve(session, officer, id, REGISTERING)


async def send_back(database: Database, officer: Officer, id: str, reason: str) -> Participation:
    async with database.write() as session:
        return await participations.send_back(session, officer, id, reason, REGISTERING)


async def test_an_approved_registration_puts_each_commitment_in_force_as_version_1_from_the_first_day(database: Database, officer) -> None:
    clerk, secretary = await officer("xa-ta-tong.clerk"), await officer("hoi-dong.thu-ky")
    row = await save(database, clerk, form(clerk.unit))
    assert (row.status, row.revision) == ("draft", 1)
    await submit(database, clerk, row.id)
    await approve(database, secretary, row.id)
    submitted, approved, *targets = await said(database, ParticipationEvent, CommitmentApproved)
    assert isinstance(submitted, ParticipationSubmitted)
    assert isinstance(approved, ParticipationApproved)
    assert (submitted.revision, approved.revision, approved.cluster) == (2, 3, "cum-xa-vung-cao")
    assert approved.commitments == TARGETS
    assert [(t.indicator, t.target, t.revision, str(t.effective_from)) for t in targets] == [
        ("tieu-chi-nong-thon-moi", Decimal("15.5"), 1, "2023-05-30"),
        ("ho-ngheo", Decimal(25), 1, "2023-05-30"),
    ]
    async with database.read() as session:
        kept = await commitments.versions(session, CODE, clerk.unit)
        assert {code: versions[0].baseline for code, versions in kept.items()} == {"tieu-chi-nong-thon-moi": 12, "ho-ngheo": Decimal("30.25")}
        actions = [entry.action for entry in await audit.listed(session, {clerk.unit, secretary.unit})]
    assert actions == ["participation.approved", "participation.submitted", "participation.saved"]


async def test_a_returned_registration_carries_its_reason_and_can_be_sent_again(database: Database, officer) -> None:
    head, secretary = await officer("xa-ta-tong.head"), await officer("hoi-dong.thu-ky")
    row = await save(database, head, form(head.unit))
    await submit(database, head, row.id)
    with pytest.raises(Refused) as refused:
        await send_back(database, secretary, row.id, "  ")
    assert [f.field for f in refused.value.faults] == ["reason"]
    row = await send_back(database, secretary, row.id, " Mục tiêu thấp ")
    assert (row.status, row.reason) == ("returned", "Mục tiêu thấp")
    assert [e.reason for e in await said(database, ParticipationReturned)] == ["Mục tiêu thấp"]
    row = await save(database, head, form(head.unit, TARGETS[0]))
    row = await submit(database, head, row.id)
    assert (row.status, row.revision, row.reason) == ("submitted", 5, "")


async def test_a_draft_may_be_incomplete_and_a_submission_tells_every_gap(database: Database, officer) -> None:
    clerk = await officer("xa-ta-tong.clerk")
    nobody = Person(name="", post="")
    row = await save(database, clerk, Form(clerk.unit, nobody, nobody, ()))
    with pytest.raises(Refused) as refused:
        await submit(database, clerk, row.id)
    fields = [f.field for f in refused.value.faults]
    assert fields == ["head.name", "head.post", "focal_officer.name", "focal_officer.post", "commitments"]
    assert await said(database, ParticipationEvent) == []


async def test_an_unsound_commitment_is_refused_and_nothing_is_kept(database: Database, officer) -> None:
    clerk = await officer("xa-ta-tong.clerk")
    wrong = TARGETS[1].model_copy(update={"target": Decimal(31)})
    with pytest.raises(Refused) as refused:
        await save(database, clerk, form(clerk.unit, TARGETS[0], wrong))
    assert [f.field for f in refused.value.faults] == ["commitments.1.target"]
    async with database.read() as session:
        assert await participations.of_unit(session, CODE, clerk.unit) is None


async def test_what_is_sent_or_approved_cannot_be_changed_or_decided_twice(database: Database, officer) -> None:
    clerk, secretary = await officer("xa-ta-tong.clerk"), await officer("hoi-dong.thu-ky")
    row = await save(database, clerk, form(clerk.unit))
    with pytest.raises(Conflict):
        await approve(database, secretary, row.id)
    await submit(database, clerk, row.id)
    with pytest.raises(Conflict):
        await save(database, clerk, form(clerk.unit))
    await approve(database, secretary, row.id)
    for again in (approve(database, secretary, row.id), submit(database, clerk, row.id), send_back(database, secretary, row.id, "x")):
        with pytest.raises(Conflict):
            await again
    assert len(await said(database, ParticipationApproved)) == 1


async def test_a_change_made_on_an_older_revision_is_refused(database: Database, officer) -> None:
    clerk, head = await officer("xa-ta-tong.clerk"), await officer("xa-ta-tong.head")
    row = await save(database, clerk, form(clerk.unit))
    await save(database, head, form(head.unit, revision=row.revision))
    with pytest.raises(Conflict):
        await save(database, clerk, form(clerk.unit, revision=1))


async def test_only_the_unit_itself_writes_and_only_the_secretary_decides(database: Database, officer) -> None:
    clerk, other, above = await officer("xa-ta-tong.clerk"), await officer("xa-bum-nua.clerk"), await officer("huyen-muong-te.head")
    row = await save(database, clerk, form(clerk.unit))
    for stranger in (other, above):
        with pytest.raises(NotFound):
            await save(database, stranger, form(clerk.unit))
        with pytest.raises(NotFound):
            await submit(database, stranger, row.id)
    await submit(database, clerk, row.id)
    for login in ("xa-ta-tong.head", "huyen-muong-te.head", "hoi-dong.chu-tich", "van-hanh"):
        with pytest.raises(Forbidden):
            await approve(database, await officer(login), row.id)


async def test_nobody_decides_on_what_they_have_sent_themselves(database: Database, officer) -> None:
    clerk, secretary = await officer("xa-ta-tong.clerk"), await officer("hoi-dong.thu-ky")
    row = await save(database, clerk, form(clerk.unit))
    await submit(database, clerk, row.id)
    async with database.write() as session:
        found = await session.get(Participation, row.id)
        assert found
        found.submitted_by = secretary.id
    for decision in (approve(database, secretary, row.id), send_back(database, secretary, row.id, "x")):
        with pytest.raises(Forbidden):
            await decision


async def test_a_unit_without_a_cluster_does_not_register(database: Database, officer) -> None:
    clerk = await officer("tinh-lai-chau.clerk")
    with pytest.raises(Refused):
        await save(database, clerk, form(clerk.unit))


async def test_nothing_is_taken_before_the_movement_starts(database: Database, officer) -> None:
    clerk = await officer("xa-ta-tong.clerk")
    async with database.write() as session:
        await session.execute(update(phases).values(phase="launched", at=BEFORE))
    with pytest.raises(Conflict):
        await save(database, clerk, form(clerk.unit))


async def test_the_list_shows_who_waits_first_and_who_has_not_registered(database: Database, officer) -> None:
    clerk, head = await officer("xa-ta-tong.clerk"), await officer("huyen-muong-te.head")
    row = await save(database, clerk, form(clerk.unit))
    await submit(database, clerk, row.id)
    async with database.read() as session:
        campaign = await campaigns.chosen(session, None)
        seen = await overview.of_registrations(session, campaign, None, local_date(REGISTERING))
        assert next((r.name, r.status, r.commitments) for r in seen.rows) == ("Xã Tà Tổng", "submitted", 2)
        assert seen.counts["none"] == len(seen.rows) - 1
        mine = await overview.of_registrations(session, campaign, {head.unit, clerk.unit}, local_date(REGISTERING))
        assert {r.name for r in mine.rows} == {"Huyện Mường Tè", "Xã Tà Tổng"}
