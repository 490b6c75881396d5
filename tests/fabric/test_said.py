"""What a service says has a span in the trace of its cause, and goes out in that span's name; what is not said has none."""

import pytest
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind
from sqlalchemy import select

from shared.clock import Clock
from shared.database import fabric
from shared.delivery import Delivery, Meta
from shared.events.clock import MinuteTicked
from shared.events.registration import SessionEnded
from shared.events.reporting import EventRejected
from shared.hears import Hears
from shared.inbox import Inbox
from shared.outbox import outbox, record
from shared.telemetry import (
    CAMPAIGN,
    EVENT_ID,
    EVENT_TYPE,
    SERVICE,
    SPAN_EVENT,
    SPAN_SAID,
    Telemetry,
    parent_of,
    within,
)
from shared.testing.databases import fresh_database
from tests.fabric.conftest import NOW

EVENT = SessionEnded(session="s", officer="x")
NAME = SPAN_SAID.format(type=EVENT.TYPE)


@pytest.fixture
async def database():
    async with fresh_database("registration", "sqlite") as found:
        async with found.writer.begin() as connection:
            await connection.run_sync(fabric.create_all)
        yield found


@pytest.fixture
def spans(database):
    kept = InMemorySpanExporter()
    database.telemetry = Telemetry("registration", processors=(SimpleSpanProcessor(kept),))
    return kept


async def traces(database) -> list[str | None]:
    async with database.read() as session:
        return list((await session.scalars(select(outbox.c.traceparent).order_by(outbox.c.position))).all())


async def test_an_event_goes_out_in_the_name_of_a_producer_s_span_below_its_cause(database, spans):
    async with database.write() as session:
        with database.telemetry.span("GET /one") as one:
            first = await record(session, EVENT, NOW)
        with database.telemetry.span("GET /other") as other:
            await record(session, EVENT, NOW)
    said = [span for span in spans.get_finished_spans() if span.name == NAME]
    assert [span.parent.span_id for span in said] == [one.get_span_context().span_id, other.get_span_context().span_id]
    assert {span.kind for span in said} == {SpanKind.PRODUCER}
    assert said[0].attributes == {SERVICE: "registration", EVENT_ID: first, EVENT_TYPE: EVENT.TYPE}
    assert await traces(database) == [f"00-{span.context.trace_id:032x}-{span.context.span_id:016x}-{span.context.trace_flags:02x}" for span in said]


async def test_the_span_names_the_campaign_that_is_kept_here_and_no_text_that_a_partner_sent(database, spans):
    database.telemetry.campaigns.know(["thu-nghiem"])
    async with database.write() as session:
        for campaign in ("thu-nghiem", "thu-nghiem~kho-bac", "khong-co-that"):
            await record(session, EventRejected(campaign=campaign, client="kho-bac", event="e", faults=(), at=NOW), NOW, client="kho-bac")
    assert [span.attributes.get(CAMPAIGN) for span in spans.get_finished_spans()] == ["thu-nghiem", None, None]
    counted = "traces_span_metrics_duration_seconds_count"
    assert {s.labels["thidua_campaign"]: s.value for m in database.telemetry.registry.collect() for s in m.samples if s.name == counted} == {"thu-nghiem": 1, "": 2}


async def test_the_span_of_a_tick_names_no_event_for_a_tick_leaves_no_row_and_has_no_page(database, spans):
    inbox = Inbox(database, Hears("registration"), database.telemetry, Clock(simulated=True))
    tick = MinuteTicked(instant=NOW, mode="simulated")
    await inbox.apply([Delivery(None, Meta(id="t-1", source="/thidua/clock", type=tick.TYPE, time=NOW, stored=NOW), tick)])
    (heard,) = spans.get_finished_spans()
    assert heard.name == SPAN_EVENT.format(type=tick.TYPE)
    assert EVENT_ID not in heard.attributes


async def test_what_nothing_caused_begins_a_trace(database, spans):
    async with database.write() as session:
        await record(session, EVENT, NOW)
    (said,) = spans.get_finished_spans()
    assert said.parent is None
    assert await traces(database) == [f"00-{said.context.trace_id:032x}-{said.context.span_id:016x}-{said.context.trace_flags:02x}"]


async def test_what_a_trial_or_a_transaction_that_failed_recorded_was_never_said(database, spans):
    async with database.write() as session, session.undone():
        await record(session, EVENT, NOW)
    with pytest.raises(ZeroDivisionError):
        async with database.write() as session:
            await record(session, EVENT, NOW)
            raise ZeroDivisionError
    assert spans.get_finished_spans() == ()
    assert await traces(database) == []


@pytest.mark.parametrize("flags", ["00", "01"])
async def test_of_a_cause_that_nobody_keeps_and_in_a_command_its_own_trace_goes_on_as_it_is(database, flags):
    """With `flags` 01 the cause is kept, and there is no service's telemetry, as in a command; with 00 there is."""
    cause, kept = f"00-{'a' * 32}-{'b' * 16}-{flags}", InMemorySpanExporter()
    database.telemetry = Telemetry("registration", processors=(SimpleSpanProcessor(kept),)) if flags == "00" else None
    async with database.write() as session:
        with within(parent_of(cause)):
            await record(session, EVENT, NOW)
    assert await traces(database) == [cause]
    assert kept.get_finished_spans() == ()
