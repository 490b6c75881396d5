"""Partners' events: accepted, refused with reasons, counted, kept in conflict, or waiting; never a dead letter for being bad."""

import json
from datetime import date, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from services.reporting import ledger, observations, submissions
from services.reporting.models import inbound
from shared.database import Database
from shared.delivery import Inbound, restore
from shared.events.registration import CampaignPublished, PartnerAdmitted
from shared.events.reporting import DiscrepancyOpened, EventRejected, ObservationAccepted, ReportSubmitted
from shared.testing.databases import fresh_database
from tests.reporting import world
from tests.reporting.world import COMMUNE, OPENED, arrive, binary, hear, observed, said, structured, tick

NOW = OPENED + timedelta(days=2)


async def states(database: Database) -> list[str]:
    async with database.read() as session:
        return [row.state for row in await session.execute(select(inbound).order_by(inbound.c.received_at, inbound.c.id))]


async def counts(database: Database) -> dict[str, int]:
    async with database.read() as session:
        return await ledger.counts(session)


async def faults_of(database: Database, message: Inbound) -> list[str]:
    await arrive(database, message, NOW)
    [event] = await said(database, EventRejected)
    assert await said(database, ObservationAccepted) == []
    assert await states(database) == ["rejected"]
    assert all(fault.vi and fault.en for fault in event.faults)
    return [fault.field for fault in event.faults]


@pytest.mark.parametrize("mode", [binary, structured])
async def test_a_figure_in_either_mode_stands_beside_the_units_own(movement: Database, mode) -> None:
    await arrive(movement, mode(observed("61.234")), NOW)
    [event] = await said(movement, ObservationAccepted)
    assert (event.unit, event.value, event.as_of, event.client, event.revision) == (
        COMMUNE, Decimal("61.234"), date(2023, 7, 14), "kho-bac", 1,
    )  # fmt: skip
    assert await counts(movement) == {"received": 1, "accepted": 1, "rejected": 0, "duplicate": 0, "conflict": 0, "waiting": 0, "parked": 0}


async def test_a_json_number_is_taken_exactly(movement: Database) -> None:
    await arrive(movement, binary(json.dumps(observed(0)).replace('"value": 0', '"value": 0.30').encode()), NOW)
    [event] = await said(movement, ObservationAccepted)
    assert str(event.value) == "0.30"


async def test_the_same_event_twice_has_one_effect_and_is_counted(movement: Database) -> None:
    for _ in range(3):
        await arrive(movement, binary(observed()), NOW)
    assert len(await said(movement, ObservationAccepted)) == 1
    assert await counts(movement) == {"received": 3, "accepted": 1, "rejected": 0, "duplicate": 2, "conflict": 0, "waiting": 0, "parked": 0}


async def test_another_body_under_a_used_id_is_a_conflict_that_both_sides_see(movement: Database) -> None:
    await arrive(movement, binary(observed("30")), NOW)
    await arrive(movement, binary(observed("31")), NOW + timedelta(minutes=1))
    await arrive(movement, binary(observed("31")), NOW + timedelta(minutes=2))
    assert [e.value for e in await said(movement, ObservationAccepted)] == [Decimal(30)]
    [event] = await said(movement, EventRejected)
    assert [fault.field for fault in event.faults] == ["id"]
    assert await states(movement) == ["accepted", "conflict"]
    assert await counts(movement) == {"received": 3, "accepted": 1, "rejected": 0, "duplicate": 2, "conflict": 1, "waiting": 0, "parked": 0}


async def test_the_same_id_from_another_client_is_another_event(movement: Database) -> None:
    await hear(movement, world.treasury(client="thue"))
    await arrive(movement, binary(observed()), NOW)
    await arrive(movement, binary(observed("30.5"), client="thue"), NOW)
    assert await states(movement) == ["accepted", "accepted"]


async def test_a_newer_figure_of_the_same_day_supersedes_and_keeps_the_earlier(movement: Database) -> None:
    await arrive(movement, binary(observed("30"), event="a"), NOW)
    await arrive(movement, binary(observed("31"), event="b"), NOW)
    first, second = await said(movement, ObservationAccepted)
    assert (first.observation, second.revision) == (second.observation, 2)
    async with movement.read() as session:
        assert [row.value for row in await observations.of_unit(session, world.CODE, COMMUNE)] == [Decimal(31)]


async def test_an_event_with_very_many_faults_is_told_the_first_ones_and_how_many_there_are(movement: Database) -> None:
    """A message of 60 KB can have a hundred thousand, and what is told of them must fit into a message again, or nothing is told any more."""
    report = {"campaign": world.CODE, "unit": {"scheme": "dinh-danh", "value": "H35.1"}, "round": "r1", "values": [{}] * 20_000}
    sent = binary(report, type=ReportSubmitted.TYPE)
    await arrive(movement, Inbound(f"inbound.kho-bac.{ReportSubmitted.TYPE.removeprefix('inbound.')}", sent.headers, sent.body), NOW)
    [event] = await said(movement, EventRejected)
    assert (len(event.faults), event.faults[0].field) == (101, "values.0.indicator")
    assert (event.faults[-1].field, event.faults[-1].vi) == ("", "Còn 99900 lỗi khác. Hãy sửa các lỗi trên rồi gửi lại.")


async def test_a_field_with_a_very_long_name_is_told_by_its_beginning(movement: Database) -> None:
    name = json.dumps("x" * 500_000)
    await arrive(movement, binary(f"{{{name}: 1, {name}: 2}}".encode()), NOW)
    [event] = await said(movement, EventRejected)
    assert {len(fault.field) for fault in event.faults} == {255}


BAD_DATA = {
    "a number in words": (observed("chín mươi"), ["value"]),
    "a decimal comma": (observed("1,5"), ["value"]),
    "no value": (observed(None), ["value"]),
    "thirty digits": (observed("1" * 30), ["value"]),
    "a truth as value": (observed(value=True), ["value"]),
    "wrong unit of measure": (observed(unit_of_measure="ty-dong"), ["unit_of_measure"]),
    "out of range": (observed("100.5"), ["value"]),
    "unknown unit": (observed(unit={"scheme": "dinh-danh", "value": "H35.404"}), ["unit"]),
    "a unit that was not there yet": (observed(as_of="2022-12-31"), ["unit"]),
    "a unit of another kind": (observed(unit={"scheme": "dinh-danh", "value": "H35"}), ["unit"]),
    "unit without value": (observed(unit={"scheme": "dinh-danh"}), ["unit.value"]),
    "unknown indicator": (observed(indicator="grdp"), ["indicator"]),
    "an indicator of others": (observed(indicator=world.REVENUE, unit_of_measure="ty-dong"), ["indicator"]),
    "unknown kind": (observed(kind="guess"), ["kind"]),
    "a day that is none": (observed(as_of="2023-02-30"), ["as_of"]),
    "a day to come": (observed(as_of="2023-07-30"), ["as_of"]),
    "no campaign": (observed(campaign=""), ["campaign"]),
    "a list": ([1, 2], [""]),
    "a unit that is a text": (observed(unit="H35.1.1"), ["unit"]),
    "two faults at once": (observed("x", unit_of_measure=""), ["value", "unit_of_measure"]),
}


@pytest.mark.parametrize("case", BAD_DATA)
async def test_bad_data_is_refused_by_field(movement_on_sqlite: Database, case: str) -> None:
    data, fields = BAD_DATA[case]
    assert await faults_of(movement_on_sqlite, binary(data)) == fields


GOOD = json.dumps(observed())
BAD_MESSAGES = {
    "no json": (binary(b"{"), [""]),
    "nothing": (binary(b""), [""]),
    "NaN": (binary(GOOD.replace('"30"', "NaN").encode()), ["value"]),
    "1e400": (binary(GOOD.replace('"30"', "1e400").encode()), ["value"]),
    "a name twice": (binary(b'{"value": 1, "value": 2}'), ["value"]),
    "too deep": (binary(b"[" * 5000 + b"]" * 5000), [""]),
    "half a pair": (binary(GOOD.replace("phan-tram", "\\ud800").encode()), ["unit_of_measure"]),
    "not UTF-8": (binary(b'{"note": "\xff"}'), [""]),
    "over 2 MB": (binary(b" " * 2_000_001), [""]),
    "no id": (binary(observed(), event=""), ["id"]),
    "long id": (binary(observed(), event="x" * 129), ["id"]),
    "no source": (binary(observed(), source=""), ["source"]),
    "no type": (binary(observed(), type=""), ["type"]),
    "unknown type": (binary(observed(), type="inbound.works.opened.v1"), ["type"]),
    "version 2": (binary(observed(), type="inbound.indicator.observed.v2"), ["type"]),
    "another CloudEvents": (binary(observed(), specversion="0.3"), ["specversion"]),
    "structured without data": (structured(None).__class__(
        "inbound.kho-bac.indicator.observed.v1", {"content-type": "application/cloudevents+json"},
        json.dumps({"specversion": "1.0", "id": "1", "source": "s", "type": "inbound.indicator.observed.v1"}).encode(),
    ), ["data"]),
    "structured list": (Inbound("inbound.kho-bac.indicator.observed.v1", {"content-type": "application/cloudevents+json"}, b"[]"), [""]),
    "structured with a number as id": (structured(observed(), id=7), ["id"]),
    "xml": (Inbound("inbound.kho-bac.indicator.observed.v1", binary(observed()).headers | {"Content-Type": "text/xml"}, b"<a/>"),
            ["content-type", ""]),
    "version 2 by subject": (Inbound("inbound.kho-bac.indicator.observed.v2", binary(observed()).headers, GOOD.encode()), ["subject"]),
    "unknown subject": (Inbound("inbound.kho-bac.x", binary(observed()).headers, GOOD.encode()), ["subject"]),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD_MESSAGES)
async def test_a_broken_message_is_refused_in_words(movement_on_sqlite: Database, case: str) -> None:
    message, fields = BAD_MESSAGES[case]
    assert await faults_of(movement_on_sqlite, message) == fields


async def test_a_refusal_names_its_client_in_the_subject(movement: Database) -> None:
    from shared.outbox import outbox

    await arrive(movement, binary(b"{"), NOW)
    async with movement.read() as session:
        assert await session.scalar(select(outbox.c.subject)) == "reporting.event.rejected.v1.kho-bac"


async def test_a_partner_that_was_switched_off_is_refused(movement: Database) -> None:
    await hear(movement, world.treasury(revision=2, active=False))
    assert await faults_of(movement, binary(observed())) == [""]


async def test_a_figure_waits_for_its_campaign_and_partner(database: Database) -> None:
    await arrive(database, binary(observed()), NOW)
    assert await states(database) == ["waiting"]
    await arrive(database, binary(observed()), NOW)
    assert (await counts(database))["duplicate"] == 1
    await hear(database, *(event for event in world.everything() if event.TYPE != CampaignPublished.TYPE))
    assert await states(database) == ["waiting"]
    await hear(database, CampaignPublished(campaign=world.CODE, revision=1, definition=world.movement()))
    assert await states(database) == ["accepted"]
    assert len(await said(database, ObservationAccepted)) == 1


async def test_what_nobody_registers_is_refused_after_a_day(movement: Database) -> None:
    await arrive(movement, binary(observed(campaign="la")), NOW)
    await tick(movement, NOW + timedelta(hours=23))
    assert await states(movement) == ["waiting"]
    await tick(movement, NOW + timedelta(days=1))
    await tick(movement, NOW + timedelta(days=2))
    assert await states(movement) == ["rejected"]
    [event] = await said(movement, EventRejected)
    assert [fault.field for fault in event.faults] == ["campaign"]


async def test_unsound_text_is_refused_and_kept_on_postgresql_too(movement: Database) -> None:
    message = binary(GOOD.replace("phan-tram", "\\u0000").encode(), event="a\x00b")
    assert await faults_of(movement, message) == ["unit_of_measure", "id"]


ENDS_OF_TIME = ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00", "9999-12-31T23:59:59Z", "0001-01-01T00:00:00Z"]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    body=st.one_of(st.binary(max_size=60), st.recursive(st.none() | st.booleans() | st.floats() | st.text(), st.lists).map(
        lambda v: json.dumps(v).encode()
    ), st.dictionaries(st.sampled_from(sorted(observed())), st.text() | st.integers() | st.none()).map(lambda v: json.dumps(v).encode())),
    headers=st.dictionaries(st.sampled_from(["ce-id", "CE-Type", "ce-source", "content-type", "ce-specversion"]), st.text(max_size=20)),
    time=st.text(max_size=30) | st.datetimes(timezones=st.timezones()).map(datetime.isoformat) | st.sampled_from(ENDS_OF_TIME),
    stamp=st.text(max_size=12) | st.text("0123456789²٣", min_size=1, max_size=12),
    trace=st.text(max_size=100) | st.from_regex(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2,40}", fullmatch=True),
    subject=st.sampled_from(["inbound.kho-bac.indicator.observed.v1", "inbound.kho-bac", "inbound.kho-bac.sandbox.a.b.v1"]),
)  # fmt: skip
async def test_no_message_ever_breaks_the_intake(
    body: bytes, headers: dict[str, str], time: str, stamp: str, trace: str, subject: str
) -> None:
    more = {"ce-id": "1", "ce-time": time, "webhook-id": "1", "webhook-timestamp": stamp, "webhook-signature": "v1a,x", "traceparent": trace}
    async with fresh_database("reporting") as database:
        await hear(database, PartnerAdmitted(client="kho-bac", revision=1, keys=(), quota=9, signing_keys=("x",), at=NOW))
        await arrive(database, Inbound(subject, more | headers, body), NOW)
        assert len(await states(database)) == 1
    kept = restore(more | headers, body, subject).meta.traceparent
    assert kept is None or len(kept) == 55


TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.mark.parametrize(
    ("given", "kept"),
    [(TRACE, TRACE), (TRACE + "-more", None), (TRACE.upper(), None), ("x" * 5000, None), (TRACE[:3] + "0" * 32 + TRACE[35:], None), ("ff" + TRACE[2:], None)],
)
def test_a_trace_is_followed_only_if_it_is_one_wherever_the_event_says_it(given: str, kept: str | None) -> None:
    by_header, by_attribute = binary(observed()), structured(observed(), traceparent=given)
    messages = [by_attribute, *(Inbound(by_header.subject, by_header.headers | {name: given}, by_header.body) for name in ("Traceparent", "ce-traceparent"))]
    assert {restore(one.headers, one.body, one.subject).meta.traceparent for one in messages} == {kept}


async def test_a_figure_of_another_window_is_compared_with_no_report(movement: Database) -> None:

    async with movement.write() as session:
        await submissions.submit(session, world.form(), world.clerk(), NOW)
    await arrive(movement, binary(observed("90", as_of="2023-05-01")), NOW)
    assert await said(movement, DiscrepancyOpened) == []
