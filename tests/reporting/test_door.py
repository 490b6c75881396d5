"""The HTTP door: any mode of CloudEvents, an API key, a receipt after the broker's acknowledgement, and the same verdicts as over NATS."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import nats
import pytest_asyncio
from nats.js.api import StreamConfig
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind

from services.reporting import ledger
from shared import streams
from shared.events.reporting import (
    ObservationAccepted,
)
from shared.shadows import shadow_of
from shared.telemetry import SPAN_PASSED, trace_id_of
from shared.web import paths
from tests.reporting import world
from tests.reporting.desk import Desk
from tests.reporting.sending import (
    BATCH,
    KEY,
    KIND,
    OTHER_KEY,
    STRUCTURED,
    admitted,
    binary,
    door_of,
    post,
    sent,
    verdict,
    whole,
)
from tests.reporting.world import hear, observed, said


@pytest_asyncio.fixture
async def desk(app_of) -> AsyncIterator[Desk]:
    async with door_of(app_of("reporting")) as found:
        yield found


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


async def test_in_the_sandbox_an_event_is_judged_and_becomes_a_figure_of_the_shadow(desk: Desk) -> None:
    answer = await post(desk, json.dumps(observed("30")), path="sandbox/events", **binary())
    found = await verdict(desk, answer.json()["events"][0])
    assert (found["state"], found["sandbox"], found["subject"]) == ("accepted", True, "inbound.kho-bac.sandbox.indicator.observed.v1")
    assert [event.campaign for event in await said(desk.database, ObservationAccepted)] == [shadow_of(world.CODE, "kho-bac")]


async def test_a_system_let_in_while_we_run_gets_its_stream_by_itself(desk: Desk) -> None:
    await hear(desk.database, world.treasury(client="thong-ke"), admitted("thong-ke", "thidua.thong-ke.s"))
    async with asyncio.timeout(60):
        while (answer := await post(desk, json.dumps(observed("30")), key="thidua.thong-ke.s", **binary())).status_code != 202:
            assert answer.status_code == 503
            await asyncio.sleep(0.1)
    assert (await verdict(desk, answer.json()["events"][0], "thidua.thong-ke.s"))["state"] == "accepted"
