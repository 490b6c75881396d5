"""A partner's own program: the official CloudEvents SDK and nats-py, and nothing of ours. Prints what it got back, a JSON object a line."""

import asyncio
import json
import sys
import urllib.request
from typing import Any

import nats
from cloudevents.core.bindings.http import HTTPMessage, to_binary, to_structured
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent

GIVEN = json.loads(sys.argv[1])
TYPE = "inbound.indicator.observed.v1"


def event(id: str, value: str) -> CloudEvent:
    attributes = {"id": id, "source": "//kho-bac.example", "type": TYPE, "specversion": "1.0", "datacontenttype": "application/json"}
    return CloudEvent(attributes, GIVEN["data"] | {"value": value})


def tell(**what: Any) -> None:
    print(json.dumps(what))


def post(message: HTTPMessage) -> None:
    shown = {**message.headers, "authorization": f"Bearer {GIVEN['key']}"}
    with urllib.request.urlopen(urllib.request.Request(f"{GIVEN['web']}/reporting/api/events", message.body, shown)) as answer:
        tell(status=answer.status, **json.load(answer))


async def converse() -> None:
    connection = await nats.connect(GIVEN["nats"], nkeys_seed_str=GIVEN["seed"])
    live = await connection.subscribe("reporting.event.rejected.v1.kho-bac", max_msgs=1)
    for id, value in (("py-nats", "32"), ("py-bad", "x")):
        message = to_structured(event(id, value), JSONFormat())
        stored = await connection.jetstream().publish(f"inbound.kho-bac.{TYPE.removeprefix('inbound.')}", message.body, headers=dict(message.headers))
        tell(stream=stored.stream, seq=stored.seq)
    tell(live=json.loads((await live.next_msg(timeout=60)).data)["event"])
    place = await connection.jetstream(domain="thidua").pull_subscribe_bind("partner-kho-bac", "REPORTING")
    for message in await place.fetch(1, timeout=60):
        tell(kept=json.loads(message.data)["event"])
        await message.ack()
    await connection.close()


post(to_binary(event("py-binary", "30"), JSONFormat()))
post(to_structured(event("py-structured", "31"), JSONFormat()))
asyncio.run(converse())
