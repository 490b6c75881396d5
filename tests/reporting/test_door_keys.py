"""The door opens to a key that holds, for as long as it does, and for what is its holder's."""

import hashlib
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from decimal import Decimal

import pytest
import pytest_asyncio

from services.reporting.observations import of_unit
from shared.events.registration import (
    PartnerKey,
    PartnerRevoked,
)
from shared.security import wall_now
from tests.reporting import world
from tests.reporting.desk import Desk
from tests.reporting.sending import KEY, NOW, OLD_KEY, OTHER_KEY, admitted, binary, door_of, post, sent, verdict
from tests.reporting.world import COMMUNE, hear, observed


@pytest_asyncio.fixture
async def desk(app_of) -> AsyncIterator[Desk]:
    async with door_of(app_of("reporting")) as found:
        yield found


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
