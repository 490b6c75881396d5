"""A partner's list of its events: narrowed, paged, and with what a person decided."""

import asyncio
import json
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from services.reporting import ledger
from shared.clock import local_date
from shared.events.contract import Event, inbound_types
from shared.events.registration import (
    Decision,
    ProposalDecided,
    Role,
)
from shared.events.reporting import (
    WorkProposed,
    WorkReported,
)
from shared.identity import new_id
from tests.reporting import world
from tests.reporting.desk import Desk
from tests.reporting.sending import (
    NOW,
    binary,
    door_of,
    listed,
    post,
    sent,
    verdict,
)
from tests.reporting.test_kinds import progressed
from tests.reporting.world import COMMUNE, hear, observed, said


@pytest_asyncio.fixture
async def desk(app_of) -> AsyncIterator[Desk]:
    async with door_of(app_of("reporting")) as found:
        yield found


async def test_a_partners_list_is_narrowed_by_state_and_day_and_paged_through_by_links(desk: Desk) -> None:
    for number in range(5):
        await sent(desk, json.dumps(observed(str(30 + number))), **binary(f"e-{number}"))
    await sent(desk, json.dumps(observed("34")), **binary("e-4"))
    await verdict(desk, (await post(desk, json.dumps(observed("30")), path="sandbox/events", **binary("t"))).json()["events"][0])
    today, ids = f"{local_date(NOW)}", ["e-4", "e-3", "e-2", "e-1", "e-0"]
    for query, wanted in (
        ("?state=superseded", ids[1:]), ("?state=duplicate", ids[:1]), ("?state=accepted&sandbox=false", ids[:1]), ("?sandbox=true", ["t"]),
        (f"?day={today}", ["t", *ids]), ("?day=2023-07-01", []),
    ):  # fmt: skip
        answer = await listed(desk, f"/reporting/api/events{query}")
        assert ([row["id"] for row in answer.json()], "link" in answer.headers) == (wanted, False), query
    seen, path = [], f"/reporting/api/events?day={today}&sandbox=false&limit=2"
    while path:
        answer = await listed(desk, path)
        seen.append([row["id"] for row in answer.json()])
        path = answer.links.get("next", {}).get("url", "")
    assert seen == [ids[:2], ids[2:4], ids[4:]]


@pytest.mark.parametrize(("decision", "reason", "words"), [(Decision.CONFIRMED, "", "Được xác nhận"), (Decision.DECLINED, "Không có", "Không được xác nhận")])
async def test_a_sender_sees_what_a_person_decided_on_its_proposal(desk: Desk, decision: Decision, reason: str, words: str) -> None:
    await hear(desk.database, world.treasury(revision=9, types=inbound_types()))
    operator, kind = world.officer(COMMUNE, Role.OPERATOR), WorkReported.TYPE
    first = await sent(desk, json.dumps(progressed()), **binary("w", ce_type=kind))
    assert (first["state"], first["proposal"]) == ("accepted", None)
    assert "Chờ xác nhận" in (await desk.see(operator, "/partners/kho-bac")).text
    [proposal] = [event.proposal for event in await said(desk.database, WorkProposed)]
    event = ProposalDecided(campaign=world.CODE, proposal=proposal, client="kho-bac", event="w", decision=decision, reason=reason, at=NOW)
    await tell(desk, event.model_copy(update={"client": "thue", "decision": Decision.CONFIRMED}), "thue")
    await tell(desk, event, "kho-bac")
    async with asyncio.timeout(60):
        while not (found := await verdict(desk, {"href": f"/reporting/api/events/{first['receipt']}"}))["proposal"]:
            await asyncio.sleep(0.02)
    assert found["proposal"] == {"decision": decision, "reason": reason, "at": found["proposal"]["at"]}
    async with desk.database.read() as session:
        [row] = await ledger.listed(session)
    for path in ("/partners/kho-bac", f"/inbound/{row.id}"):
        assert words in (await desk.see(operator, path)).text
    assert reason in (await desk.see(operator, f"/inbound/{row.id}")).text


async def tell(desk: Desk, event: Event, client: str) -> None:
    """Let registration say something to a partner, over the broker."""
    said_by = {"ce-id": new_id(), "ce-source": "/thidua/registration", "ce-type": event.TYPE, "ce-time": NOW.isoformat(), "ce-specversion": "1.0"}
    await desk.service.jetstream.publish(f"{event.TYPE}.{client}", event.model_dump_json().encode(), headers=said_by)


@pytest.mark.parametrize(("query", "field"), [("state=x", "state"), ("day=2023-02-31", "day")])
async def test_a_list_that_cannot_be_narrowed_so_is_refused_with_the_choices(desk: Desk, query: str, field: str) -> None:
    answer = await listed(desk, f"/reporting/api/events?{query}")
    assert (answer.status_code, [fault["field"] for fault in answer.json()["faults"]]) == (422, [field])


async def test_the_openapi_document_tells_how_a_list_is_narrowed_and_paged(desk: Desk) -> None:
    asked = (await desk.client.get("/reporting/api/openapi.json")).json()["paths"]["/reporting/api/events"]["get"]
    assert {one["name"] for one in asked["parameters"]} >= {"state", "day", "after", "sandbox", "limit"}
    assert "superseded" in json.dumps(asked["parameters"])
    assert "Link" in asked["responses"]["200"]["headers"]
