"""What is wrong with an event its sender is told, truly and where it looks; what the door turns away is counted."""

import asyncio
import gzip
import html
import json
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import pytest
import pytest_asyncio

from services.reporting import door, refusals
from shared.events.registration import (
    Role,
)
from shared.events.reporting import (
    EventRejected,
    ObservationAccepted,
)
from shared.messages import Refused
from tests.reporting import world
from tests.reporting.desk import Desk
from tests.reporting.sending import (
    BATCH,
    KEY,
    NOW,
    OTHER_KEY,
    STRUCTURED,
    admitted,
    binary,
    door_of,
    listed,
    post,
    sent,
    whole,
)
from tests.reporting.world import COMMUNE, hear, observed, said


@pytest_asyncio.fixture
async def desk(app_of) -> AsyncIterator[Desk]:
    async with door_of(app_of("reporting")) as found:
        yield found


DEEP = b"[" * 10_000 + b"]" * 10_000
SEEN_BAD: dict[str, tuple[bytes, dict[str, str]]] = {
    "depth 10,000": (DEEP, binary()),
    "depth 10,000, structured": (DEEP, {"content_type": STRUCTURED}),
    "duplicate keys": (b'{"value": 1, "value": 2}', binary()),
    "lone surrogates": (json.dumps(observed(unit_of_measure="\ud800")).encode(), binary()),
    "unknown content type": (b"<a/>", binary(content_type="text/xml")),
    "no ce- attributes": (json.dumps(observed("30")).encode(), {"content_type": "application/json"}),
    "unknown type": (json.dumps(observed("30")).encode(), binary(ce_type="inbound.works.opened.v1")),
    "a type that is no subject": (json.dumps(observed("30")).encode(), binary(ce_type="inbound.>")),
    "a unit not its own": (json.dumps(observed("30", about=world.PROVINCE)).encode(), binary()),
    "another client in the type": (json.dumps(observed("30")).encode(), binary(ce_type="inbound.thue.indicator.observed.v1")),
}


@pytest.mark.parametrize("case", SEEN_BAD)
async def test_a_bad_event_is_refused_with_a_reason_where_its_sender_sees_it_and_the_next_is_taken(desk: Desk, case: str) -> None:
    body, headers = SEEN_BAD[case]
    refused = await sent(desk, body, **headers)
    assert refused["state"] == "rejected"
    assert all(fault["vi"] and fault["en"] for fault in refused["faults"])
    assert (await sent(desk, json.dumps(observed("30")), **binary("next")))["state"] == "accepted"
    assert len(await said(desk.database, EventRejected)) == 1


TOLD: dict[str, tuple[bytes, dict[str, str], list[str]]] = {
    "twice": (b'{"id": "1", "id": "2"}', {"content_type": STRUCTURED}, ["id"]),
    "deep": (DEEP, {"content_type": STRUCTURED}, [""]),
    "half a pair": (json.dumps(whole(data={"campaign": "\ud800"})).encode(), {"content_type": STRUCTURED}, ["data.campaign"]),
    "a list": (b"[1]", {"content_type": STRUCTURED}, [""]),
    "no type": (json.dumps(whole(type="")).encode(), {"content_type": STRUCTURED}, ["type"]),
    "a strange type": (json.dumps(observed("30")).encode(), binary(ce_type="inbound.>"), ["type"]),
    "bytes in a header": (json.dumps(observed("30")).encode(), binary(ce_id="m\xc3\xa3"), ["id"]),
    "no UTF-8 behind percent signs": (json.dumps(observed("30")).encode(), binary(ce_id="%FF"), ["id"]),
    "bytes in another header": (json.dumps(observed("30")).encode(), binary(ce_source="%C3"), ["source"]),
}


@pytest.mark.parametrize("case", TOLD)
async def test_a_sender_is_told_the_true_reason_and_no_other(desk: Desk, case: str) -> None:
    body, headers, fields = TOLD[case]
    refused = await sent(desk, body, **headers)
    assert (refused["state"], [fault["field"] for fault in refused["faults"]]) == ("rejected", fields)
    assert "unreadable" not in json.dumps(refused["faults"])


async def test_an_id_with_another_body_is_a_conflict_and_both_are_kept(desk: Desk) -> None:
    await sent(desk, json.dumps(observed("30")), **binary())
    assert (await sent(desk, json.dumps(observed("31")), **binary()))["state"] == "conflict"
    assert [event.value for event in await said(desk.database, ObservationAccepted)] == [Decimal(30)]


async def test_what_is_too_large_or_compressed_is_not_even_opened(desk: Desk) -> None:
    assert (await post(desk, b" " * 2_000_001, **binary())).status_code == 413
    bomb = gzip.compress(b"0" * 50_000_000)
    for encoding in ("gzip", "deflate", "br"):
        assert (await post(desk, bomb, content_encoding=encoding, **binary())).status_code == 415
    assert (await desk.service.jetstream.stream_info("INBOUND_kho-bac")).state.messages == 0


@pytest.mark.parametrize("body", [b"", b"{}", b"[", b"[]", b"[{} {}]", b"\xff", DEEP[:-1], b"[" + b"{}," * 1000 + b"{}]"])
def test_what_is_no_batch_is_refused_at_once(body: bytes) -> None:
    with pytest.raises(Refused):
        door.unpack("kho-bac", {"content-type": BATCH}, body)


TURNED_AWAY: dict[str, tuple[bytes, dict[str, str], int]] = {
    "too large": (b"x" * 2_000_001, binary(), 413),
    "compressed": (gzip.compress(b"{}"), binary(content_encoding="gzip"), 415),
    "no batch": (b"{}", {"content_type": BATCH}, 422),
    "too fast": (json.dumps([whole("a"), whole("b"), whole("c")]).encode(), {"content_type": BATCH}, 429),
}


@pytest.mark.parametrize("case", TURNED_AWAY)
async def test_what_the_door_turns_away_leaves_its_sender_a_count_and_a_reason(desk: Desk, case: str, caplog) -> None:
    body, headers, status = TURNED_AWAY[case]
    await hear(desk.database, admitted("kho-bac", KEY, revision=2, quota=4))
    if status == 429:
        assert (await post(desk, body, **headers)).status_code == 202
    for path in ("events", "sandbox/events", "events"):
        assert (await post(desk, body, path=path, **headers)).status_code == (202 if (status, path) == (429, "sandbox/events") else status)
    told = await turned_away(desk, 2 if status == 429 else 3)
    assert told["status"] == status
    assert all(fault["vi"] and fault["en"] for fault in told["faults"])
    assert "not kept" not in caplog.text
    assert (await listed(desk, "/reporting/api/refusals?day=2023-07-01")).json() == []
    page = await desk.see(world.officer(COMMUNE, Role.OPERATOR), "/partners/kho-bac")
    assert ("không thành sự kiện" in page.text, told["faults"][0]["vi"] in html.unescape(page.text)) == (True, True)
    assert (await desk.client.get("/reporting/api/refusals", headers={"authorization": f"Bearer {OTHER_KEY}"})).json() == []


async def turned_away(desk: Desk, number: int) -> dict[str, Any]:
    """The one reason of today, once it was counted so often: the service's job writes it."""
    async with asyncio.timeout(60):
        while not (found := (await listed(desk, "/reporting/api/refusals")).json()) or found[0]["number"] < number:
            await asyncio.sleep(0.02)
    assert [one["number"] for one in found] == [number]
    return found[0]


async def test_a_count_that_could_not_be_written_is_written_later(desk: Desk, monkeypatch) -> None:
    tally = refusals.tally_of(desk.service)
    tally.count("kho-bac", Refused.because("Một lý do."), NOW)
    with monkeypatch.context() as patch:
        patch.setattr(refusals, "_write", None)
        with pytest.raises(TypeError):
            await tally.write(desk.service)
    tally.count("kho-bac", Refused.because("Một lý do."), NOW)
    assert (await turned_away(desk, 2))["faults"][0]["vi"] == "Một lý do."


async def test_checking_tells_the_faults_and_sends_nothing(desk: Desk) -> None:
    good = await post(desk, json.dumps(whole()), path="events/check", content_type=STRUCTURED)
    assert good.json() == {"events": [{"faults": []}]}
    bad = await post(desk, json.dumps(whole(data=observed("x", unit_of_measure=""))), path="events/check", content_type=STRUCTURED)
    assert [fault["field"] for fault in bad.json()["events"][0]["faults"]] == ["value", "unit_of_measure"]
    strange = await post(desk, json.dumps(whole(data=observed("30", campaign="nowhere"))), path="events/check", content_type=STRUCTURED)
    assert [fault["field"] for fault in strange.json()["events"][0]["faults"]] == ["campaign"]
    assert await said(desk.database, ObservationAccepted) == []
    assert (await desk.service.jetstream.stream_info("INBOUND_kho-bac")).state.messages == 0
