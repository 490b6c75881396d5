"""A partner past its quota is parked with a reason in its own stream: visible, in order, and without a row; nobody else waits for it."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from typing import Any

import nats
import nats.js.errors
import pytest
import pytest_asyncio
from nats.js.api import StreamConfig
from sqlalchemy import select

from services.reporting import inbound_streams, observations
from services.reporting.models import inbound
from shared.broker import INBOUND_BATCH
from shared.delivery import Inbound
from shared.events.registration import PartnerRevoked
from shared.events.reporting import ObservationAccepted
from tests.reporting import world
from tests.reporting.desk import Desk, desk_of
from tests.reporting.sending import BATCH, KEY, NOW, OTHER_KEY, STRUCTURED, admitted, binary, post, whole
from tests.reporting.world import hear, observed, said


@pytest_asyncio.fixture
async def desk(app_of) -> AsyncIterator[Desk]:
    """A minute begins in which the treasury has room for three; what was asked for before its quota was known has come."""
    async with desk_of(app_of("reporting"), NOW - timedelta(minutes=1), ("kho-bac", "thue")) as found:
        await hear(found.database, world.treasury(client="thue"), admitted("kho-bac", KEY, quota=3), admitted("thue", OTHER_KEY))
        await publish(found, [world.binary(observed("20"), event=f"before-{number}") for number in range(INBOUND_BATCH)])
        async with asyncio.timeout(60):
            while (await ask(found, "pace"))["taken"] < INBOUND_BATCH:
                await asyncio.sleep(0.02)
        found.at(NOW)
        yield found


def figures(*values: Any, start: int = 0, client: str = "kho-bac") -> list[Inbound]:
    return [world.binary(observed(value), event=f"e-{start + place}", client=client) for place, value in enumerate(values)]


async def publish(desk: Desk, messages: Sequence[Inbound]) -> list[int]:
    """Over NATS, as a partner does; returns the places in the stream."""
    connection = await nats.connect(desk.service.settings.nats_url)
    try:
        return [(await connection.jetstream().publish(m.subject, m.body, headers=m.headers)).seq for m in messages]
    finally:
        await connection.close()


async def rows(desk: Desk, client: str = "kho-bac") -> list[Any]:
    async with desk.database.read() as session:
        query = select(inbound).where(inbound.c.client == client, inbound.c.event.like("e-%")).order_by(inbound.c.id)
        return list((await session.execute(query)).all())


async def decided(desk: Desk, number: int, client: str = "kho-bac") -> list[str]:
    """The states of a partner's events once so many rows are there."""
    async with asyncio.timeout(60):
        while len(found := await rows(desk, client)) < number:
            await asyncio.sleep(0.02)
    return [row.state for row in found]


async def ask(desk: Desk, path: str, key: str = KEY) -> Any:
    return (await desk.client.get(f"/reporting/api/{path}", headers={"authorization": f"Bearer {key}"})).json()


async def parked(desk: Desk, number: int) -> dict[str, Any]:
    """The partner's pace, once so many of its events are parked."""
    async with asyncio.timeout(60):
        while (found := await ask(desk, "pace"))["parked"]["count"] != number:
            await asyncio.sleep(0.02)
    return found


async def test_what_goes_beyond_the_quota_waits_in_its_stream_with_a_reason_and_is_taken_in_order_when_there_is_room(desk: Desk) -> None:
    places = await publish(desk, figures(*range(30, 38)))
    await publish(desk, figures("50", client="thue"))
    assert await decided(desk, 1, "thue") == ["accepted"]
    pace = await parked(desk, 5)
    assert (pace["quota"], pace["taken"]) == (3, 3)
    assert pace["parked"]["since"]
    assert all(fault["vi"] and fault["en"] for fault in pace["parked"]["faults"])
    seen = await ask(desk, f"events/INBOUND_kho-bac:{places[3]}")
    assert (seen["state"], seen["faults"]) == ("parked", pace["parked"]["faults"])
    assert (await ask(desk, f"events/INBOUND_kho-bac:{places[2]}"))["state"] in {"accepted", "superseded"}
    for minute, number in ((1, 6), (2, 8)):
        assert len(await rows(desk)) == min(8, 3 * minute)
        desk.at(NOW + timedelta(minutes=minute))
        await decided(desk, number)
    assert [row.event for row in await rows(desk)] == [f"e-{number}" for number in range(8)]
    assert (await ask(desk, "pace"))["parked"] == {"count": 0}


async def test_everything_that_costs_us_something_counts_whatever_becomes_of_it(desk: Desk) -> None:
    same = figures("30")
    await publish(desk, [*same, *same, *figures("x", start=1), *figures("31", start=2)])
    await parked(desk, 1)
    assert await decided(desk, 2) == ["accepted", "rejected"]


async def test_what_one_that_was_shut_out_still_sends_is_refused_at_a_low_pace(desk: Desk, monkeypatch) -> None:
    monkeypatch.setattr("services.reporting.paces.REVOKED_PACE", 2)
    await hear(desk.database, PartnerRevoked(client="kho-bac", revision=2, at=NOW))
    await publish(desk, figures("30", "31", "32", "33"))
    assert await decided(desk, 2) == ["rejected", "rejected"]
    desk.at(NOW + timedelta(minutes=1))
    assert await decided(desk, 4) == ["rejected"] * 4


async def test_the_page_shows_what_is_parked_since_when_and_why(desk: Desk) -> None:
    await publish(desk, figures(*range(30, 35)))
    await parked(desk, 2)
    page = (await desk.see(world.secretary(), "/partners/kho-bac")).text
    assert "2 sự kiện đang được giữ trong luồng" in page
    assert "Vượt hạn mức 3 sự kiện mỗi phút" in page


async def test_a_batch_that_no_minute_has_room_for_is_to_be_split(desk: Desk) -> None:
    answer = await post(desk, json.dumps([whole(f"b-{n}") for n in range(4)]), content_type=BATCH)
    assert answer.status_code == 422
    assert "3" in answer.text
    assert (await desk.service.jetstream.stream_info("INBOUND_kho-bac")).state.messages == INBOUND_BATCH


async def test_checking_counts_like_sending(desk: Desk) -> None:
    one = json.dumps(whole())
    statuses = [(await post(desk, one, path="events/check", content_type=STRUCTURED)).status_code for _ in range(4)]
    assert statuses == [200, 200, 200, 429]
    assert (await post(desk, json.dumps(observed("30")), **binary())).status_code == 429
    assert (await post(desk, one, path="events/check", key=OTHER_KEY, content_type=STRUCTURED)).status_code == 200


async def test_a_raised_quota_lets_in_what_is_parked_at_once(desk: Desk) -> None:
    await publish(desk, figures(*range(30, 35)))
    await parked(desk, 2)
    await hear(desk.database, admitted("kho-bac", KEY, quota=10, revision=2))
    assert len(await decided(desk, 5)) == 5


async def test_an_event_with_which_the_program_fails_is_undone_alone_and_its_neighbours_are_decided(desk: Desk, monkeypatch) -> None:
    take = observations.take

    async def fails_with_13(session, ground, sender, data, now):
        effect = await take(session, ground, sender, data, now)
        if data["value"] == "13":
            raise ValueError("a mistake of ours")
        return effect

    monkeypatch.setattr(observations, "take", fails_with_13)
    await publish(desk, figures(*map(str, range(10, 17)), client="thue"))
    async with asyncio.timeout(60):
        while len(await rows(desk, "thue")) < 6:
            await asyncio.sleep(0.02)
    assert {row.event for row in await rows(desk, "thue")} == {f"e-{number}" for number in range(7) if number != 3}
    assert [event.value for event in await said(desk.database, ObservationAccepted) if event.client == "thue"].count(13) == 0
    monkeypatch.setattr(observations, "take", take)
    await decided(desk, 7, "thue")


async def test_only_what_waits_fills_a_stream_what_was_decided_makes_room(desk: Desk) -> None:
    jetstream = desk.service.jetstream
    config = (await jetstream.stream_info("INBOUND_kho-bac")).config
    await jetstream.update_stream(StreamConfig(**config.__dict__ | {"max_msgs": INBOUND_BATCH + 5}))
    places = await publish(desk, figures(*range(30, 35)))
    await parked(desk, 2)
    assert (await post(desk, json.dumps(observed("30")), key=OTHER_KEY, **binary())).status_code == 202
    with pytest.raises(nats.js.errors.APIError):
        await publish(desk, figures("50", start=9))
    async with asyncio.timeout(60):
        while (await jetstream.consumer_info("INBOUND_kho-bac", "reporting")).ack_floor.stream_seq < places[2]:
            await asyncio.sleep(0.02)
    await inbound_streams.clear(desk.service, "kho-bac")
    state = (await jetstream.stream_info("INBOUND_kho-bac")).state
    assert (state.messages, state.first_seq) == (2, places[3])
    await publish(desk, figures("50", start=9))
    await parked(desk, 3)
    assert (await ask(desk, f"events/INBOUND_kho-bac:{places[0]}"))["state"] == "superseded"
    desk.at(NOW + timedelta(minutes=1))
    await decided(desk, 6)
    assert [row.event for row in await rows(desk)][-3:] == ["e-3", "e-4", "e-9"]
