"""The ways in: over NATS, and over HTTP one by one or in batches; each waits for the acknowledgement of what it sent."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from nats.js import JetStreamContext

from shared.events.reporting import IndicatorObserved
from tests.bench.doors.load import Load, Sent, encoded, events
from tests.bench.doors.stage import Stage, key_of
from tests.bench.intake.crowd import Line

Event = tuple[Sent, dict[str, Any]]
Way = Callable[[Stage, Sequence[Event]], Awaitable[None]]
"""Sends some events of one partner; raises when they are not taken."""
SLICE_SECONDS = {"nats": 0.1, "http": 0.1, "http-batch": 0.5}
LINES: dict[tuple[int, str], Line] = {}


async def over_nats(stage: Stage, given: Sequence[Event]) -> None:
    """Binary mode, each event acknowledged by itself."""
    await asyncio.gather(*(publish(stage.jetstream, sent, data) for sent, data in given))


async def publish(jetstream: JetStreamContext, sent: Sent, data: dict[str, Any]) -> None:
    """One event in binary mode."""
    headers = {"ce-specversion": "1.0", "ce-id": sent.id, "ce-source": "//bench", "ce-type": IndicatorObserved.TYPE, "content-type": "application/json"}
    subject = f"inbound.{sent.client}.{IndicatorObserved.TYPE.removeprefix('inbound.')}"
    await jetstream.publish(subject, encoded(data), headers=headers, timeout=30)


async def over_http(stage: Stage, given: Sequence[Event]) -> None:
    """Structured mode, one request after the other on the partner's kept connection."""
    for sent, data in given:
        await _post(stage, sent.client, encoded(_structured(sent, data)), "application/cloudevents+json")


async def over_http_in_batches(stage: Stage, given: Sequence[Event]) -> None:
    """One request for all."""
    body = json.dumps([_structured(sent, data) for sent, data in given]).encode()
    if given:
        await _post(stage, given[0][0].client, body, "application/cloudevents-batch+json")


def _structured(sent: Sent, data: dict[str, Any]) -> dict[str, Any]:
    return {"specversion": "1.0", "id": sent.id, "source": "//bench", "type": IndicatorObserved.TYPE, "data": data}


async def _post(stage: Stage, client: str, body: bytes, kind: str) -> None:
    head = f"POST /reporting/api/events HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer {key_of(client)}\r\n"
    request = f"{head}content-type: {kind}\r\ncontent-length: {len(body)}\r\n\r\n".encode() + body
    line = LINES.setdefault((stage.service.port, client), Line(stage.service.port))
    answer = await line.ask(request)
    if answer.status != 202:
        raise RuntimeError(f"{client}: answered {answer.status}")


WAYS: dict[str, Way] = {"nats": over_nats, "http": over_http, "http-batch": over_http_in_batches}


async def send(stage: Stage, door: str, client: str, load: Load) -> list[Sent]:
    """One partner at its share of the rate; a late slice is made up for by the next."""
    coming, done, started, length = events(client, load.bad), list[Sent](), time.perf_counter(), SLICE_SECONDS[door]
    for number in range(1, round(load.seconds / length) + 1):
        wanted = round(load.rate / load.partners * length * number) - len(done)
        given = [next(coming) for _ in range(wanted)]
        await WAYS[door](stage, given)
        done += [sent for sent, _ in given]
        await asyncio.sleep(max(0.0, started + number * length - time.perf_counter()))
    return done


async def hang_up() -> None:
    """Close the connections that were kept."""
    for line in LINES.values():
        await line.close()
    LINES.clear()
