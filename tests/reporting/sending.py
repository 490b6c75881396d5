"""How a partner's program speaks to the HTTP door, and what it hears of its events."""

import asyncio
import contextlib
import hashlib
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import httpx
from fastapi import FastAPI

from shared.events.registration import (
    PartnerAdmitted,
    PartnerKey,
)
from tests.reporting import world
from tests.reporting.desk import Desk, desk_of
from tests.reporting.world import OPENED, hear, observed

NOW = OPENED + timedelta(days=2)
KEY, OTHER_KEY, OLD_KEY = "thidua.kho-bac.secret", "thidua.thue.secret", "thidua.kho-bac.old"
KIND = "inbound.indicator.observed.v1"
STRUCTURED, BATCH = "application/cloudevents+json", "application/cloudevents-batch+json"


def admitted(client: str = "kho-bac", *keys: str, **changes: Any) -> PartnerAdmitted:
    held = tuple(PartnerKey(key=key, nkey="U", secret_sha256=hashlib.sha256(key.encode()).hexdigest()) for key in keys)
    return PartnerAdmitted(**({"client": client, "revision": 1, "keys": held, "quota": 1000, "at": NOW} | changes))


@contextlib.asynccontextmanager
async def door_of(app: FastAPI) -> AsyncIterator[Desk]:
    """The door of a running service, with two partners let in."""
    async with desk_of(app, NOW, ("kho-bac", "thue")) as found:
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


async def listed(desk: Desk, path: str = "/reporting/api/events") -> httpx.Response:
    return await desk.client.get(path, headers={"authorization": f"Bearer {KEY}"})
