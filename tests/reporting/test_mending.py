"""What a partner's page keeps of refused events, requests and proposals, in both databases."""

from datetime import timedelta

import pytest

from services.reporting import ledger, mending, refusals
from services.reporting.ledger import Span
from services.reporting.mending import MENDS
from services.reporting.refusals import Reason, Times
from shared.clock import local_date
from shared.database import Database
from shared.events.registration import Decision, ProposalDecided, Role
from shared.events.reporting import WorkProposed, WorkReported
from shared.messages import NotFound
from tests.reporting import world
from tests.reporting.test_kinds import (
    NOW,
    OBSERVED,
    may_say_all,
    message,
    progressed,
    rows,
)
from tests.reporting.world import COMMUNE, arrive, hear, observed, officer, said


async def test_a_refused_event_leaves_the_inbox_by_a_mended_one_or_by_a_person(movement: Database) -> None:
    for event in ("a", "b"):
        await arrive(movement, message(OBSERVED, observed("x"), event), NOW)
    first, second = await rows(movement)
    await arrive(movement, message(OBSERVED, observed("30"), "c", **{MENDS: first.id}), NOW)
    async with movement.write() as session:
        await mending.settle(session, officer(COMMUNE, Role.OPERATOR), "kho-bac", second.id, NOW)
    async with movement.write() as session:
        assert await mending.listed(session, "kho-bac", "", 10) == ([], "")
        with pytest.raises(NotFound):
            await mending.settle(session, officer(COMMUNE, Role.OPERATOR), "kho-bac", first.id, NOW)


async def test_refused_requests_are_added_up_by_day_and_reason(movement: Database) -> None:
    reason, told = Reason("kho-bac", local_date(NOW), 413, "Lớn quá."), [{"field": "", "vi": "Lớn quá.", "en": "Too large."}]
    for number in (2, 3):
        async with movement.write() as session:
            await refusals._write(session, reason, Times(number, told, NOW + timedelta(seconds=number)))
    async with movement.read() as session:
        [row] = await refusals.of_day(session, "kho-bac", reason.day)
    assert (row.number, row.faults, row.at) == (5, told, NOW + timedelta(seconds=3))


async def test_a_decision_is_kept_beside_the_event_that_proposed(movement: Database) -> None:
    await may_say_all(movement)
    await arrive(movement, message(WorkReported.TYPE, progressed()), NOW)
    [proposed] = await said(movement, WorkProposed)
    facts = {"campaign": world.CODE, "proposal": proposed.proposal, "client": "kho-bac", "event": "e-1", "at": NOW}
    await hear(movement, ProposalDecided(**facts, decision=Decision.DECLINED, reason="Không có"))
    async with movement.read() as session:
        found, _ = await ledger.page(session, Span("kho-bac", sandbox=False), 10)
    assert [(row.decision, row.decision_reason, row.decision_at) for row in found] == [("declined", "Không có", NOW)]
