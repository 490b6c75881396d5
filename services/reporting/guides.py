"""What a partner needs for its first event: its addresses, and commands that work as they stand, for the tools that partners have."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from services.reporting import examples, ledger
from services.reporting.examples import SAMPLE, Occasion
from services.reporting.states import State
from shared.broker import servers_of
from shared.delivery import STRUCTURED
from shared.events import REGISTRY
from shared.events.asyncapi import CLIENT, subject_of, subjects_for
from shared.events.catalogue import schema_of
from shared.events.reporting import IndicatorObserved
from shared.messages import Message
from shared.settings import Settings
from shared.streams import durable_of_client
from shared.web.titles import EVENTS


@dataclass(frozen=True)
class Place:
    """Where a partner finds the doors: addresses of NATS and of the pages."""

    client: str
    campaign: str
    nats: str
    web: str

    @property
    def subject(self) -> str:
        """Where it sends what it sends most: what it sees of a unit."""
        return subject_of(IndicatorObserved).replace(CLIENT, self.client)


def nats_address(settings: Settings) -> str:
    """Where partners reach the broker, one server of it: it names the others by itself. The services' own address may hold their own password."""
    return settings.public_nats_url or re.sub(r"//[^/@]*@", "//", servers_of(settings.nats_url)[0])


@dataclass(frozen=True)
class Said:
    """A type of event that a partner may say: its subject, its title, its schema, an example, and commands that send the example.

    `apt`: the example is one that would be taken now; else the partner's rights leave nothing to make one of, and it shows the form alone.
    """

    kind: str
    subject: str
    title: Message
    schema: dict[str, Any]
    example: dict[str, Any]
    commands: dict[str, str]
    apt: bool


def said(place: Place, allowed: tuple[str, ...], occasion: Occasion = SAMPLE) -> list[Said]:
    """What the partner may say, with everything needed to say it."""
    found = []
    for kind in examples.ORDER:
        if kind in allowed:
            subject = subject_of(REGISTRY[kind]).replace(CLIENT, place.client)
            example = examples.event(kind, place.client, occasion)
            apt = kind not in occasion.wanting
            found.append(Said(kind, subject, EVENTS[kind], schema_of(kind), example, commands(place, subject), apt))
    return found


class Heard(NamedTuple):
    """A subject to listen at, the stream that keeps it, and what is said there."""

    subject: str
    stream: str
    title: Message


def heard(place: Place) -> list[Heard]:
    """What the partner may hear."""
    subjects = subjects_for(place.client)
    return [Heard(subject, subject.partition(".")[0].upper(), EVENTS[subject.removesuffix(f".{place.client}")]) for subject in subjects]


STATES: Mapping[str, Message] = {
    ledger.RECEIVED: Message("Đã nằm trên đĩa của máy chủ, chưa xét."),
    State.WAITING: Message("Chờ phong trào hoặc quyền của hệ thống được báo tới; sau đó tự xét, không phải gửi lại."),
    State.ACCEPTED: Message("Đã nhận và có hiệu lực."),
    State.REJECTED: Message("Bị từ chối, có lý do từng mục; sửa rồi gửi lại với mã cũ, chỉ tính một lần."),
    ledger.DUPLICATE: Message("Đúng sự kiện đã gửi trước đó; không có tác dụng gì thêm."),
    State.CONFLICT: Message("Mã của sự kiện đã được nhận nhưng nội dung khác; nội dung mới cần mã mới."),
    ledger.SUPERSEDED: Message("Đã nhận, rồi một sự kiện mới hơn về cùng số liệu thay chỗ."),
    State.PARKED: Message("Vượt hạn mức nên được giữ trong luồng; tự xét khi có chỗ, không phải gửi lại."),
}
"""What each state of an event means to its sender."""


def commands(place: Place, subject: str) -> dict[str, str]:
    """How to send `event.json` to a subject, by tool."""
    facts = {"subject": subject, "type": STRUCTURED, "nats": place.nats, "web": place.web, "client": place.client}
    return {tool: text.format(**facts) for tool, text in SENDING.items()}


def listening(place: Place) -> dict[str, str]:
    """How to hear, live or from the place that keeps what came while one was away, by tool."""
    facts = {"nats": place.nats, "client": place.client, "durable": durable_of_client(place.client)}
    return {tool: text.format(**facts) for tool, text in LISTENING.items()}


def signing(place: Place) -> dict[str, str]:
    """How to make a key, and how to sign `event.json` and send it through either door, by tool."""
    facts = {"subject": place.subject, "type": STRUCTURED, "nats": place.nats, "web": place.web, "client": place.client}
    return {tool: text.format(**facts) for tool, text in SIGNING.items()}


def asking(place: Place) -> dict[str, str]:
    """What else the HTTP door does, by the name of it: all with the example in `event.json` and the key in PARTNER_KEY."""
    facts = {"structured": STRUCTURED, "web": place.web}
    return {name: text.format(**facts) for name, text in ASKING.items()}


ASKING = {
    "check": """\
curl {web}/reporting/api/events/check -H "authorization: Bearer $PARTNER_KEY" -H "content-type: {structured}" --data-binary @event.json
""",
    "batch": """\
(printf '['; cat event.json; printf ']') > batch.json
curl {web}/reporting/api/events -H "authorization: Bearer $PARTNER_KEY" -H "content-type: application/cloudevents-batch+json" \\
     -H "idempotency-key: batch-1" --data-binary @batch.json
""",
    "binary": """\
attribute() {{ python3 -c 'import json, sys; print(json.load(open("event.json"))[sys.argv[1]])' "$1"; }}
python3 -c 'import json; print(json.dumps(json.load(open("event.json"))["data"]))' > data.json
curl {web}/reporting/api/events -H "authorization: Bearer $PARTNER_KEY" -H "content-type: application/json" \\
     -H "ce-specversion: 1.0" -H "ce-id: $(attribute id)" -H "ce-source: $(attribute source)" -H "ce-type: $(attribute type)" \\
     -H "ce-time: $(attribute time)" --data-binary @data.json
""",
    "one": """\
curl {web}/reporting/api/events/$RECEIPT -H "authorization: Bearer $PARTNER_KEY"
""",
    "listed": """\
curl "{web}/reporting/api/events?state=rejected&limit=100" -H "authorization: Bearer $PARTNER_KEY"
""",
    "pace": """\
curl {web}/reporting/api/pace -H "authorization: Bearer $PARTNER_KEY"
""",
}
SENDING = {
    "nats CLI": """\
nats --server {nats} --nkey {client}.seed request {subject} -H "content-type:{type}" "$(cat event.json)"
""",
    "curl": """\
curl {web}/reporting/api/events -H "authorization: Bearer $PARTNER_KEY" -H "content-type: {type}" --data-binary @event.json
""",
    "Python": """\
# pip install "nats-py[nkeys]"
import asyncio
import nats

async def main():
    connection = await nats.connect("{nats}", nkeys_seed="{client}.seed")
    event = open("event.json", "rb").read()
    stored = await connection.jetstream().publish("{subject}", event, headers={{"content-type": "{type}"}})
    print(f"{{stored.stream}}:{{stored.seq}}")
    await connection.close()

asyncio.run(main())
""",
    "Node": """\
// npm install @nats-io/transport-node
import {{ readFileSync }} from "node:fs";
import {{ connect, headers, nkeyAuthenticator }} from "@nats-io/transport-node";

const seed = new TextEncoder().encode(readFileSync("{client}.seed", "utf8").trim());
const connection = await connect({{ servers: "{nats}", authenticator: nkeyAuthenticator(seed) }});
const mode = headers();
mode.set("content-type", "{type}");
const stored = (await connection.request("{subject}", readFileSync("event.json"), {{ headers: mode, timeout: 5000 }})).json();
console.log(`${{stored.stream}}:${{stored.seq}}`);
await connection.close();
""",
}
LISTENING = {
    "nats CLI": """\
nats --server {nats} --nkey {client}.seed subscribe "reporting.event.rejected.v1.{client}"
nats --server {nats} --nkey {client}.seed --js-domain thidua consumer next REPORTING {durable}
""",
    "Python": """\
import asyncio
import nats

async def main():
    connection = await nats.connect("{nats}", nkeys_seed="{client}.seed")
    place = await connection.jetstream(domain="thidua").pull_subscribe_bind("{durable}", "REPORTING")
    for message in await place.fetch(10, timeout=5):
        print(message.subject, message.data.decode())
        await message.ack()
    await connection.close()

asyncio.run(main())
""",
    "Node": """\
// npm install @nats-io/transport-node @nats-io/jetstream
import {{ readFileSync }} from "node:fs";
import {{ connect, nkeyAuthenticator }} from "@nats-io/transport-node";
import {{ jetstream }} from "@nats-io/jetstream";

const seed = new TextEncoder().encode(readFileSync("{client}.seed", "utf8").trim());
const connection = await connect({{ servers: "{nats}", authenticator: nkeyAuthenticator(seed) }});
const place = await jetstream(connection, {{ domain: "thidua" }}).consumers.get("REPORTING", "{durable}");
for await (const message of await place.fetch({{ max_messages: 10, expires: 5000 }})) {{
  console.log(message.subject, message.string());
  message.ack();
}}
await connection.close();
""",
}
SIGNING = {
    "OpenSSL": """\
openssl genpkey -algorithm ed25519 -out {client}.signing.pem
openssl pkey -in {client}.signing.pem -pubout -outform DER | tail -c 32 | base64
""",
    "Python": """\
# pip install cryptography "nats-py[nkeys]"; python sign.py http, or: python sign.py nats
import asyncio
import base64
import json
import os
import sys
import time
import urllib.request

import nats
from cryptography.hazmat.primitives.serialization import load_pem_private_key

body = open("event.json", "rb").read()
key = load_pem_private_key(open("{client}.signing.pem", "rb").read(), password=None)
id, timestamp = json.loads(body)["id"], str(int(time.time()))
signature = base64.b64encode(key.sign(f"{{id}}.{{timestamp}}.".encode() + body)).decode()
headers = {{
    "content-type": "{type}",
    "webhook-id": id,
    "webhook-timestamp": timestamp,
    "webhook-signature": f"v1a,{{signature}}",
}}

def by_http():
    shown = {{"authorization": f"Bearer {{os.environ['PARTNER_KEY']}}"}}
    request = urllib.request.Request("{web}/reporting/api/events", body, headers | shown)
    with urllib.request.urlopen(request) as answer:
        print(json.load(answer)["events"][0]["receipt"])

async def by_nats():
    connection = await nats.connect("{nats}", nkeys_seed="{client}.seed")
    stored = await connection.jetstream().publish("{subject}", body, headers=headers)
    print(f"{{stored.stream}}:{{stored.seq}}")
    await connection.close()

by_http() if sys.argv[1] == "http" else asyncio.run(by_nats())
""",
    "Node": """\
// npm install @nats-io/transport-node; node sign.mjs http, or: node sign.mjs nats
import {{ createPrivateKey, sign }} from "node:crypto";
import {{ readFileSync }} from "node:fs";
import {{ connect, headers, nkeyAuthenticator }} from "@nats-io/transport-node";

const body = readFileSync("event.json");
const key = createPrivateKey(readFileSync("{client}.signing.pem"));
const id = JSON.parse(body).id;
const timestamp = String(Math.floor(Date.now() / 1000));
const signature = sign(null, Buffer.concat([Buffer.from(`${{id}}.${{timestamp}}.`), body]), key).toString("base64");
const signed = {{
  "content-type": "{type}",
  "webhook-id": id,
  "webhook-timestamp": timestamp,
  "webhook-signature": `v1a,${{signature}}`,
}};

if (process.argv[2] === "http") {{
  const shown = {{ authorization: `Bearer ${{process.env.PARTNER_KEY}}` }};
  const answer = await fetch("{web}/reporting/api/events", {{ method: "POST", headers: {{ ...signed, ...shown }}, body }});
  console.log((await answer.json()).events[0].receipt);
}} else {{
  const seed = new TextEncoder().encode(readFileSync("{client}.seed", "utf8").trim());
  const connection = await connect({{ servers: "{nats}", authenticator: nkeyAuthenticator(seed) }});
  const given = headers();
  for (const [name, text] of Object.entries(signed)) given.set(name, text);
  const stored = (await connection.request("{subject}", body, {{ headers: given, timeout: 5000 }})).json();
  console.log(`${{stored.stream}}:${{stored.seq}}`);
  await connection.close();
}}
""",
}
