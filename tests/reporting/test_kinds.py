"""What each type of a partner's event becomes, and who may send it about whom."""

import base64
import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from sqlalchemy import select

from services.reporting import observations, reports, submissions
from services.reporting.models import inbound
from services.reporting.reports import ReturnForm
from services.reporting.signatures import signed_content
from shared.database import Database
from shared.delivery import STRUCTURED, Inbound
from shared.events.campaign import UnitKind
from shared.events.contract import inbound_types
from shared.events.registration import PartnerAdmitted, PartnerRevoked
from shared.events.reporting import (
    Channel,
    EventRejected,
    IndicatorCorrected,
    ObservationAccepted,
    ReorganisationProposed,
    ReportAccepted,
    ReportSubmitted,
    UnitReorganised,
    WorkProposed,
    WorkReported,
)
from shared.shadows import shadow_of
from tests.reporting import world
from tests.reporting.world import COMMUNE, DISTRICT, OPENED, OTHER, arrive, hear, observed, said

NOW = OPENED + timedelta(days=2)
WORK = "00000000-0000-7000-8000-0000000000aa"


def message(kind: str, data: dict[str, Any], event: str = "e-1", client: str = "kho-bac", sandbox: bool = False, **headers: str) -> Inbound:
    """A partner's message of any kind, in binary mode."""
    attributes = {"ce-specversion": "1.0", "ce-id": event, "ce-source": "//x.example", "ce-type": kind, "content-type": "application/json"}
    tail = kind.removeprefix("inbound.")
    return Inbound(f"inbound.{client}.{'sandbox.' if sandbox else ''}{tail}", attributes | headers, json.dumps(data).encode())


def named(unit: str) -> dict[str, str]:
    return {"scheme": "dinh-danh", "value": world.CODES[unit]}


def report(**changes: Any) -> dict[str, Any]:
    values = [
        {"indicator": world.REVENUE, "value": "21.5", "unit_of_measure": "ty-dong", "kind": "preliminary", "as_of": "2023-07-14"},
        {"indicator": world.DISBURSED, "value": 31, "unit_of_measure": "phan-tram", "kind": "preliminary", "as_of": "2023-07-14"},
    ]
    return {"campaign": world.CODE, "unit": named(COMMUNE), "round": "ky-1", "values": values} | changes


def progressed(**changes: Any) -> dict[str, Any]:
    return {"campaign": world.CODE, "unit": named(COMMUNE), "work": WORK, "status": "started", "day": "2023-07-10"} | changes


def reorganised(**changes: Any) -> dict[str, Any]:
    return {
        "campaign": world.CODE, "predecessors": [named(COMMUNE), named(OTHER)], "successor": named(DISTRICT), "day": "2023-07-10",
        "legal_act": "NQ 1/2023",
    } | changes  # fmt: skip


def correction(**changes: Any) -> dict[str, Any]:
    return {"campaign": world.CODE, "replaces": "e-1", "value": "33", "unit_of_measure": "phan-tram"} | changes


OBSERVED = "inbound.indicator.observed.v1"


async def may_say_all(database: Database, **changes: Any) -> None:
    facts = {"revision": 5, "types": inbound_types(), "indicators": (world.REVENUE, world.DISBURSED)} | changes
    await hear(database, world.treasury(**facts))


async def rows(database: Database) -> list[Any]:
    async with database.read() as session:
        return list((await session.execute(select(inbound).order_by(inbound.c.id))).all())


async def refused_fields(database: Database) -> list[str]:
    return [fault.field for event in await said(database, EventRejected) for fault in event.faults]


async def test_a_report_on_behalf_of_a_unit_is_judged_like_the_units_own(movement: Database) -> None:
    await may_say_all(movement)
    await arrive(movement, message(ReportSubmitted.TYPE, report()), NOW)
    [event] = await said(movement, ReportAccepted)
    assert (event.unit, event.channel, event.on_time) == (COMMUNE, Channel.PARTNER, True)
    assert [value.value for value in event.values] == [Decimal("21.5"), Decimal(31)]
    [row] = await rows(movement)
    assert row.effect == f"report:{event.report}"


async def handed_in(database: Database, now: datetime = NOW) -> None:
    async with database.write() as session:
        await submissions.submit(session, world.form(), world.clerk(), now)


async def test_a_report_on_behalf_never_takes_the_place_of_the_units_own_even_when_that_was_returned(movement: Database) -> None:
    await may_say_all(movement)
    await handed_in(movement)
    await arrive(movement, message(ReportSubmitted.TYPE, report()), NOW)
    async with movement.write() as session:
        [row] = await reports.listed(session, world.CODE)
        await reports.give_back(session, ReturnForm(row.report, "Xem lại", {}), world.head(), NOW)
    await arrive(movement, message(ReportSubmitted.TYPE, report(), event="e-2"), NOW)
    assert await refused_fields(movement) == ["round", "round"]
    assert [event.channel for event in await said(movement, ReportAccepted)] == [Channel.API]


async def test_a_report_on_behalf_is_corrected_by_its_sender_until_the_unit_corrects_it(movement: Database) -> None:
    await may_say_all(movement)
    for event in ("e-1", "e-2"):
        await arrive(movement, message(ReportSubmitted.TYPE, report(), event=event), NOW)
    await handed_in(movement)
    await arrive(movement, message(ReportSubmitted.TYPE, report(), event="e-3"), NOW)
    assert [event.channel for event in await said(movement, ReportAccepted)] == [Channel.PARTNER, Channel.PARTNER, Channel.API]
    assert await refused_fields(movement) == ["round"]


async def test_what_one_partner_handed_in_for_a_unit_no_other_partner_changes(movement: Database) -> None:
    await may_say_all(movement)
    await may_say_all(movement, client="thue")
    await arrive(movement, message(ReportSubmitted.TYPE, report()), NOW)
    await arrive(movement, message(ReportSubmitted.TYPE, report(), client="thue"), NOW)
    assert await refused_fields(movement) == ["round"]
    [event] = await said(movement, ReportAccepted)
    await arrive(movement, message(ReportSubmitted.TYPE, report(), event="e-2"), NOW)
    assert [(event.report, event.revision) for event in await said(movement, ReportAccepted)] == [(event.report, 1), (event.report, 2)]


BAD_REPORTS = {
    "round": (report(round="ky-9"), ["round"]),
    "missing figure": (report(values=report()["values"][:1]), [f"values.{world.DISBURSED}"]),
    "unit": (report(unit={"scheme": "dinh-danh", "value": "H35.404"}), ["unit"]),
    "province": (report(unit=named(world.PROVINCE)), ["unit"]),
    "values": (report(values="x"), ["values"]),
}


@pytest.mark.parametrize("case", BAD_REPORTS)
async def test_a_report_that_cannot_stand_changes_nothing(movement_on_sqlite: Database, case: str) -> None:
    await may_say_all(movement_on_sqlite)
    data, fields = BAD_REPORTS[case]
    await arrive(movement_on_sqlite, message(ReportSubmitted.TYPE, data), NOW)
    assert await said(movement_on_sqlite, ReportAccepted) == []
    found = await refused_fields(movement_on_sqlite)
    assert len(found) >= 1
    assert case == "missing figure" or found == fields


async def test_a_works_progress_and_a_reorganisation_are_told_as_proposals(movement: Database) -> None:
    await may_say_all(movement)
    await arrive(movement, message(WorkReported.TYPE, progressed()), NOW)
    await arrive(movement, message(UnitReorganised.TYPE, reorganised(), event="e-2"), NOW)
    [work] = await said(movement, WorkProposed)
    assert (work.unit, work.work, work.status, work.client, work.event) == (COMMUNE, WORK, "started", "kho-bac", "e-1")
    [units] = await said(movement, ReorganisationProposed)
    assert (units.predecessors, units.successor) == ((COMMUNE, OTHER), DISTRICT)


async def test_a_correction_replaces_the_figure_of_the_event_it_cites_and_both_stay_readable(movement: Database) -> None:
    await may_say_all(movement)
    await arrive(movement, message(OBSERVED, observed("30")), NOW)
    await arrive(movement, message(IndicatorCorrected.TYPE, correction(), event="e-2"), NOW)
    first, second = await said(movement, ObservationAccepted)
    assert (second.observation, second.value, second.revision, second.as_of) == (first.observation, Decimal(33), 2, first.as_of)
    old, new = await rows(movement)
    assert (old.state, old.superseded_by, new.superseded_by) == ("accepted", new.id, None)
    async with movement.read() as session:
        assert [row.value for row in await observations.of_unit(session, world.CODE, COMMUNE)] == [Decimal(33)]


@pytest.mark.parametrize("cited", ["nothing", "e-1", "rejected"])
async def test_a_correction_cites_the_newest_accepted_event_of_its_own_sender(movement_on_sqlite: Database, cited: str) -> None:
    database = movement_on_sqlite
    await may_say_all(database)
    await hear(database, world.treasury(client="thue", revision=5, types=inbound_types()))
    await arrive(database, message(OBSERVED, observed("30"), client="thue", event="nothing"), NOW)
    await arrive(database, message(OBSERVED, observed("30")), NOW)
    await arrive(database, message(OBSERVED, observed("31"), event="e-3"), NOW)
    await arrive(database, message(OBSERVED, observed("x"), event="rejected"), NOW)
    before = len(await said(database, ObservationAccepted))
    await arrive(database, message(IndicatorCorrected.TYPE, correction(replaces=cited), event="e-9"), NOW)
    assert (await refused_fields(database))[-1] == "replaces"
    assert len(await said(database, ObservationAccepted)) == before


NO_LONGER_ITS_OWN: dict[str, dict[str, Any]] = {"kind": {"kinds": (UnitKind.DISTRICT,)}, "branch": {"units": (OTHER,)}}


@pytest.mark.parametrize("case", NO_LONGER_ITS_OWN)
async def test_a_correction_is_held_to_the_units_that_its_sender_may_speak_of_now(movement: Database, case: str) -> None:
    await may_say_all(movement)
    await arrive(movement, message(OBSERVED, observed("30")), NOW)
    await may_say_all(movement, revision=6, **NO_LONGER_ITS_OWN[case])
    await arrive(movement, message(IndicatorCorrected.TYPE, correction(), event="e-2"), NOW)
    assert await refused_fields(movement) == ["replaces"]
    assert len(await said(movement, ObservationAccepted)) == 1
    await may_say_all(movement, revision=7, units=(DISTRICT,))
    await arrive(movement, message(IndicatorCorrected.TYPE, correction(), event="e-3"), NOW)
    assert len(await said(movement, ObservationAccepted)) == 2


async def test_a_type_that_was_not_granted_is_refused(movement: Database) -> None:
    await arrive(movement, message(WorkReported.TYPE, progressed()), NOW)
    assert await refused_fields(movement) == ["type"]
    assert await said(movement, WorkProposed) == []


async def test_a_partner_held_to_a_branch_may_not_speak_of_a_unit_beside_it(movement: Database) -> None:
    await may_say_all(movement, units=(COMMUNE,))
    await arrive(movement, message(OBSERVED, observed("30")), NOW)
    await arrive(movement, message(OBSERVED, observed("30", about=OTHER), event="e-2"), NOW)
    await arrive(movement, message(OBSERVED, observed("30", about=DISTRICT), event="e-3"), NOW)
    assert [event.unit for event in await said(movement, ObservationAccepted)] == [COMMUNE]
    assert await refused_fields(movement) == ["unit", "unit"]


async def test_a_refused_event_comes_again_mended_under_its_id_and_counts_once(movement: Database) -> None:
    await arrive(movement, message(OBSERVED, observed("chín mươi")), NOW)
    await arrive(movement, message(OBSERVED, observed("90", unit_of_measure="ty-dong")), NOW)
    await arrive(movement, message(OBSERVED, observed("90")), NOW)
    await arrive(movement, message(OBSERVED, observed("90")), NOW)
    assert len(await said(movement, ObservationAccepted)) == 1
    first, second, third = await rows(movement)
    assert [row.state for row in (first, second, third)] == ["rejected", "rejected", "accepted"]
    assert (first.superseded_by, second.superseded_by, third.repeats) == (third.id, third.id, 1)
    await arrive(movement, message(OBSERVED, observed("91")), NOW)
    assert [row.state for row in await rows(movement)][-1] == "conflict"


async def came_again(database: Database, *tries: tuple[Inbound, datetime]) -> None:
    """Each but the last is refused; the last, with the same body, is accepted in the place of all."""
    for given, at in tries:
        await arrive(database, given, at)
    *refused, last = await rows(database)
    assert [row.state for row in (*refused, last)] == [*["rejected"] * len(refused), "accepted"]
    assert {row.superseded_by for row in refused} == {last.id}
    assert len(await said(database, ObservationAccepted)) == 1


async def test_a_refused_event_whose_header_alone_is_mended_is_judged_anew(movement: Database) -> None:
    wrong = message(OBSERVED, observed("30"), **{"ce-specversion": "0.3"})
    await came_again(movement, (wrong, NOW), (message(OBSERVED, observed("30")), NOW))


async def test_an_event_whose_signature_was_too_old_is_taken_when_it_is_signed_anew(movement: Database) -> None:
    await hear(movement, admitted(quota=100, signing_keys=(public(KEY),)))
    await came_again(movement, (signed(GOOD, age=301), NOW), (signed(GOOD), NOW))


async def test_an_event_refused_for_want_of_a_grant_is_taken_once_that_is_given(movement: Database) -> None:
    given = message(OBSERVED, observed("30"))
    await hear(movement, world.treasury(revision=6, indicators=(world.REVENUE,)))
    await arrive(movement, given, NOW)
    await hear(movement, world.treasury(revision=7))
    await came_again(movement, (given, NOW))


async def test_an_event_refused_again_for_the_same_faults_is_told_once_and_counted(movement: Database) -> None:
    for _ in range(3):
        await arrive(movement, message(OBSERVED, observed("x")), NOW)
    [row] = await rows(movement)
    assert (row.state, row.repeats, row.superseded_by) == ("rejected", 2, None)
    assert len(await said(movement, EventRejected)) == 1


async def test_a_refused_body_is_a_conflict_once_another_was_accepted_under_its_id(movement: Database) -> None:
    for value in ("x", "30", "x", "x"):
        await arrive(movement, message(OBSERVED, observed(value)), NOW)
    assert [(row.state, row.repeats) for row in await rows(movement)] == [("rejected", 0), ("accepted", 0), ("conflict", 1)]


def admitted(**changes: Any) -> PartnerAdmitted:
    return PartnerAdmitted(**({"client": "kho-bac", "revision": 1, "keys": (), "quota": 2, "at": NOW} | changes))


async def states(database: Database) -> list[str]:
    return [row.state for row in await rows(database)]


async def test_who_was_shut_out_is_refused_from_then_on_in_whatever_order_it_is_heard(movement: Database) -> None:
    await hear(movement, PartnerRevoked(client="kho-bac", revision=2, at=NOW))
    await hear(movement, admitted())
    await arrive(movement, message(OBSERVED, observed("30")), NOW)
    assert await states(movement) == ["rejected"]
    assert await said(movement, ObservationAccepted) == []


KEY, STRANGER = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()


def signed(given: Inbound, key: Ed25519PrivateKey = KEY, id: str = "e-1", age: float = 0, **changes: Any) -> Inbound:
    timestamp = str(int((NOW - timedelta(seconds=age)).astimezone(UTC).timestamp()))
    signature = "v1a," + base64.b64encode(key.sign(signed_content(id, timestamp, given.body))).decode()
    headers = given.headers | {"webhook-id": id, "webhook-timestamp": timestamp, "webhook-signature": signature} | changes
    return Inbound(given.subject, headers, given.body)


def in_one_piece(given: Inbound) -> Inbound:
    """The same event in structured mode."""
    attributes = {name[3:]: value for name, value in given.headers.items() if name.startswith("ce-")}
    return Inbound(given.subject, {"content-type": STRUCTURED}, json.dumps(attributes | {"data": json.loads(given.body)}).encode())


BINARY = message(OBSERVED, observed("30"))
GOOD = in_one_piece(BINARY)
SIGNATURES = {
    "none": (GOOD, ["webhook-signature"]),
    "altered": (Inbound(GOOD.subject, signed(GOOD).headers, GOOD.body.replace(b"30", b"99")), ["webhook-signature"]),
    "under another id": (Inbound(GOOD.subject, signed(GOOD).headers | {"webhook-id": "e-2"}, GOOD.body), ["webhook-id"]),
    "id and header changed": (Inbound(GOOD.subject, signed(GOOD).headers | {"webhook-id": "e-2"}, GOOD.body.replace(b"e-1", b"e-2")), ["webhook-signature"]),
    "too old": (signed(GOOD, age=301), ["webhook-timestamp"]),
    "in the future": (signed(GOOD, age=-301), ["webhook-timestamp"]),
    "made younger": (Inbound(GOOD.subject, signed(GOOD, age=9999).headers | {"webhook-timestamp": str(int(NOW.timestamp()))}, GOOD.body), ["webhook-signature"]),
    "at no number of seconds": (signed(GOOD, **{"webhook-timestamp": "²"}), ["webhook-timestamp"]),
    "in other digits": (signed(GOOD, **{"webhook-timestamp": "١٦٨٩"}), ["webhook-timestamp"]),
    "in binary mode": (signed(BINARY), ["content-type"]),
    "in binary mode as another type": (
        Inbound(f"inbound.kho-bac.{ReportSubmitted.TYPE.removeprefix('inbound.')}", signed(BINARY).headers | {"ce-type": ReportSubmitted.TYPE}, BINARY.body), ["content-type"]
    ),
    "sent as another type": (
        Inbound("inbound.kho-bac.report.submitted.v1", signed(GOOD).headers, GOOD.body.replace(b"indicator.observed", b"report.submitted")), ["webhook-signature"]
    ),
    "foreign": (signed(GOOD, STRANGER), ["webhook-signature"]),
    "no base64": (signed(GOOD, **{"webhook-signature": "v1a,%%%"}), ["webhook-signature"]),
    "symmetric": (signed(GOOD, **{"webhook-signature": "v1,abcd"}), ["webhook-signature"]),
}


def public(key: Ed25519PrivateKey) -> str:
    return base64.b64encode(key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)).decode()


@pytest.mark.parametrize("case", SIGNATURES)
async def test_a_signature_that_does_not_hold_is_refused(movement_on_sqlite: Database, case: str) -> None:
    await hear(movement_on_sqlite, admitted(quota=100, signing_keys=(public(KEY),)))
    given, fields = SIGNATURES[case]
    await arrive(movement_on_sqlite, given, NOW)
    assert await refused_fields(movement_on_sqlite) == fields
    assert await said(movement_on_sqlite, ObservationAccepted) == []


TRIED = in_one_piece(message(OBSERVED, observed("30"), sandbox=True))
OFFICIAL = "inbound.kho-bac.indicator.observed.v1"
REPLAYS = {
    "a trial as an official event": (Inbound(OFFICIAL, signed(TRIED, id="sandbox:e-1").headers, TRIED.body), "webhook-id"),
    "a trial under another id": (Inbound(OFFICIAL, signed(TRIED, id="sandbox:e-1").headers, TRIED.body.replace(b"e-1", b"sandbox:e-1")), "id"),
    "a trial with its id cut": (Inbound(OFFICIAL, signed(TRIED, id="sandbox:e-1").headers | {"webhook-id": "e-1"}, TRIED.body), "webhook-signature"),
    "an official event as a trial": (Inbound(TRIED.subject, signed(GOOD).headers, GOOD.body), "webhook-id"),
    "an official event with a longer id": (Inbound(TRIED.subject, signed(GOOD).headers | {"webhook-id": "sandbox:e-1"}, GOOD.body), "webhook-signature"),
}


@pytest.mark.parametrize("case", REPLAYS)
async def test_what_is_signed_for_the_sandbox_holds_there_alone_and_the_other_way_round(movement_on_sqlite: Database, case: str) -> None:
    await hear(movement_on_sqlite, admitted(quota=100, signing_keys=(public(KEY),)))
    given, field = REPLAYS[case]
    await arrive(movement_on_sqlite, given, NOW)
    assert await refused_fields(movement_on_sqlite) == [field]
    assert await states(movement_on_sqlite) == ["rejected"]


async def test_a_signed_trial_is_judged_and_the_same_event_signed_in_earnest_is_taken(movement: Database) -> None:
    await hear(movement, admitted(quota=100, signing_keys=(public(KEY),)))
    await arrive(movement, signed(TRIED, id="sandbox:e-1"), NOW)
    await arrive(movement, signed(GOOD), NOW)
    assert await states(movement) == ["accepted", "accepted"]
    assert [event.campaign for event in await said(movement, ObservationAccepted)] == [shadow_of(world.CODE, "kho-bac"), world.CODE]


async def test_a_signed_event_is_taken_once_and_a_replay_of_it_has_no_effect(movement: Database) -> None:
    await hear(movement, admitted(quota=100, signing_keys=(public(STRANGER), public(KEY))))
    for _ in range(3):
        await arrive(movement, signed(GOOD), NOW)
    assert len(await said(movement, ObservationAccepted)) == 1
    [row] = await rows(movement)
    assert row.repeats == 2


@pytest.mark.parametrize(("time", "fields"), [("2023-07-17T00:10:00+07:00", ["time"]), ("2023-07-16T23:59:00", ["time"]), ("yesterday", ["time"]), ("0001-01-01T00:00:00+14:00", ["time"]), ("9999-12-31T23:59:59Z", ["time"]), ("2023-07-01T00:00:00Z", [])])
async def test_an_events_own_time_is_a_moment_that_has_come(movement_on_sqlite: Database, time: str, fields: list[str]) -> None:
    await arrive(movement_on_sqlite, message(OBSERVED, observed("30"), **{"ce-time": time}), NOW)
    assert await refused_fields(movement_on_sqlite) == fields
