"""A partner that signs, with `cryptography` and nothing of ours: events through both doors, right ones and such as somebody tampered with."""

import asyncio
import base64
import json
import sys
import time
import urllib.request

import nats
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

GIVEN = json.loads(sys.argv[1])
OWN = load_pem_private_key(GIVEN["pem"].encode(), password=None)
assert isinstance(OWN, Ed25519PrivateKey)


def signed(id: str, body: bytes, key: Ed25519PrivateKey = OWN, age: int = 0) -> dict[str, str]:
    timestamp = str(int(time.time()) - age)
    signature = base64.b64encode(key.sign(f"{id}.{timestamp}.".encode() + body)).decode()
    return {"content-type": "application/cloudevents+json", "webhook-id": id, "webhook-timestamp": timestamp, "webhook-signature": f"v1a,{signature}"}


def cases(door: str) -> list[tuple[dict[str, str], bytes]]:
    def event(name: str) -> tuple[str, bytes]:
        id = f"py-{door}-{name}"
        return id, json.dumps(GIVEN["event"] | {"id": id}).encode()

    good = event("good")
    right = (signed(*good), good[1])
    altered, old, foreign, unsigned = map(event, ("altered", "old", "foreign", "unsigned"))
    return [
        right, right,
        (signed(*altered), altered[1].replace(b'"30"', b'"99"')),
        (signed(*old, age=400), old[1]),
        (signed(*foreign, key=Ed25519PrivateKey.generate()), foreign[1]),
        ({"content-type": "application/cloudevents+json"}, unsigned[1]),
    ]  # fmt: skip


for headers, body in cases("http"):
    shown = headers | {"authorization": f"Bearer {GIVEN['key']}"}
    with urllib.request.urlopen(urllib.request.Request(f"{GIVEN['web']}/reporting/api/events", body, shown)) as answer:
        assert answer.status == 202


async def by_nats() -> None:
    connection = await nats.connect(GIVEN["nats"], nkeys_seed_str=GIVEN["seed"])
    for headers, body in cases("nats"):
        await connection.jetstream().publish("inbound.kho-bac.indicator.observed.v1", body, headers=headers)
    await connection.close()


asyncio.run(by_nats())
