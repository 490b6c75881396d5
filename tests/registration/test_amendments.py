"""A target changes only by a new version with reason, legal basis and first day."""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pytest

from services.registration import amendments, campaigns, commitments
from services.registration.amendments import Proposal
from services.registration.models import Amendment
from shared.database import Database
from shared.events.registration import CommitmentApproved
from shared.messages import Conflict, Forbidden, NotFound, Refused
from shared.security import Officer
from tests.registration.conftest import REGISTERING, approved, said

CODE = "lai-chau-2023"
LATER = REGISTERING + timedelta(days=60)


def proposal(unit: str) -> Proposal:
    return Proposal(unit, "ho-ngheo", Decimal("26.5"), "Mưa lũ tháng 7", "Công văn 123/UBND-TH", date(2023, 8, 15))


async def propose(database: Database, officer: Officer, form: Proposal) -> Amendment:
    async with database.write() as session:
        return await amendments.propose(session, officer, await campaigns.chosen(session, None), form, LATER)


async def approve(database: Database, officer: Officer, id: str) -> Amendment:
    async with database.write() as session:
        return await amendments.approve(session, officer, id, LATER)


async def send_back(database: Database, officer: Officer, id: str, reason: str) -> Amendment:
    async with database.write() as session:
        return await amendments.send_back(session, officer, id, reason, LATER)


@pytest.fixture
async def head(database: Database, officer) -> Officer:
    """The head of a unit whose registration is approved."""
    await approved(database, await officer("xa-ta-tong.clerk"), await officer("hoi-dong.thu-ky"))
    found: Officer = await officer("xa-ta-tong.head")
    return found


async def test_an_approved_amendment_is_the_next_version_and_the_earlier_one_stays(database: Database, officer, head: Officer) -> None:
    row = await propose(database, head, proposal(head.unit))
    await approve(database, await officer("hoi-dong.thu-ky"), row.id)
    event = (await said(database, CommitmentApproved))[-1]
    assert (event.indicator, event.revision, event.target, event.baseline) == ("ho-ngheo", 2, Decimal("26.5"), Decimal("30.25"))
    assert (event.effective_from, event.reason, event.legal_basis) == (date(2023, 8, 15), "Mưa lũ tháng 7", "Công văn 123/UBND-TH")
    async with database.read() as session:
        versions = (await commitments.versions(session, CODE, head.unit))["ho-ngheo"]
    assert [(v.revision, v.target) for v in versions] == [(2, Decimal("26.5")), (1, Decimal(25))]


async def test_a_target_may_be_added_for_an_indicator_that_had_none(database: Database, officer, head: Officer) -> None:
    added = replace(proposal(head.unit), indicator="bao-hiem-y-te", baseline=Decimal(90), target=Decimal(95))
    row = await propose(database, head, added)
    await approve(database, await officer("hoi-dong.thu-ky"), row.id)
    event = (await said(database, CommitmentApproved))[-1]
    assert (event.indicator, event.revision, event.baseline, event.unit_of_measure) == ("bao-hiem-y-te", 1, Decimal(90), "phan-tram")


async def test_a_returned_proposal_leaves_the_target_and_makes_room_for_another(database: Database, officer, head: Officer) -> None:
    secretary = await officer("hoi-dong.thu-ky")
    row = await propose(database, head, proposal(head.unit))
    with pytest.raises(Conflict):
        await propose(database, head, proposal(head.unit))
    row = await send_back(database, secretary, row.id, "Chưa đủ căn cứ")
    assert (row.status, row.answer) == ("returned", "Chưa đủ căn cứ")
    assert len(await said(database, CommitmentApproved)) == 2
    with pytest.raises(Conflict):
        await approve(database, secretary, row.id)
    assert (await propose(database, head, proposal(head.unit))).status == "proposed"


UNSOUND = [
    ({"target": Decimal(25)}, "target"),
    ({"target": Decimal(31)}, "target"),
    ({"indicator": "grdp"}, "indicator"),
    ({"reason": " "}, "reason"),
    ({"legal_basis": ""}, "legal_basis"),
    ({"effective_from": date(2023, 11, 1)}, "effective_from"),
    ({"effective_from": date(2023, 5, 29)}, "effective_from"),
]


@pytest.mark.parametrize(("change", "field"), UNSOUND)
async def test_an_unsound_proposal_is_refused_at_its_field(database: Database, head: Officer, change: dict[str, object], field: str) -> None:
    with pytest.raises(Refused) as refused:
        await propose(database, head, replace(proposal(head.unit), **change))  # type: ignore[arg-type]
    assert [f.field for f in refused.value.faults] == [field]


async def test_only_the_head_proposes_and_only_the_secretary_decides(database: Database, officer, head: Officer) -> None:
    with pytest.raises(Forbidden):
        await propose(database, await officer("xa-ta-tong.clerk"), proposal(head.unit))
    with pytest.raises(NotFound):
        await propose(database, await officer("huyen-muong-te.head"), proposal(head.unit))
    row = await propose(database, head, proposal(head.unit))
    for login in ("xa-ta-tong.head", "hoi-dong.chu-tich"):
        with pytest.raises(Forbidden):
            await approve(database, await officer(login), row.id)


async def test_a_unit_that_does_not_take_part_has_nothing_to_amend(database: Database, officer) -> None:
    head = await officer("xa-bum-nua.head")
    with pytest.raises(Conflict):
        await propose(database, head, proposal(head.unit))
