"""The JSON API of a running reporting service."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
import pytest_asyncio

from services.reporting import reports
from shared.events.registration import Role
from shared.events.reporting import EventRejected, ReportAccepted
from shared.security import wall_now
from tests.reporting import world
from tests.reporting.desk import KEY, Desk, desk_of
from tests.reporting.world import (
    COMMUNE,
    DEADLINE,
    OPENED,
    OTHER,
    binary,
    clerk,
    head,
    observed,
    officer,
    said,
    secretary,
)

NOW = OPENED + timedelta(days=2)


@pytest_asyncio.fixture
async def desk(app_of) -> AsyncIterator[Desk]:
    async with desk_of(app_of("reporting"), NOW) as found:
        yield found


def value(code: str = world.REVENUE, amount: Any = 20.1, measure: str = "ty-dong", **more: Any) -> dict[str, Any]:
    return {"indicator": code, "value": amount, "unit_of_measure": measure, "kind": "preliminary", "as_of": "2023-07-14"} | more


def body(first: dict[str, Any] | None = None, **changes: Any) -> dict[str, Any]:
    values = [value() if first is None else first, value(world.DISBURSED, 30, "phan-tram")]
    return {"campaign": world.CODE, "unit": {"scheme": "dinh-danh", "value": "H35.1.1"}, "round": "ky-1", "values": values} | changes


async def post(desk: Desk, given: Any = None, who=None, **headers: str) -> Any:
    return await desk.ask(who or clerk(), "POST", "/api/reports", json=body() if given is None else given, headers=headers)


def fields(response: Any) -> list[str]:
    return [fault["field"] for fault in response.json()["faults"]]


async def test_a_report_gets_a_receipt_and_can_be_read_back(desk: Desk) -> None:
    response = await post(desk)
    assert response.status_code == 201, response.text
    receipt = response.json()
    assert (receipt["revision"], receipt["status"], receipt["on_time"], receipt["flags"]) == (1, "accepted", True, [])
    [event] = await said(desk.database, ReportAccepted)
    assert str(event.values[0].value) == "20.1"
    found = (await desk.ask(clerk(), "GET", f"/api/reports/{receipt['report']}")).json()
    assert found["values"][0]["value"] == "20.1"
    assert [entry["status"] for entry in found["history"]] == ["accepted"]
    [listed] = (await desk.ask(clerk(), "GET", "/api/reports?round=ky-1")).json()
    assert listed["report"] == receipt["report"]
    assert (await desk.ask(clerk(OTHER), "GET", "/api/reports")).json() == []


async def test_the_same_key_has_one_effect_and_the_first_answer(desk: Desk) -> None:
    who = clerk()
    first = await post(desk, who=who, **{"idempotency-key": "a"})
    again = await post(desk, who=who, **{"idempotency-key": "a"})
    assert (again.status_code, again.json()) == (201, first.json())
    assert len(await said(desk.database, ReportAccepted)) == 1
    other = await post(desk, body(value(amount=21)), who=who, **{"idempotency-key": "a"})
    assert (other.status_code, fields(other)) == (409, ["idempotency-key"])
    assert (await post(desk, who=who, **{"idempotency-key": "x" * 129})).status_code == 422


@pytest.mark.parametrize(
    ("given", "status", "named"),
    [
        (body(value(amount="1,234.5")), 422, "values.0.value"),
        (body(value(amount="1.234")), 422, "values.0.value"),
        (body(value(amount=True)), 422, "values.0.value"),
        (body(value(amount=int("1" * 30))), 422, "values.0.value"),
        (body(value(kind="guess")), 422, "values.0.kind"),
        (body(value(as_of="14/13/2023")), 422, "values.0.as_of"),
        (body(value(measure="phan-tram")), 422, "values.0.unit_of_measure"),
        (body(value(code="la")), 422, "values"),
        (body(values=[]), 422, "values"),
        (body(values={}), 422, "values"),
        (body(values=[3]), 422, "values.0"),
        (body(round="ky-9"), 404, "round"),
        (body(campaign="la"), 404, "campaign"),
        (body(unit={"scheme": "dinh-danh", "value": "H99"}), 404, "unit"),
        (body(unit="la"), 404, "unit"),
        (body(unit=7), 422, "unit"),
        (body(unit={"scheme": "dinh-danh", "value": "H35.1.2"}), 404, "unit"),
        (body(round="ky-2"), 422, "round"),
    ],
    ids=[
        "English grouping", "two readings", "a truth", "thirty digits", "unknown kind", "no such day", "wrong measure", "unknown indicator",
        "no values", "values not a list", "a value not an object", "unknown round", "unknown campaign", "unknown unit by code",
        "unknown unit by id", "a unit that is a number", "another unit", "a round not open",
    ],
)  # fmt: skip
async def test_bad_input_is_named_by_field_in_both_languages_and_changes_nothing(desk: Desk, given: Any, status: int, named: str) -> None:
    told = []
    for language in ("vi", "en"):
        response = await post(desk, given, **{"accept-language": language})
        assert (response.status_code, fields(response)[0]) == (status, named), response.text
        told.append(response.json()["faults"][0]["message"])
    assert told[0] != told[1]
    assert await said(desk.database, ReportAccepted) == []


@pytest.mark.parametrize(
    "raw",
    [b"{", b"[]", b'{"values": NaN}', b'{"round": "a", "round": "b"}', b"[" * 5000, b'{"round": "ky\\ud800"}', b"\xff", b""],
    ids=["cut off", "a list", "NaN", "a name twice", "deep", "half a pair", "not UTF-8", "nothing"],
)
async def test_a_body_that_is_no_strict_json_is_refused(desk: Desk, raw: bytes) -> None:
    response = await desk.ask(clerk(), "POST", "/api/reports", content=raw, headers={"content-type": "application/json"})
    assert response.status_code == 422
    assert response.json()["faults"]


async def test_a_large_body_is_refused(desk: Desk) -> None:
    response = await desk.ask(clerk(), "POST", "/api/reports", content=b" " * 10_000_000, headers={"content-type": "application/json"})
    assert response.status_code == 413


async def test_an_unambiguous_vietnamese_number_is_taken(desk: Desk) -> None:
    assert (await post(desk, body(value(amount="1.234,5")))).status_code == 201
    assert str((await said(desk.database, ReportAccepted))[0].values[0].value) == "1234.5"


async def test_without_a_session_nothing_is_answered(desk: Desk) -> None:
    for method, path in [("POST", "/api/reports"), ("GET", "/api/books"), ("GET", "/api/discrepancies"), ("GET", "/api/rounds")]:
        assert (await desk.ask(None, method, path, json={})).status_code == 401
    expired = KEY.issue(clerk(), wall_now() - timedelta(hours=11))
    response = await desk.client.get("/reporting/api/rounds", headers={"authorization": f"Bearer {expired}"})
    assert response.status_code == 401


@pytest.mark.parametrize("who", [officer(COMMUNE, Role.AUDITOR), officer(COMMUNE, Role.OPERATOR)])
async def test_seeing_is_not_writing(desk: Desk, who) -> None:
    assert (await post(desk, who=who)).status_code == 403


async def test_a_superior_does_not_write_as_its_subordinate(desk: Desk) -> None:
    assert (await post(desk, who=head())).status_code == 404


async def test_a_report_is_read_by_its_unit_and_those_above_and_is_not_there_for_others(desk: Desk) -> None:
    report = (await post(desk)).json()["report"]
    for who, status in ((clerk(), 200), (head(), 200), (secretary(), 200), (clerk(OTHER), 404)):
        assert (await desk.ask(who, "GET", f"/api/reports/{report}")).status_code == status


async def test_an_odd_value_is_taken_and_listed(desk: Desk) -> None:
    flags = (await post(desk, body(value(amount=900)))).json()["flags"]
    assert [(flag["indicator"], flag["code"]) for flag in flags] == [(world.REVENUE, "outlier")]


async def test_the_head_above_returns_a_report_and_the_unit_corrects_it(desk: Desk) -> None:
    report = (await post(desk)).json()["report"]
    path = f"/api/reports/{report}/return"
    assert fields(await desk.ask(head(), "POST", path, json={"reason": ""})) == ["reason"]
    assert (await desk.ask(head(OTHER), "POST", path, json={"reason": "x"})).status_code == 404
    answer = await desk.ask(head(), "POST", path, json={"reason": "Sai", "notes": {world.REVENUE: "Gấp mười"}})
    assert (answer.status_code, answer.json()["status"]) == (200, "returned")
    assert (await post(desk)).json()["revision"] == 3


async def test_rounds_say_their_state(desk: Desk) -> None:
    await world.tick(desk.database, NOW)
    found = (await desk.ask(clerk(), "GET", "/api/rounds")).json()
    assert [(r["round"], r["state"]) for r in found] == [("ky-1", "open"), ("ky-2", "announced")]


async def test_a_discrepancy_is_listed_to_those_concerned_and_decided_by_the_secretary(desk: Desk) -> None:
    await post(desk)
    await world.arrive(desk.database, binary(observed("35")), NOW)
    [row] = (await desk.ask(clerk(), "GET", "/api/discrepancies")).json()
    assert (row["reported"], row["observed"], row["state"]) == ("30", "35", "open")
    assert (await desk.ask(clerk(OTHER), "GET", "/api/discrepancies")).json() == []
    path = f"/api/discrepancies/{row['discrepancy']}/resolve"
    assert (await desk.ask(clerk(), "POST", path, json={"kept": "unit", "reason": "x"})).status_code == 403
    assert fields(await desk.ask(secretary(), "POST", path, json={"kept": "both", "reason": "x"})) == ["kept"]
    answer = await desk.ask(secretary(), "POST", path, json={"kept": "partner", "reason": "Theo Kho bạc"})
    assert (answer.json()["state"], answer.json()["kept"]) == ("resolved", "partner")
    assert len(await said(desk.database, ReportAccepted)) == 2


async def test_a_locked_round_is_opened_for_one_unit(desk: Desk) -> None:
    desk.at(world.local(5, 11))
    assert fields(await post(desk)) == ["round"]
    opening = {"unit": COMMUNE, "round": "ky-1", "until": "2023-11-06T17:00:00", "reason": "Lũ quét"}
    assert (await desk.ask(clerk(), "POST", "/api/openings", json=opening)).status_code == 403
    assert fields(await desk.ask(secretary(), "POST", "/api/openings", json=opening | {"until": "mai"})) == ["until"]
    assert (await desk.ask(secretary(), "POST", "/api/openings", json=opening)).status_code == 201
    assert (await post(desk)).status_code == 201


async def test_completeness_shows_what_one_may_see(desk: Desk) -> None:
    await post(desk)
    mine = (await desk.ask(head(), "GET", "/api/completeness?round=ky-1")).json()
    assert {unit["unit"]: unit["standing"] for unit in mine["units"]}[COMMUNE] == "on-time"
    assert (mine["counts"]["expected"], mine["counts"]["received"]) == (3, 1)
    assert [u["unit"] for u in (await desk.ask(clerk(), "GET", "/api/completeness?round=ky-1")).json()["units"]] == [COMMUNE]


async def test_the_books_are_for_those_who_check(desk: Desk) -> None:
    await post(desk)
    assert (await desk.ask(clerk(), "GET", "/api/books")).status_code == 403
    desk.at(DEADLINE)
    found = (await desk.ask(officer(COMMUNE, Role.OPERATOR), "GET", "/api/books")).json()
    assert (found["expected"], found["received"], found["on_time"], found["missing"], found["open"]) == (3, 1, 1, 2, 0)


async def test_a_partners_message_comes_in_over_the_broker_by_the_simulated_clock(app_of) -> None:
    import asyncio

    import nats

    async with desk_of(app_of("reporting"), NOW, ("kho-bac",)) as desk:
        connection = await nats.connect(desk.service.settings.nats_url)
        for message in (binary(b"{", event="bad"), binary(observed("30"))):
            await connection.jetstream().publish(message.subject, message.body, headers=message.headers)
        async with asyncio.timeout(60):
            while len(await said(desk.database, world.ObservationAccepted)) < 1:
                await asyncio.sleep(0.05)
        [rejected] = await said(desk.database, EventRejected)
        assert rejected.at == NOW
        await connection.close()
        async with desk.database.read() as session:
            assert await reports.listed(session, world.CODE) == []
