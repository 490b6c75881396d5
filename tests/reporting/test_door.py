"""The HTTP door: any mode of CloudEvents, an API key, a receipt after the broker's acknowledgement, and the same verdicts as over NATS."""

import asyncio
import gzip
import hashlib
import html
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from decimal import Decimal
from typing import Any

import httpx
import nats
import pytest
import pytest_asyncio
from cloudevents.core.bindings.http import HTTPMessage, to_binary, to_structured
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent
from nats.js.api import StreamConfig
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind

from services.reporting import door, ledger, refusals
from services.reporting.examples import event as example
from services.reporting.observations import of_unit
from shared import streams
from shared.clock import local_date
from shared.events.contract import REGISTRY, Event, inbound_types
from shared.events.registration import (
    Decision,
    PartnerAdmitted,
    PartnerKey,
    PartnerRevoked,
    ProposalDecided,
    Role,
)
from shared.events.reporting import (
    EventRejected,
    ObservationAccepted,
    WorkProposed,
    WorkReported,
)
from shared.identity import new_id
from shared.messages import Refused
from shared.security import wall_now
from shared.shadows import shadow_of
from shared.telemetry import SPAN_PASSED, trace_id_of
from shared.web import paths
from tests.reporting import world
from tests.reporting.desk import Desk, desk_of
from tests.reporting.test_kinds import progressed
from tests.reporting.world import COMMUNE, OPENED, hear, observed, said

NOW = OPENED + timedelta(days=2)
KEY, OTHER_KEY, OLD_KEY = "thidua.kho-bac.secret", "thidua.thue.secret", "thidua.kho-bac.old"
KIND = "inbound.indicator.observed.v1"
STRUCTURED, BATCH = "application/cloudevents+json", "application/cloudevents-batch+json"


def admitted(client: str = "kho-bac", *keys: str, **changes: Any) -> PartnerAdmitted:
    held = tuple(PartnerKey(key=key, nkey="U", secret_sha256=hashlib.sha256(key.encode()).hexdigest()) for key in keys)
    return PartnerAdmitted(**({"client": client, "revision": 1, "keys": held, "quota": 1000, "at": NOW} | changes))


@pytest_asyncio.fixture
async def desk(app_of) -> AsyncIterator[Desk]:
    async with desk_of(app_of("reporting"), NOW, ("kho-bac", "thue")) as found:
        await hear(found.database, world.treasury(client="thue"), admitted("kho-bac", KEY, OLD_KEY), admitted("thue", OTHER_KEY))
        yield found


async def post(desk: Desk, body: bytes | str, path: str = "events", key: str = KEY, **headers: str) -> httpx.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()} | {"authorization": f"Bearer {key}"}
    return await desk.client.post(f"/reporting/api/{path}", content=body, headers={name: value.encode("latin-1") for name, value in named.items()})


def binary(id: str = "e-1", **changes: str) -> dict[str, str]:
    return {"ce_specversion": "1.0", "ce_id": id, "ce_source": "//x.example", "ce_type": KIND, "content_type": "application/json"} | changes


def whole(id: str = "e-1", data: Any = None, **changes: Any) -> dict[str, Any]:
    return {"specversion": "1.0", "id": id, "source": "//x.example", "type": KIND, "data": data or observed("30")} | changes


async def verdict(desk: Desk, receipt: dict[str, str], key: str = KEY) -> dict[str, Any]:
    """What became of an event, once it was decided."""
    async with asyncio.timeout(60):
        while True:
            answer = await desk.client.get(receipt["href"], headers={"authorization": f"Bearer {key}"})
            assert answer.status_code == 200, answer.text
            if answer.json()["state"] != "received":
                return answer.json()
            await asyncio.sleep(0.02)


async def sent(desk: Desk, body: bytes | str, **headers: str) -> dict[str, Any]:
    answer = await post(desk, body, **headers)
    assert answer.status_code == 202, answer.text
    assert answer.headers["location"] == answer.json()["events"][0]["href"]
    return await verdict(desk, answer.json()["events"][0])


async def test_binary_and_structured_mode_and_a_batch_end_in_the_same_stream_with_receipts(desk: Desk) -> None:
    first = await sent(desk, json.dumps(observed("30")), **binary())
    second = await sent(desk, json.dumps(whole("e-2", observed("31"))), content_type=STRUCTURED)
    assert (first["state"], first["receipt"], second["receipt"]) == ("accepted", "INBOUND_kho-bac:1", "INBOUND_kho-bac:2")
    batch = [whole(f"b-{n}", observed(str(32 + n))) for n in range(3)] + [whole("b-9", observed("x"))]
    answer = await post(desk, json.dumps(batch), content_type=BATCH)
    states = [(await verdict(desk, one))["state"] for one in answer.json()["events"]]
    assert states == ["superseded", "superseded", "accepted", "rejected"]
    assert len(await said(desk.database, ObservationAccepted)) == 5


async def traces_of(desk: Desk, headers: dict[str, str], *events: Any) -> dict[str, str]:
    """Trace ids by event id, once all are decided."""
    answer = await post(desk, json.dumps(events[0] if len(events) == 1 else events), **headers)
    for receipt in answer.json()["events"]:
        await verdict(desk, receipt)
    async with desk.database.read() as session:
        return {row.event: trace_id_of(row.traceparent) for row in await ledger.listed(session)}


async def test_each_event_of_a_batch_has_a_path_of_its_own_and_one_alone_that_of_its_request(desk: Desk) -> None:
    traces = await traces_of(desk, {"content_type": BATCH}, *(whole(f"b-{n}", observed(str(30 + n))) for n in range(3)))
    assert len(set(traces.values())) == 3
    for event in await said(desk.database, ObservationAccepted):
        trace = traces[f"b-{event.value - 30}"]
        async with desk.database.read() as session:
            kinds = [step.type for step in await paths.steps(session, trace)]
        assert kinds == ["inbound", ObservationAccepted.TYPE]
    given = "4bf92f3577b34da6a3ce929d0e0e4736"
    alone = await traces_of(desk, {"content_type": STRUCTURED, "traceparent": f"00-{given}-00f067aa0ba902b7-01"}, whole("alone"))
    assert alone["alone"] == given


async def test_what_the_door_passes_on_is_heard_below_the_span_that_passed_it_on(desk: Desk) -> None:
    """One alone in its request's trace, each of a batch in its own: so a service graph knows the door as who says it."""
    spans = InMemorySpanExporter()
    desk.service.trace_to(SimpleSpanProcessor(spans))
    await sent(desk, json.dumps(whole("alone")), content_type=STRUCTURED)
    await traces_of(desk, {"content_type": BATCH}, *(whole(f"b-{n}", observed(str(30 + n))) for n in range(3)))
    done = spans.get_finished_spans()
    passed = {span.context.span_id for span in done if (span.name, span.kind) == (SPAN_PASSED, SpanKind.PRODUCER)}
    heard = [span for span in done if span.kind == SpanKind.CONSUMER and span.name.startswith("process ") and "inbound" in span.name]
    assert len(passed) == len(heard) == 4
    assert {span.parent.span_id for span in heard if span.parent} == passed
    posts = [span.context.span_id for span in done if span.kind == SpanKind.SERVER and span.name.startswith("POST ")]
    assert [span.parent.span_id for span in done if span.name == SPAN_PASSED and span.parent] == posts[:1]


async def test_a_number_in_a_batch_is_passed_on_digit_by_digit(desk: Desk) -> None:
    body = json.dumps([whole("e-1", observed(0))]).replace('"value": 0', '"value": 30.50')
    await verdict(desk, (await post(desk, body, content_type=BATCH)).json()["events"][0])
    assert str((await said(desk.database, ObservationAccepted))[0].value) == "30.50"


async def test_over_nats_and_over_http_the_same_event_is_one_event(desk: Desk) -> None:
    body = json.dumps(observed("30")).encode()
    connection = await nats.connect(desk.service.settings.nats_url)
    headers = {name.replace("_", "-"): value for name, value in binary().items()}
    await connection.jetstream().publish(f"inbound.kho-bac.{KIND.removeprefix('inbound.')}", body, headers=headers)
    await connection.close()
    assert (await post(desk, body, **binary())).status_code == 202
    await sent(desk, json.dumps(observed("31")), **binary("e-2"))
    found = (await desk.client.get("/reporting/api/events", headers={"authorization": f"Bearer {KEY}"})).json()
    assert [(row["id"], row["repeats"]) for row in found] == [("e-2", 0), ("e-1", 1)]


async def test_over_nats_a_mended_event_and_another_body_come_in_under_the_message_id_of_the_first(desk: Desk) -> None:
    """The broker drops what repeats a message id and tells its sender nothing but a receipt; whether it is the same is ours to say."""
    connection = await nats.connect(desk.service.settings.nats_url)
    states = []
    for value in ("x", "30", "31", "30"):
        subject, headers = f"inbound.kho-bac.{KIND.removeprefix('inbound.')}", {"content-type": STRUCTURED, "Nats-Msg-Id": "e-1"}
        body = json.dumps(whole("e-1", observed(value))).encode()
        async with asyncio.timeout(60):
            while (stored := await connection.jetstream().publish(subject, body, headers=headers)).duplicate:
                await asyncio.sleep(streams.INBOUND_DUPLICATE_SECONDS)  # a moment later the broker has forgotten the id
        states.append((await verdict(desk, {"href": f"/reporting/api/events/{stored.stream}:{stored.seq}"}))["state"])
    await connection.close()
    assert states == ["rejected", "accepted", "conflict", "duplicate"]


@pytest.mark.parametrize("key", ["", "x", "thidua.kho-bac.wrong", "thidua..", "thidua.nobody.secret", KEY + " ", "thidua.thue.secret2"])
async def test_without_a_key_that_holds_nobody_comes_in(desk: Desk, key: str) -> None:
    answer = await post(desk, json.dumps(observed("30")), key=key.strip() if key != KEY + " " else "thidua.kho-bac.secret.x", **binary())
    assert answer.status_code == 401
    assert (await desk.client.get("/reporting/api/events")).status_code == 401


@pytest.mark.parametrize(("address", "status"), [("http://thidua.example", 403), ("https://thidua.example", 202), ("http://localhost", 202)])
async def test_a_key_that_others_could_read_on_the_way_opens_nothing(desk: Desk, address: str, status: int) -> None:
    headers = {name.replace("_", "-"): value for name, value in binary().items()} | {"authorization": f"Bearer {KEY}"}
    sending = await desk.client.post(f"{address}/reporting/api/events", content=json.dumps(observed("30")), headers=headers)
    assert sending.status_code == status, sending.text
    if status == 403:
        assert "https" in sending.text
        assert (await desk.client.get(f"{address}/reporting/api/events", headers=headers)).status_code == 403
        assert (await desk.service.jetstream.stream_info("INBOUND_kho-bac")).state.messages == 0


async def test_rotated_keys_hold_until_they_end_and_a_revocation_ends_all_at_once(desk: Desk) -> None:
    await hear(desk.database, admitted("kho-bac", KEY, revision=2).model_copy(update={
        "keys": tuple(
            PartnerKey(key=k, nkey="U", secret_sha256=hashlib.sha256(k.encode()).hexdigest(), expires_at=e)
            for k, e in ((OLD_KEY, wall_now() - timedelta(seconds=1)), (KEY, wall_now() + timedelta(hours=1)))
        )
    }))  # fmt: skip
    assert (await post(desk, json.dumps(observed("30")), key=OLD_KEY, **binary())).status_code == 401
    assert (await post(desk, json.dumps(observed("30")), key=KEY, **binary())).status_code == 202
    await hear(desk.database, PartnerRevoked(client="kho-bac", revision=3, at=NOW))
    assert (await post(desk, json.dumps(observed("30")), key=KEY, **binary())).status_code == 401
    assert (await post(desk, json.dumps(observed("30")), key=OTHER_KEY, **binary())).status_code == 202


async def test_another_partners_event_has_no_effect_on_either(desk: Desk) -> None:
    mine = await sent(desk, json.dumps(observed("30")), **binary())
    answer = await post(desk, json.dumps(observed("31")), key=OTHER_KEY, **binary())
    theirs = await verdict(desk, answer.json()["events"][0], OTHER_KEY)
    assert (mine["state"], theirs["state"]) == ("accepted", "accepted")
    seen = await desk.client.get(f"/reporting/api/events/{mine['receipt']}", headers={"authorization": f"Bearer {OTHER_KEY}"})
    assert seen.status_code == 404
    async with desk.database.read() as session:
        assert sorted((row.client, row.value) for row in await of_unit(session, world.CODE, COMMUNE)) == [("kho-bac", Decimal(30)), ("thue", Decimal(31))]


async def test_the_same_idempotency_key_gets_the_first_answer_and_stores_nothing_twice(desk: Desk) -> None:
    answers = [await post(desk, json.dumps(observed("30")), idempotency_key="k", **binary()) for _ in range(3)]
    assert len({answer.text for answer in answers}) == 1
    assert (await desk.service.jetstream.stream_info("INBOUND_kho-bac")).state.messages == 1
    assert (await post(desk, json.dumps(observed("31")), idempotency_key="k", **binary())).status_code == 409
    assert (await post(desk, json.dumps(observed("30")), idempotency_key="k", key=OTHER_KEY, **binary())).json() != answers[0].json()


async def test_an_idempotency_key_holds_for_the_headers_of_an_event_as_well(desk: Desk) -> None:
    """In binary mode they say which event it is: another one under the same key must not be taken for the first and dropped."""
    body, ours = json.dumps(observed("30")), binary("e-1", idempotency_key="k", x_request_id="1")
    assert (await post(desk, body, **ours)).status_code == 202
    changes: list[dict[str, str]] = [{"ce_id": "e-2"}, {"content_type": STRUCTURED}, {"webhook_timestamp": "1"}]
    assert [(await post(desk, body, **ours | changed)).status_code for changed in changes] == [409, 409, 409]
    assert (await post(desk, body, **ours | {"x_request_id": "2"})).status_code == 202
    assert (await desk.service.jetstream.stream_info("INBOUND_kho-bac")).state.messages == 1


async def test_past_its_quota_a_partner_is_told_to_wait_and_others_are_not(desk: Desk) -> None:
    await hear(desk.database, admitted("kho-bac", KEY, revision=2, quota=3))
    batch = json.dumps([whole(f"b-{n}") for n in range(3)])
    assert (await post(desk, batch, content_type=BATCH)).status_code == 202
    late = await post(desk, json.dumps(observed("30")), **binary())
    assert late.status_code == 429
    assert 1 <= int(late.headers["retry-after"]) <= 60
    assert (await post(desk, json.dumps(observed("30")), key=OTHER_KEY, **binary())).status_code == 202


async def test_the_same_event_again_is_told_to_be_a_duplicate(desk: Desk) -> None:
    assert (await sent(desk, json.dumps(observed("30")), **binary()))["state"] == "accepted"
    assert (await sent(desk, json.dumps(observed("30")), **binary()))["state"] == "duplicate"


async def test_a_full_stream_refuses_its_sender_alone(desk: Desk) -> None:
    config = (await desk.service.jetstream.stream_info("INBOUND_kho-bac")).config
    await desk.service.jetstream.update_stream(StreamConfig(**config.__dict__ | {"max_msgs": 1}))
    assert (await post(desk, json.dumps(observed("30")), **binary())).status_code == 202
    full = await post(desk, json.dumps(observed("31")), **binary("e-2"))
    assert (full.status_code, "retry-after" in full.headers) == (429, True)
    assert (await post(desk, json.dumps(observed("30")), key=OTHER_KEY, **binary())).status_code == 202


async def test_a_receipt_answers_after_its_event_has_left_the_stream_and_there_is_room_again(desk: Desk) -> None:
    config = (await desk.service.jetstream.stream_info("INBOUND_kho-bac")).config
    receipts = [(await post(desk, json.dumps(observed("30")), **binary())).json()["events"][0] for _ in range(2)]
    assert [(await verdict(desk, one))["state"] for one in receipts] == ["accepted", "duplicate"]
    await desk.service.jetstream.update_stream(StreamConfig(**config.__dict__ | {"max_msgs": 2, "max_age": 0.1, "duplicate_window": 0.1}))
    async with asyncio.timeout(60):
        while (await desk.service.jetstream.stream_info("INBOUND_kho-bac")).state.messages:
            await asyncio.sleep(0.02)
    assert [(await verdict(desk, one))["state"] for one in receipts] == ["accepted", "duplicate"]
    await desk.service.jetstream.update_stream(StreamConfig(**config.__dict__ | {"max_msgs": 2}))
    assert (await sent(desk, json.dumps(observed("31")), **binary("e-2")))["receipt"] == "INBOUND_kho-bac:3"


async def test_without_the_broker_nothing_is_promised(desk: Desk, broker) -> None:
    await broker.stop()
    answer = await post(desk, json.dumps(observed("30")), **binary())
    assert answer.status_code == 503


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


async def test_in_the_sandbox_an_event_is_judged_and_becomes_a_figure_of_the_shadow(desk: Desk) -> None:
    answer = await post(desk, json.dumps(observed("30")), path="sandbox/events", **binary())
    found = await verdict(desk, answer.json()["events"][0])
    assert (found["state"], found["sandbox"], found["subject"]) == ("accepted", True, "inbound.kho-bac.sandbox.indicator.observed.v1")
    assert [event.campaign for event in await said(desk.database, ObservationAccepted)] == [shadow_of(world.CODE, "kho-bac")]


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


async def listed(desk: Desk, path: str = "/reporting/api/events") -> httpx.Response:
    return await desk.client.get(path, headers={"authorization": f"Bearer {KEY}"})


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


async def test_checking_tells_the_faults_and_sends_nothing(desk: Desk) -> None:
    good = await post(desk, json.dumps(whole()), path="events/check", content_type=STRUCTURED)
    assert good.json() == {"events": [{"faults": []}]}
    bad = await post(desk, json.dumps(whole(data=observed("x", unit_of_measure=""))), path="events/check", content_type=STRUCTURED)
    assert [fault["field"] for fault in bad.json()["events"][0]["faults"]] == ["value", "unit_of_measure"]
    strange = await post(desk, json.dumps(whole(data=observed("30", campaign="nowhere"))), path="events/check", content_type=STRUCTURED)
    assert [fault["field"] for fault in strange.json()["events"][0]["faults"]] == ["campaign"]
    assert await said(desk.database, ObservationAccepted) == []
    assert (await desk.service.jetstream.stream_info("INBOUND_kho-bac")).state.messages == 0


async def test_a_system_let_in_while_we_run_gets_its_stream_by_itself(desk: Desk) -> None:
    await hear(desk.database, world.treasury(client="thong-ke"), admitted("thong-ke", "thidua.thong-ke.s"))
    async with asyncio.timeout(60):
        while (answer := await post(desk, json.dumps(observed("30")), key="thidua.thong-ke.s", **binary())).status_code != 202:
            assert answer.status_code == 503
            await asyncio.sleep(0.1)
    assert (await verdict(desk, answer.json()["events"][0], "thidua.thong-ke.s"))["state"] == "accepted"


def sdk_event(id: str, value: str) -> CloudEvent:
    attributes = {"id": id, "source": "//kho-bac.example/số liệu", "type": KIND, "specversion": "1.0", "datacontenttype": "application/json"}
    return CloudEvent(attributes, observed(value))


@pytest.mark.parametrize("mode", [to_binary, to_structured])
async def test_the_official_python_sdk_is_understood_in_both_modes(desk: Desk, mode) -> None:
    message: HTTPMessage = mode(sdk_event("sdk-1", "30"), JSONFormat())
    answer = await desk.client.post("/reporting/api/events", content=message.body, headers=dict(message.headers) | {"authorization": f"Bearer {KEY}"})
    assert (await verdict(desk, answer.json()["events"][0]))["state"] == "accepted"


async def test_the_official_python_sdk_is_understood_over_nats_in_structured_mode(desk: Desk) -> None:
    message = to_structured(sdk_event("sdk-2", "30"), JSONFormat())
    connection = await nats.connect(desk.service.settings.nats_url)
    stored = await connection.jetstream().publish(f"inbound.kho-bac.{KIND.removeprefix('inbound.')}", message.body, headers=dict(message.headers))
    await connection.close()
    found = await verdict(desk, {"href": f"/reporting/api/events/{stored.stream}:{stored.seq}"})
    assert (found["state"], found["id"]) == ("accepted", "sdk-2")


@pytest.mark.parametrize("kind", inbound_types())
def test_every_type_has_an_example_that_fits_its_contract(kind: str) -> None:
    shown = example(kind, "kho-bac")
    assert REGISTRY[kind].model_validate(shown["data"]).model_dump(exclude_unset=True).keys() == shown["data"].keys()


def test_the_examples_can_be_sent_one_after_the_other_and_the_correction_cites_the_observation() -> None:
    shown = {kind: example(kind, "kho-bac") for kind in inbound_types()}
    assert len({one["id"] for one in shown.values()}) == len(inbound_types())
    assert shown["inbound.indicator.corrected.v1"]["data"]["replaces"] == shown[KIND]["id"]
